"""Tables 11 to 13 and 1(b): from firm-days and sales to the Fed, against dummy regressions and pandas."""

from __future__ import annotations

import io
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dealer_limits.estimation.compare import KEYS
from dealer_limits.estimation.run import run_estimates
from dealer_limits.estimation.specifications import Registry, load_registry
from estimate_oracle import dummy_regression
from estimate_warehouse import World, make_world, write_warehouse

TABLES = ["11", "12", "13"]
COLUMNS = [
    *(("11", panel, str(column)) for panel in "ab" for column in range(1, 7)),
    *((table, "", str(column)) for table in ("12", "13") for column in range(1, 7)),
]


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(days=20)


@pytest.fixture(scope="module")
def warehouse(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_warehouse(tmp_path_factory.mktemp("trades") / "w.duckdb", world)


@pytest.fixture(scope="module")
def registry(warehouse: Path) -> Registry:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return load_registry(connection)


@pytest.fixture(scope="module")
def printout() -> Console:
    return Console(file=io.StringIO(), width=120)


@pytest.fixture(scope="module")
def estimates(warehouse: Path, printout: Console) -> pd.Series:
    frame = run_estimates(warehouse, warehouse.parent / "output", ["1", *TABLES], printout)
    return frame.set_index(KEYS)["value"]


@pytest.fixture(scope="module")
def dealer_days(world: World) -> pd.DataFrame:
    """Firm-days with every term of Tables 11 and 13 under its own name."""
    days = world.dealer_days
    march = (days["business_date"] < "2020-04-01").astype(int)
    usage, sales = days["log_limit_usage_lag"], days["log_soma_sale_amount"]
    return days.assign(
        log_limit_usage=usage,
        march_0_x_log_limit_usage=(1 - march) * usage,
        march_1_x_log_limit_usage=march * usage,
        log_soma_sales=sales,
        march_0_x_log_soma_sales=(1 - march) * sales,
        march_1_x_log_soma_sales=march * sales,
    )


@pytest.fixture(scope="module")
def soma_sales(world: World) -> pd.DataFrame:
    """Sales to the Fed with every term of Table 12 under its own name."""
    sales = world.soma_sales
    march = (sales["business_date"] < "2020-04-01").astype(int)
    usage, life = sales["log_limit_usage_lag"], sales["years_to_maturity"]
    lives = {
        "life_lt_5": life < 5,
        "life_5_10": (life >= 5) & (life < 10),
        "life_ge_10": life >= 10,
    }
    return sales.assign(
        log_limit_usage=usage,
        march_0_x_log_limit_usage=(1 - march) * usage,
        march_1_x_log_limit_usage=march * usage,
        **{f"{name}_x_log_limit_usage": (of * usage).where(life.notna()) for name, of in lives.items()},
    )


@pytest.mark.parametrize("key", COLUMNS, ids="-".join)
def test_column_equals_its_dummy_regression(
    key: tuple[str, str, str],
    estimates: pd.Series,
    registry: Registry,
    dealer_days: pd.DataFrame,
    soma_sales: pd.DataFrame,
):
    spec = next(spec for spec in registry.of_tables(TABLES) if spec.key == key)
    rows = dealer_days
    if spec.table == "12":
        rows = soma_sales if int(spec.column) <= 3 else soma_sales[soma_sales["match_level"] != 3]
    complete = rows.dropna(subset=[spec.outcome, *spec.terms])
    full = dummy_regression(
        complete[spec.outcome].to_numpy(),
        complete[[*spec.terms]].to_numpy(),
        [complete[effect] for effect in spec.absorb],
    )

    assert len(complete) < len(rows)
    assert estimates[(*key, "", "nobs")] == len(complete)
    assert estimates[(*key, "", "r2")] == pytest.approx(full.rsquared, rel=1e-9)
    reported = [*spec.terms, "constant"] if spec.table == "12" else spec.terms
    assert set(estimates[key].index.get_level_values("term")) == {"", *reported}
    for position, term in enumerate(reported):
        assert estimates[(*key, term, "coef")] == pytest.approx(full.params[position], rel=1e-8)
        assert estimates[(*key, term, "se")] == pytest.approx(full.bse[position], rel=1e-8)
        assert estimates[(*key, term, "p")] == pytest.approx(full.pvalues[position], rel=1e-6)


def test_sales_of_firms_without_desks_and_of_bonds_without_a_life_are_not_counted(estimates: pd.Series, world: World):
    sales = world.soma_sales
    known = sales[sales["log_limit_usage_lag"].notna()]
    assert sales["firm_rssd"].isna().sum() > 0
    assert known["firm_rssd"].notna().all()
    assert estimates[("12", "", "1", "", "nobs")] == len(known)
    assert estimates[("12", "", "3", "", "nobs")] == known["years_to_maturity"].notna().sum()


def test_days_without_a_sale_count_in_the_probability_and_not_in_the_amount(estimates: pd.Series, world: World):
    days = world.dealer_days.dropna(subset=["log_limit_usage_lag"])
    assert estimates[("11", "a", "1", "", "nobs")] == len(days)
    assert estimates[("11", "a", "4", "", "nobs")] == days["soma_sale_indicator"].sum()
    assert estimates[("13", "", "1", "", "nobs")] == days["soma_sale_indicator"].sum()


def test_summary_of_firm_days_equals_pandas(estimates: pd.Series, world: World):
    """Table 1(b) counts the days without a usage, which the regressions drop."""
    printed = [
        *("soma_sale_indicator", "log_soma_sale_amount"),
        *("soma_sales_to_customer_sales", "soma_sales_to_customer_buys"),
        *("log_customer_buys_in_soma", "log_customer_buys_not_in_soma", "log_customer_buys_total"),
    ]
    assert set(estimates["1", "b"].index.get_level_values("term")) == set(printed)
    for term in printed:
        expected = world.dealer_days[term].describe()
        expected = expected.rename({"std": "sd", "25%": "p25", "50%": "p50", "75%": "p75"})
        for statistic in ("count", "mean", "sd", "p25", "p50", "p75"):
            ours = estimates["1", "b", "", term, statistic]
            assert ours == pytest.approx(expected[statistic], rel=1e-9, abs=1e-9)


def test_table_12_is_shown_with_its_terms_in_printed_order(estimates: pd.Series, printout: Console):
    table = printout.file.getvalue().partition("Table 12")[2].partition("Table 13")[0]
    positions = [table.index(name) for name in ("life lt 5", "life 5 10", "life ge 10", "constant", "R²")]
    assert positions == sorted(positions)
    assert "11,012" in table
    assert np.isfinite(estimates["12", "", "1", "constant", "coef"])
