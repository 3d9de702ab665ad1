"""From a warehouse file to estimates and the comparison with the printed numbers."""

from __future__ import annotations

import dataclasses
import io
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.compare import KEYS
from dealer_limits.estimation.observations import standardise
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import run_estimates
from estimate_warehouse import PLANTED_COEFFICIENT, World, make_world, write_warehouse

TABLES = [str(table) for table in range(2, 16)]
# nothing here depends on how many there are
FEW_DRAWS = Bootstrap(draws=40)


def silent() -> Console:
    return Console(file=io.StringIO(), width=120)


def value(estimates: pd.DataFrame, table: str, panel: str, column: str, term: str, statistic: str) -> float:
    return estimates.set_index(KEYS)["value"].loc[(table, panel, column, term, statistic)]


def changed(world: World, **columns: float) -> World:
    """A world with some columns of its desk panel constant."""
    return dataclasses.replace(world, changes=world.changes.assign(**columns))


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(days=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("estimates")


@pytest.fixture(scope="module")
def warehouse(folder: Path, world: World) -> Path:
    return write_warehouse(folder / "w.duckdb", world)


@pytest.fixture(scope="module")
def printout() -> Console:
    return silent()


@pytest.fixture(scope="module")
def estimates(warehouse: Path, folder: Path, printout: Console) -> pd.DataFrame:
    return run_estimates(warehouse, folder / "output", None, printout, FEW_DRAWS)


def test_all_173_columns_are_estimated(estimates: pd.DataFrame, printout: Console):
    assert list(dict.fromkeys(estimates["table"])) == ["1", *TABLES, "A"]
    columns = estimates[estimates["table"].isin(TABLES)][["table", "panel", "column"]].drop_duplicates()
    assert len(columns) == 173
    assert "173 of 173 columns estimated" in printout.file.getvalue()
    assert "not estimated" not in printout.file.getvalue()


def test_quantile_columns_have_both_errors_and_a_pseudo_r2_and_others_have_not(estimates: pd.DataFrame):
    columns = estimates.groupby(["table", "panel", "column"])["statistic"].agg(set)
    quantile = [key for key, found in columns.items() if "se_block" in found]
    assert quantile == [("15", panel, column) for panel in "ab" for column in "234"]
    assert all("pseudo_r2" in columns[key] and "r2" not in columns[key] for key in quantile)
    assert all("first_stage_f" in columns["8", "", column] for column in "123456")


def test_standardised_columns_do_not_depend_on_units(world: World, folder: Path, estimates: pd.DataFrame):
    scaled = world.market_days.assign(
        move=world.market_days["move"] * 100 + 7, curve_fit_error=world.market_days["curve_fit_error"] / 50
    )
    path = write_warehouse(folder / "scaled.duckdb", dataclasses.replace(world, market_days=scaled))
    again = run_estimates(path, folder / "scaled", ["15"], silent(), FEW_DRAWS).set_index(KEYS)["value"]
    first = estimates.set_index(KEYS)["value"].loc[again.index]
    # a measure of another unit is another rounding of the same variable
    np.testing.assert_allclose(again, first, rtol=1e-9, atol=1e-12)


def test_standardised_variables_have_mean_0_and_standard_deviation_1(world: World):
    values = world.market_days["move"].to_numpy()
    expected = (values - values.mean()) / np.std(values, ddof=1)
    np.testing.assert_allclose(standardise(values), expected, rtol=1e-12)
    # a constant whose mean is rounded
    assert (standardise(np.full(2026, 13.37)) == 0).all()


def test_standardised_least_squares_equals_statsmodels(estimates: pd.DataFrame, world: World):
    import statsmodels.formula.api as smf

    days = world.market_days.dropna().drop(columns="business_date")
    full = smf.ols("curve_fit_error ~ move + log_limit_usage_index_residual", (days - days.mean()) / days.std()).fit(
        cov_type="HC1", use_t=True
    )
    for term, column in (
        ("move", "move"),
        ("limit_usage_index_residual", "log_limit_usage_index_residual"),
    ):
        key = ("15", "a", "1", term)
        # both are exact least squares of a well-conditioned problem
        assert value(estimates, *key, "coef") == pytest.approx(full.params[column], rel=1e-10)
        assert value(estimates, *key, "se") == pytest.approx(full.bse[column], rel=1e-10)
        assert value(estimates, *key, "p") == pytest.approx(full.pvalues[column], rel=1e-8)
    assert value(estimates, "15", "a", "1", "", "nobs") == len(days)
    assert value(estimates, "15", "a", "1", "", "r2") == pytest.approx(full.rsquared, rel=1e-12)


def test_bytes_do_not_depend_on_the_number_of_threads(warehouse: Path, folder: Path):
    program = (
        "import io, sys; from pathlib import Path; from rich.console import Console;"
        "from dealer_limits.estimation.quantile import Bootstrap;"
        "from dealer_limits.estimation.run import run_estimates;"
        "run_estimates(Path(sys.argv[1]), Path(sys.argv[2]), ['2', '8', '12', '15'], "
        "Console(file=io.StringIO()), Bootstrap(draws=40))"
    )
    written = []
    for threads in ("1", "2"):
        output = folder / f"threads_{threads}"
        environment = os.environ | {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        subprocess.run([sys.executable, "-c", program, warehouse, output], check=True, env=environment)
        written.append((output / "estimates.parquet").read_bytes())
    assert written[0] == written[1]


def test_row_without_usage_or_change_is_not_counted(estimates: pd.DataFrame, world: World):
    rows = world.changes
    rows = rows[rows["is_prime_treasury_desk"] & (rows["horizon"] == 5)]
    complete = rows.dropna(subset=["d_log_net_position", "log_limit_usage"])
    assert len(complete) < len(rows.dropna(subset=["d_log_net_position"])) < len(rows)
    assert value(estimates, "2", "a", "2", "", "nobs") == len(complete)
    # Table 7 keeps the observations of Table 2 though usage is no regressor of its odd columns
    assert value(estimates, "7", "a", "3", "", "nobs") == len(complete)


def test_samples_select_their_rows(estimates: pd.DataFrame, world: World):
    rows = world.changes
    rows = rows[rows["horizon"] == 1].dropna(subset=["d_log_net_securities_position", "log_limit_usage"])
    in_2020 = rows["is_prime_treasury_desk"] & (rows["business_date"] >= "2020-01-01")
    assert value(estimates, "4", "c", "1", "", "nobs") == in_2020.sum()
    assert value(estimates, "9", "c", "4", "", "nobs") == len(rows)


def test_terms_are_what_their_names_say(estimates: pd.DataFrame, world: World):
    """Interactions and quartile indicators equal a regression on columns that pandas builds."""
    import statsmodels.formula.api as smf

    rows = world.changes
    rows = rows[rows["is_prime_treasury_desk"] & (rows["horizon"] == 1)]
    effects = "C(desk_id) + C(business_date)"
    for key, needed, formula, terms in [
        (
            ("4", "a", "2"),
            ["d_log_net_position", "log_limit_usage"],
            "log_limit_usage * slr_distance_lag_pct",
            {"log_limit_usage:slr_distance_lag_pct": "log_limit_usage_x_lagged_slr_distance"},
        ),
        (
            ("10", "a", "3"),
            ["d_log_net_position"],
            "C(limit_usage_quartile)",
            {f"C(limit_usage_quartile)[T.{quartile}]": f"limit_usage_q{quartile}" for quartile in (2, 3, 4)},
        ),
    ]:
        full = smf.ols(f"d_log_net_position ~ {formula} + {effects}", rows.dropna(subset=needed)).fit(cov_type="HC1")
        for name, term in terms.items():
            assert value(estimates, *key, term, "coef") == pytest.approx(full.params[name], rel=1e-8)
            assert value(estimates, *key, term, "se") == pytest.approx(full.bse[name], rel=1e-8)
        assert value(estimates, *key, "", "r2") == pytest.approx(full.rsquared, rel=1e-8)


def test_planted_coefficient_is_recovered_without_noise(folder: Path):
    path = write_warehouse(folder / "exact.duckdb", make_world(noise=0.0, days=40))
    exact = run_estimates(path, folder / "exact", ["2"], silent())
    coefficients = exact.loc[exact["statistic"] == "coef", "value"]
    assert len(coefficients) == 12
    np.testing.assert_allclose(coefficients, PLANTED_COEFFICIENT, rtol=1e-9)


def test_same_warehouse_same_bytes(warehouse: Path, folder: Path, estimates: pd.DataFrame):
    first = folder / "output"
    run_estimates(warehouse, folder / "again", None, silent(), FEW_DRAWS)
    for name in ("estimates.parquet", "comparison.csv"):
        assert (folder / "again" / name).read_bytes() == (first / name).read_bytes()


def test_written_estimates_are_those_returned_and_have_unique_keys(folder: Path, estimates: pd.DataFrame):
    written = pd.read_parquet(folder / "output" / "estimates.parquet")
    assert list(written.columns) == [*KEYS, "value"]
    assert not written.duplicated(KEYS).any()
    pd.testing.assert_frame_equal(written, estimates, check_dtype=False)


def test_every_printed_number_is_compared(folder: Path, estimates: pd.DataFrame):
    comparison = pd.read_csv(folder / "output" / "comparison.csv", dtype={"table": str, "column": str})
    # 1,034 numbers and the stars of 284 coefficients
    assert len(comparison) == 1034 + 284
    assert comparison["ours"].notna().all()
    rows = comparison
    row = rows[(rows["table"] == "2") & (rows["panel"] == "a") & (rows["column"] == "1")].set_index("statistic")
    assert row.loc["coef", "printed"] == -0.046
    combined = np.hypot(0.017, row.loc["se", "ours"])
    assert row.loc["coef", "difference_in_se"] == pytest.approx((row.loc["coef", "ours"] + 0.046) / combined)
    assert np.isnan(row.loc["se", "difference_in_se"])


def test_table_2_is_shown_with_stars_and_errors_beside_the_printed(printout: Console, estimates: pd.DataFrame):
    text = printout.file.getvalue()
    assert "Table 2 (a)" in text
    assert "-0.046***" in text
    assert "(0.017)" in text
    assert "12,045" in text


def test_summary_statistics_equal_pandas(estimates: pd.DataFrame, world: World):
    days = world.desk_days
    for term, amounts in {
        "net_position": days["net_position_usd_mn"] / 1000,
        "limit_usage": days["limit_usage"],
        "pnl_total_to_var": days["pnl_total_usd_mn"] / days["var_usd_mn"],
        "slr_distance": days["slr_distance_pct"],
    }.items():
        expected = amounts.describe().rename({"std": "sd", "25%": "p25", "50%": "p50", "75%": "p75"})
        for statistic in ("count", "mean", "sd", "p25", "p50", "p75"):
            ours = value(estimates, "1", "a", "", term, statistic)
            assert ours == pytest.approx(expected[statistic], rel=1e-9, abs=1e-9)


def test_missing_warehouse_and_missing_observations_are_said_in_one_line(folder: Path, world: World):
    with pytest.raises(DealerLimitsError, match=r"there is no warehouse .*nowhere.duckdb"):
        run_estimates(folder / "nowhere.duckdb", folder / "x", None, silent())
    path = write_warehouse(folder / "partial.duckdb", make_world(days=20))
    with duckdb.connect(str(path)) as connection:
        connection.execute("drop schema observations cascade")
    with pytest.raises(DealerLimitsError, match="the warehouse has no observations") as caught:
        run_estimates(path, folder / "x", None, silent())
    assert "\n" not in str(caught.value)


def test_file_that_is_no_warehouse_is_said_in_one_line(folder: Path):
    path = folder / "text.duckdb"
    path.write_text("not a database", encoding="utf-8")
    with pytest.raises(DealerLimitsError, match="cannot open") as caught:
        run_estimates(path, folder / "x", None, silent())
    assert "\n" not in str(caught.value)


def test_table_that_the_paper_does_not_have_raises(warehouse: Path, folder: Path):
    with pytest.raises(DealerLimitsError, match=r"there is no Table 16"):
        run_estimates(warehouse, folder / "asked", ["2", "16"], silent())
    assert not (folder / "asked").exists()


def test_table_that_cannot_be_estimated_stops_after_those_that_can_are_written(folder: Path, world: World):
    path = write_warehouse(folder / "none.duckdb", changed(world, firm_limit_increase=np.nan))
    message = r"Table 8 column 1: no row of obs_desk_horizon where is_prime_treasury_desk has"
    with pytest.raises(DealerLimitsError, match=message):
        run_estimates(path, folder / "asked", ["2", "8"], silent())
    assert set(pd.read_parquet(folder / "asked" / "estimates.parquet")["table"]) == {"2"}


def test_column_that_the_observations_lack_stops_after_the_others_are_written_and_shown(folder: Path, world: World):
    lacking = dataclasses.replace(world, changes=world.changes.drop(columns="log_dv01_limit_usage"))
    path = write_warehouse(folder / "lacking.duckdb", lacking)
    console = silent()
    message = "Table 7.a. column 1: obs_desk_horizon has no term log_dv01_limit_usage, the nearest is log_limit_usage"
    with pytest.raises(DealerLimitsError, match=message):
        run_estimates(path, folder / "lacking", None, console, FEW_DRAWS)
    estimates = pd.read_parquet(folder / "lacking" / "estimates.parquet")
    assert set(TABLES) - set(estimates["table"]) == {"7"}
    assert "log_dv01_limit_usage" in console.file.getvalue().partition("not estimated: 24 columns")[2]
    assert "Table 2 (a)" in console.file.getvalue()


def test_infinite_value_is_said_and_never_estimated(folder: Path, world: World):
    changes = world.changes.copy()
    changes.loc[3, "limit_usage_std"] = np.inf
    path = write_warehouse(folder / "infinite.duckdb", dataclasses.replace(world, changes=changes))
    with pytest.raises(DealerLimitsError, match=r"limit_usage_std of obs_desk_horizon has infinite values"):
        run_estimates(path, folder / "infinite", ["10"], silent())


OWN = """table,column,observations,sample,horizon,dependent,regressors,absorb
16,1,obs_desk_horizon,is_prime_treasury_desk,5,d_log_net_position,log_limit_usage;limit_usage_std,desk_id;business_date
16,2,obs_desk_horizon,is_prime_treasury_desk,{horizon},d_log_net_position,{term},desk_id;business_date
"""


@pytest.mark.parametrize(
    ("horizon", "term", "message"),
    [
        (5, "log_limit_usag", "obs_desk_horizon has no term log_limit_usag, the nearest is log_limit_usage"),
        (
            20,
            "log_limit_usage",
            r"has the horizons 1, 5, 10 and not 20: build with --vars '{horizons: \[1, 5",
        ),
    ],
)
def test_own_table_is_estimated_and_shown_though_one_of_its_columns_is_wrong(
    warehouse: Path, folder: Path, horizon: int, term: str, message: str
):
    own, console = folder / "own.csv", silent()
    own.write_text(OWN.format(horizon=horizon, term=term), encoding="utf-8")
    with pytest.raises(DealerLimitsError, match=f"specifications, Table 16 column 2: .*{message}"):
        run_estimates(warehouse, folder / "own", None, console, FEW_DRAWS, own=own)
    shown = console.file.getvalue()
    assert "174 of 175 columns estimated" in shown
    assert shown.count("Table 16") == 2
    comparison = pd.read_csv(folder / "own" / "comparison.csv", dtype={"table": str, "column": str})
    ours = comparison[comparison["table"] == "16"]
    assert set(ours["statistic"]) == {"coef", "se", "stars", "r2", "nobs"}
    assert ours["ours"].notna().all() and ours["printed"].isna().all()
    assert len(comparison) == 1034 + 284 + len(ours)


def test_shadow_costs_are_written_with_their_units_and_are_those_of_table_14(
    folder: Path, estimates: pd.DataFrame, world: World
):
    costs = pd.read_csv(folder / "output" / "shadow_cost.csv", dtype={"column": str})
    assert len(costs) == 9 * 5
    assert costs["unit"].str.startswith("P&L per dollar of VaR").all()
    slope = value(estimates, "14", "b", "2", "log_limit_usage", "coef")
    at_usage = costs[(costs["panel"] == "b") & (costs["column"] == "2")].set_index("usage")
    # the file has ten digits
    assert at_usage.loc[0.40, "shadow_cost"] == pytest.approx(slope / 0.4, rel=1e-9)
    rows = world.changes
    rows = rows[rows["is_prime_treasury_desk"] & (rows["horizon"] == 5)]
    rows = rows.dropna(subset=["d_pnl_new_to_var", "log_limit_usage"])
    mean = (rows["pnl_new_to_var"] + rows["d_pnl_new_to_var"]).mean()
    assert value(estimates, "A", "b", "2", "over_limit", "coef") == pytest.approx(mean + slope, rel=1e-9)
    assert value(estimates, "A", "b", "2", "over_var_at_usage_1.00", "se") == pytest.approx(
        value(estimates, "14", "b", "2", "log_limit_usage", "se")
    )


def test_column_without_variation_is_reported_and_the_others_estimated(folder: Path):
    world = make_world(days=30)
    path = write_warehouse(folder / "flat.duckdb", changed(world, log_dv01_limit_usage=0.0))
    console = silent()
    estimates = run_estimates(path, folder / "flat", None, console, FEW_DRAWS)
    assert "7" not in set(estimates["table"])
    assert {"2", "10"} <= set(estimates["table"])
    assert "of Table 7: " in console.file.getvalue()
    assert "does not vary within desk_id and business_date" in console.file.getvalue()
