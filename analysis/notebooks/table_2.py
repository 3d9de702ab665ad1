# %% [markdown]
# # Do desks near their limits cut positions? From a question to Table 2
#
# A notebook in plain Python: it opens in VS Code, and in Jupyter by jupytext, cell by cell, and runs as a script
# from the folder of the project, `.venv/bin/python analysis/notebooks/table_2.py`. It reads the published warehouse
# that `WAREHOUSE_DIR` names (`warehouse`) and writes nothing but its plot, `output/notebooks/table_2.svg`.

# %%
from __future__ import annotations

import os
from pathlib import Path

import duckdb
import matplotlib.style
import pandas as pd
from linearmodels.panel import PanelOLS
from matplotlib.figure import Figure

from dealer_limits.exhibits.figures import STYLE
from dealer_limits.provenance import mark_figure, sentence_of

WAREHOUSE = Path(os.environ.get("WAREHOUSE_DIR", "warehouse")) / "dealer_limits.duckdb"
OUTPUT = Path(os.environ.get("NOTEBOOK_OUTPUT", "output/notebooks"))
connection = duckdb.connect(str(WAREHOUSE), read_only=True)
sentence = sentence_of(connection)
print(sentence or "Own data.")

# %% [markdown]
# ## The question in numbers
#
# Usage is VaR over the VaR limit of the day before. If a desk that comes near its limit sheds risk, positions
# shrink after days of high usage. A first look, without any model: the mean log change of the net position over ten
# days, by tenths of usage.

# %%
by_usage = connection.execute(
    """
    with desk_days as (
        select
            d_log_net_position,
            ntile(10) over (order by log_limit_usage, desk_id, business_date) as usage_tenth
        from observations.obs_desk_horizon
        where is_prime_treasury_desk
            and horizon = 10
            and d_log_net_position is not null
            and log_limit_usage is not null
    )
    select usage_tenth, round(100 * avg(d_log_net_position), 2) as mean_change_pct, count(*) as desk_days
    from desk_days
    group by usage_tenth
    order by usage_tenth
    """
).df()
print(by_usage.to_string(index=False))

# %% [markdown]
# ## Why that is not enough
#
# Desks differ, and so do days: a desk that is always near its limit may be one whose positions always swing. Table
# 2 compares a desk with itself and with the others of the same day:
#
# Δlog position(t → t + h) = β log usage(t) + effect of the desk + effect of the day + error
#
# Each column of the table is a row of `seeds.specifications`: what is regressed on what, over which horizon.

# %%
columns = connection.execute(
    """
    select panel, "column", horizon, dependent
    from seeds.specifications
    where "table" = '2'
    order by panel, cast("column" as integer)
    """
).df()
print(columns.to_string(index=False))


# %%
def observations_of(horizon: int, dependent: str) -> pd.DataFrame:
    """Prime desks' days on which both variables are there, by desk and day."""
    rows = connection.execute(
        f"""
        select desk_id, business_date, {dependent}, log_limit_usage
        from observations.obs_desk_horizon
        where is_prime_treasury_desk
            and horizon = ?
            and {dependent} is not null
            and log_limit_usage is not null
        order by desk_id, business_date
        """,
        [int(horizon)],
    ).df()
    return rows.set_index(["desk_id", "business_date"])


# %% [markdown]
# ## Table 2, by linearmodels
#
# Effects of desk and day; errors robust to heteroskedasticity with the small-sample correction (HC1), as the
# paper's. Desks or days that are seen once stay: they count for N and change no coefficient.


# %%
def estimate_column(horizon: int, dependent: str) -> dict[str, float]:
    """β with its robust error, interval and N."""
    rows = observations_of(horizon, dependent)
    model = PanelOLS(
        rows[dependent], rows[["log_limit_usage"]], entity_effects=True, time_effects=True, singletons=True
    )
    fit = model.fit(cov_type="robust", debiased=True)
    interval = fit.conf_int().loc["log_limit_usage"]
    return {
        "coef": fit.params["log_limit_usage"],
        "se": fit.std_errors["log_limit_usage"],
        "ci_low": interval["lower"],
        "ci_high": interval["upper"],
        "nobs": float(fit.nobs),
    }


estimates = pd.DataFrame(
    [
        {"panel": each.panel, "column": each.column, "horizon": each.horizon, "dependent": each.dependent}
        | estimate_column(each.horizon, each.dependent)
        for each in columns.itertuples()
    ]
)

# %% [markdown]
# ## Beside the printed numbers

# %%
printed = connection.execute(
    """
    select
        panel,
        "column",
        cast(max(value) filter (statistic = 'coef') as double) as printed,
        cast(max(value) filter (statistic = 'se') as double) as printed_se
    from seeds.printed_tables
    where "table" = '2' and term = 'log_limit_usage'
    group by panel, "column"
    """
).df()
beside = estimates.merge(printed, on=["panel", "column"], how="left", validate="one_to_one")
beside["distance"] = (beside["coef"] - beside["printed"]) / (beside["se"] ** 2 + beside["printed_se"] ** 2) ** 0.5
print(beside.drop(columns=["ci_low", "ci_high"]).round(3).to_string(index=False))

# %% [markdown]
# ## A plot of the coefficients
#
# Dots with lines are ours with 95% intervals, crosses are the paper's.

# %%
with matplotlib.style.context(["default", STYLE]):
    figure = Figure(figsize=(7.5, 5), layout="constrained")
    axes = figure.subplots()
    places = list(range(len(beside), 0, -1))
    labels = [
        f"({each.panel}) {each.column}  {each.dependent.removeprefix('d_log_').replace('_', ' ')}, h = {each.horizon}"
        for each in beside.itertuples()
    ]
    axes.axvline(0, color="0.4", linewidth=0.8)
    axes.hlines(places, beside["ci_low"], beside["ci_high"], color="#08306b")
    axes.plot(beside["coef"], places, "o", color="#08306b", markersize=4, label="ours, 95% interval")
    axes.plot(beside["printed"], places, "x", color="#b3420f", markersize=6, label="printed")
    axes.set_yticks(places, labels)
    axes.set_xlabel("Effect of log limit usage on the log change of the position")
    axes.set_title("Table 2")
    figure.legend(loc="outside lower center", ncols=2)
    mark_figure(figure, sentence)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    figure.savefig(OUTPUT / "table_2.svg", metadata={"Date": None})
print(f"plot: {OUTPUT / 'table_2.svg'}")

# %% [markdown]
# ## What that says, and what it does not
#
# A negative β is what limits would do, and also what they need not do: VaR moves with the position, and positions
# return to their means. In the world `null`, where limits change nothing, these regressions reject in 4 to 50% of
# the worlds (docs/montecarlo.md). `dealer-limits diagnostics` has regressions that tell the two apart,
# `dealer-limits inference` errors that know that horizons overlap, and the report shows both.

# %%
connection.close()
