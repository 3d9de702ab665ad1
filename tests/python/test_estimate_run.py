"""From a warehouse file to estimates and the comparison with the printed numbers."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimate.compare import KEYS
from dealer_limits.estimate.run import run_estimates
from estimate_warehouse import PLANTED_COEFFICIENT, World, make_world, write_warehouse

ESTIMATED = ["2", "3", "4", "5", "6", "7", "9", "10", "11", "12", "13", "14"]


def silent() -> Console:
    return Console(file=io.StringIO(), width=120)


def value(estimates: pd.DataFrame, table: str, panel: str, column: str, term: str, statistic: str) -> float:
    return estimates.set_index(KEYS)["value"].loc[(table, panel, column, term, statistic)]


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
    return run_estimates(warehouse, folder / "output", None, printout)


def test_all_columns_of_least_squares_with_effects_are_estimated(estimates: pd.DataFrame):
    assert list(dict.fromkeys(estimates["table"])) == ["1", *ESTIMATED]
    columns = estimates[estimates["table"] != "1"][["table", "panel", "column"]].drop_duplicates()
    assert len(columns) == 135 + 12 + 6 + 6


def test_what_is_not_estimated_is_said_with_the_reason(estimates: pd.DataFrame, printout: Console):
    text = printout.file.getvalue()
    assert "159 of 173 columns estimated" in text
    assert "not estimated: 6 columns of Table 8: estimation has no iv estimator" in text
    assert "not estimated: 2 columns of Table 15: estimation does not read fct_market_day" in text


def test_row_without_usage_or_change_is_not_counted(estimates: pd.DataFrame, world: World):
    rows = world.panel.merge(world.desk_days, on=["desk_id", "business_date"])
    rows = rows[rows["is_prime_treasury_desk"] & (rows["horizon"] == 5)]
    complete = rows.dropna(subset=["d_net_position", "log_limit_usage"])
    assert len(complete) < len(rows.dropna(subset=["d_net_position"])) < len(rows)
    assert value(estimates, "2", "a", "2", "", "nobs") == len(complete)
    # Table 7 keeps the observations of Table 2 though usage is no regressor of its odd columns
    assert value(estimates, "7", "a", "3", "", "nobs") == len(complete)


def test_samples_select_their_rows(estimates: pd.DataFrame, world: World):
    rows = world.panel.merge(world.desk_days, on=["desk_id", "business_date"])
    rows = rows[rows["horizon"] == 1].dropna(subset=["d_net_position", "log_limit_usage"])
    in_2020 = rows["is_prime_treasury_desk"] & (rows["business_date"] >= "2020-01-01")
    assert value(estimates, "4", "c", "1", "", "nobs") == in_2020.sum()
    assert value(estimates, "9", "c", "1", "", "nobs") == len(rows)


def test_terms_are_what_their_names_say(estimates: pd.DataFrame, world: World):
    """Interactions and quartile indicators equal a regression on columns that pandas builds."""
    import statsmodels.formula.api as smf

    rows = world.panel.merge(world.desk_days, on=["desk_id", "business_date"])
    rows = rows[rows["is_prime_treasury_desk"] & (rows["horizon"] == 1)]
    effects = "C(desk_id) + C(business_date)"
    for key, needed, formula, terms in [
        (
            ("4", "a", "2"),
            ["d_net_position", "log_limit_usage"],
            "log_limit_usage * lagged_slr_distance_pct",
            {"log_limit_usage:lagged_slr_distance_pct": "log_limit_usage_x_lagged_slr_distance"},
        ),
        (
            ("10", "a", "3"),
            ["d_net_position"],
            "C(limit_usage_quartile)",
            {f"C(limit_usage_quartile)[T.{quartile}]": f"limit_usage_q{quartile}" for quartile in (2, 3, 4)},
        ),
    ]:
        full = smf.ols(f"d_net_position ~ {formula} + {effects}", rows.dropna(subset=needed)).fit(
            cov_type="HC1"
        )
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
    run_estimates(warehouse, folder / "again", None, silent())
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
    rows = comparison[comparison["table"].isin(["1", *ESTIMATED])]
    assert rows["ours"].notna().all()
    row = rows[(rows["table"] == "2") & (rows["panel"] == "a") & (rows["column"] == "1")].set_index(
        "statistic"
    )
    assert row.loc["coef", "printed"] == -0.046
    combined = np.hypot(0.017, row.loc["se", "ours"])
    assert row.loc["coef", "difference_in_se"] == pytest.approx((row.loc["coef", "ours"] + 0.046) / combined)
    assert np.isnan(row.loc["se", "difference_in_se"])


def test_table_2_is_shown_with_stars_and_errors_beside_the_printed(
    printout: Console, estimates: pd.DataFrame
):
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


def test_desk_day_missing_from_the_facts_stops_the_run(folder: Path, world: World):
    """An inner join would lose the rows of that day without a word."""
    hole = dataclasses.replace(world, desk_days=world.desk_days.iloc[1:])
    path = write_warehouse(folder / "hole.duckdb", hole)
    with pytest.raises(DealerLimitsError, match=r"3 rows of marts\.panel_desk_horizon have no desk-day"):
        run_estimates(path, folder / "hole", ["2"], silent())


def test_missing_warehouse_and_missing_mart_are_said_in_one_line(folder: Path, world: World):
    with pytest.raises(DealerLimitsError, match=r"there is no warehouse .*nowhere.duckdb"):
        run_estimates(folder / "nowhere.duckdb", folder / "x", None, silent())
    path = write_warehouse(folder / "partial.duckdb", make_world(days=20))
    with duckdb.connect(str(path)) as connection:
        connection.execute("drop table marts.panel_desk_horizon")
    with pytest.raises(DealerLimitsError, match=r"no table marts\.panel_desk_horizon") as caught:
        run_estimates(path, folder / "x", None, silent())
    assert "\n" not in str(caught.value)


def test_file_that_is_no_warehouse_is_said_in_one_line(folder: Path):
    path = folder / "text.duckdb"
    path.write_text("not a database", encoding="utf-8")
    with pytest.raises(DealerLimitsError, match="cannot open") as caught:
        run_estimates(path, folder / "x", None, silent())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("8", r"Table 8 column 1 cannot be estimated: estimation has no iv estimator"),
        ("15", r"Table 15\(a\) column 1 cannot be estimated: estimation does not read fct_market_day"),
        ("16", r"the paper has no Table 16"),
    ],
)
def test_table_that_cannot_be_estimated_raises_if_asked_for(
    warehouse: Path, folder: Path, table: str, message: str
):
    with pytest.raises(DealerLimitsError, match=message):
        run_estimates(warehouse, folder / "asked", ["2", table], silent())
    assert not (folder / "asked").exists()


def test_column_without_variation_is_reported_and_the_others_estimated(folder: Path):
    world = make_world(days=30)
    without = dataclasses.replace(world, desk_days=world.desk_days.assign(log_dv01_limit_usage=0.0))
    path = write_warehouse(folder / "flat.duckdb", without)
    console = silent()
    estimates = run_estimates(path, folder / "flat", None, console)
    assert "7" not in set(estimates["table"])
    assert {"2", "10"} <= set(estimates["table"])
    assert "of Table 7: " in console.file.getvalue()
    assert "does not vary within desk and time" in console.file.getvalue()
