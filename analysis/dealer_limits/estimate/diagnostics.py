"""Can these estimates be believed? Diagnostics on any data, beside what they give where the truth is known.

`seeds/diagnostics.csv` has one row per regression, laid out as `specifications.csv`, with three columns more:
the term that is tested, whether the specification is corrected (nothing mechanical is left in it, so that its
coefficient is zero in a world without reactions to limits), and the question that it asks.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimate.observations import observations_query
from dealer_limits.estimate.specifications import Registry, Specification, load_registry
from dealer_limits.warehouse import open_warehouse

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb
    import numpy as np
    import pandas as pd
    from rich.console import Console

KEYS = ["table", "panel", "column"]
WORLD_COLUMNS = ["population", "population_error", "mean", "coverage_95", "rejection"]
_LISTS = ("regressors", "also_observed", "absorb", "endogenous", "instruments")


def run_diagnostics(warehouse: Path, output: Path, console: Console) -> pd.DataFrame:
    """Estimate the diagnostics on a warehouse and write `diagnostics.csv` and `.parquet` to `output`.

    One row per regression and regressor: coef, se, t, the fixed-b critical value at 5% and whether t is
    beyond it, nobs, and for each world the population value with its Monte Carlo error, the mean estimate and
    the share of samples in which the test rejects at 5% (`null_population`, ..., `strong_rejection`), from
    the committed Monte Carlo.

    Raises DealerLimitsError where the warehouse, a mart or the registry is missing.
    """
    import pandas as pd

    with open_warehouse(warehouse) as connection:
        registry = load_registry(connection)
        rows = [
            line for spec in load_diagnostics(connection) for line in _estimate(connection, spec, registry)
        ]
        questions = connection.execute(
            'select "table", panel, "column", tested_term, is_corrected, question from seeds.diagnostics'
        ).df()
        worlds = connection.execute("select * from seeds.montecarlo").df()
    questions["panel"] = questions["panel"].fillna("")
    worlds["panel"] = worlds["panel"].fillna("")
    estimates = pd.DataFrame(rows).merge(questions, on=KEYS, validate="m:1")
    estimates["is_tested"] = estimates["term"] == estimates.pop("tested_term")
    for world, found in worlds.groupby("world", sort=True):
        found = found[[*KEYS, "term", *WORLD_COLUMNS]]
        found = found.rename(columns={name: f"{world}_{name}" for name in WORLD_COLUMNS})
        estimates = estimates.merge(found, on=[*KEYS, "term"], how="left", validate="1:1")
    output.mkdir(parents=True, exist_ok=True)
    estimates.to_csv(output / "diagnostics.csv", index=False, float_format="%.10g", lineterminator="\n")
    estimates.to_parquet(output / "diagnostics.parquet", index=False)
    _show(console, estimates)
    return estimates


def load_diagnostics(connection: duckdb.DuckDBPyConnection) -> tuple[Specification, ...]:
    """The rows of the seed `diagnostics` as specifications, in the order of the file's keys.

    Raises DealerLimitsError where the warehouse has no such seed.
    """
    import duckdb

    names = [field.name for field in fields(Specification)]
    try:
        rows = connection.execute(
            f"""
            select {", ".join(f'"{name}"' for name in names)} from seeds.diagnostics
            order by "table", coalesce(panel, ''), cast("column" as integer)
            """
        ).fetchall()
    except duckdb.CatalogException:
        raise DealerLimitsError(
            "the warehouse has no table seeds.diagnostics: run `dbt build` first"
        ) from None
    return tuple(
        Specification(
            **{
                name: tuple(value.split(";")) if name in _LISTS and value else () if name in _LISTS else value
                for name, value in zip(names, row, strict=True)
                if name not in ("panel", "transform", "report_constant")
            },
            panel=row[names.index("panel")] or "",
            transform=row[names.index("transform")] or "",
            report_constant=False,
        )
        for row in rows
    )


def dense(
    connection: duckdb.DuckDBPyConnection, spec: Specification, registry: Registry
) -> tuple[np.ndarray, ...]:
    """Outcome, regressors (k, T, D) and mask (T, D) of a specification: days in order, desks in columns.

    Days without an observation are left out, so that a lag counts days that have some.
    """
    import numpy as np
    import pandas as pd

    rows = connection.execute(observations_query(spec, registry)).df()
    if rows.empty:
        raise DealerLimitsError(f"{spec.label}: no complete observations")
    day = pd.factorize(rows["business_date"], sort=True)[0]
    desk = pd.factorize(rows["desk_id"], sort=True)[0]
    shape = (day.max() + 1, desk.max() + 1)
    mask = np.zeros(shape, dtype=bool)
    mask[day, desk] = True
    columns = []
    for name in ("dependent", *(f"term_{term}" for term in spec.regressors)):
        values = np.zeros(shape)
        values[day, desk] = rows[name].to_numpy(dtype=float)
        columns.append(values)
    return columns[0], np.stack(columns[1:]), mask


def _estimate(
    connection: duckdb.DuckDBPyConnection, spec: Specification, registry: Registry
) -> list[dict[str, object]]:
    from dealer_limits.montecarlo.registry import LAG_DAYS
    from dealer_limits.montecarlo.within import driscoll_kraay, fit_two_way, fixed_b_critical

    outcome, regressors, mask = dense(connection, spec, registry)
    fit = fit_two_way(outcome, list(regressors), mask)
    errors = driscoll_kraay(fit, LAG_DAYS).diagonal() ** 0.5
    critical = fixed_b_critical(0.95, LAG_DAYS, fit.days)
    return [
        {
            "table": spec.table,
            "panel": spec.panel,
            "column": spec.column,
            "outcome": spec.outcome,
            "horizon": spec.horizon,
            "term": term,
            "coef": float(coef),
            "se": float(error),
            "t": float(coef / error),
            "critical_95": critical,
            "rejects": bool(abs(coef / error) > critical),
            "nobs": fit.nobs,
        }
        for term, coef, error in zip(spec.regressors, fit.coef, errors, strict=True)
    ]


def _show(console: Console, estimates: pd.DataFrame) -> None:
    """The tested terms: ours, and the mean estimate and rejections of each world."""
    from rich.table import Table

    table = Table(title="Diagnostics: ours, then the mean estimate in each world (rejections at 5%)")
    worlds = ("null", "paper", "strong")
    for name in ("", "outcome", "h", "corrected", "ours", "se", *worlds):
        table.add_column(name, justify="left" if name in ("", "outcome", "corrected") else "right")
    for row in estimates[estimates["is_tested"]].to_dict("records"):
        known = [
            f"{row[f'{world}_mean']:.3f} ({row[f'{world}_rejection']:.0%})"
            if row.get(f"{world}_mean") is not None
            else ""
            for world in worlds
        ]
        corrected = "yes" if row["is_corrected"] else "no"
        table.add_row(
            f"{row['table']} {row['panel']}", row["outcome"], str(row["horizon"]), corrected,
            f"{row['coef']:.3f}", f"{row['se']:.3f}", *known,
        )  # fmt: skip
    console.print(table)
