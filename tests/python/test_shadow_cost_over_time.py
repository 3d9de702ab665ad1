"""The shadow cost by period, and what purchases do to usage, against numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from dealer_limits.estimation.extensions import load_extensions
from dealer_limits.estimation.observations import DAY, FIRM, Rows
from dealer_limits.estimation.shadow_cost_over_time import (
    cost_of,
    estimate_over_time,
    purchases,
)
from dealer_limits.estimation.specifications import read_csv, read_specifications, seed_file
from dealer_limits.exhibits.extensions import period_table
from dealer_limits.exhibits.result_files import OVER_TIME, read_result

PROFIT, USAGE = (row for row in read_specifications(seed_file("extensions")) if row.table == "shadow_cost_over_time")
FIRMS, DAYS = 6, 60
SLOPES = {"before": 0.02, "march": 0.10}


def observations() -> pd.DataFrame:
    """A desk of each firm on days of February and March: P&L rises by SLOPES of log usage, but for a small noise.

    Log usage of the next day is that of today and 0.1 of the change in net, 0.3 of that in gross positions.
    """
    rng = np.random.default_rng(7)
    desk, day = (grid.ravel() for grid in np.indices((FIRMS, DAYS)))
    dates = pd.bdate_range("2020-01-08", periods=DAYS)[day]
    names = ("log_limit_usage", "log_limit_usage_lag", *USAGE.regressors[:4])
    frame = pd.DataFrame({name: rng.normal(size=desk.size) - 1.5 for name in names})
    slope = np.where(dates.month == 3, SLOPES["march"], SLOPES["before"])
    effects = rng.normal(size=FIRMS)[desk] + rng.normal(size=DAYS)[day]
    noise = 1e-6 * rng.normal(size=desk.size)
    ahead = frame["log_limit_usage"] + 0.1 * frame[USAGE.regressors[0]] + 0.3 * frame[USAGE.regressors[1]]
    return frame.assign(
        desk_id=desk,
        business_date=dates,
        firm_rssd=desk,
        horizon=1,
        is_prime_treasury_desk=True,
        d_pnl_new_to_limit=slope * frame["log_limit_usage"] + effects + noise,
        log_limit_usage_ahead=ahead + effects + noise,
    )


def periods() -> pd.DataFrame:
    means = {
        "average_move": 80.0,
        "average_log_limit_usage_index": -1.0,
        "average_net_position_usd_bn": 20.0,
        "average_gross_position_usd_bn": 200.0,
    }
    days = {
        ("quarter", "2020-Q1"): ("2020-01-08", "2020-03-31"),
        ("state", "march"): ("2020-03-02", "2020-03-31"),
        ("state", "other_days"): ("2020-01-08", "2020-03-31"),
        ("quarter", "2021-Q1"): ("2021-01-04", "2021-03-31"),
    }
    return pd.DataFrame(
        {"period_kind": kind, "period": period, "first_day": pd.Timestamp(first), "last_day": pd.Timestamp(last)}
        | means
        for (kind, period), (first, last) in days.items()
    )


@pytest.fixture(scope="module")
def found() -> tuple[pd.DataFrame, tuple, tuple[str, ...]]:
    registry = pd.DataFrame(read_csv(seed_file("extensions")))
    with duckdb.connect() as connection:
        connection.execute("create schema marts; create schema observations; create schema seeds")
        for name, frame in (
            ("marts.fct_market_period", periods()),
            ("observations.obs_desk_horizon", observations()),
            ("seeds.extensions", registry[registry["table"] == "shadow_cost_over_time"]),
        ):
            connection.register("frame", frame)
            connection.execute(f"create table {name} as from frame")
        days = "business_date = cast(business_date as date)"
        connection.execute(f"update observations.obs_desk_horizon set {days}")
        result = estimate_over_time(connection, load_extensions(connection))
    return result.rows.set_index("period"), result.long, result.lines


def test_shadow_cost_is_the_slope_over_usage_at_the_mean_of_its_log(found: tuple):
    rows, _, _ = found
    frame = observations()
    in_march = frame["business_date"].dt.month == 3
    for period, chosen, slope in (("march", in_march, "march"), ("other_days", ~in_march, "before")):
        usage = np.exp(frame.loc[chosen, "log_limit_usage"].mean())
        row = rows.loc[period]
        assert row["usage"] == pytest.approx(usage)
        assert row["shadow_cost"] == pytest.approx(SLOPES[slope] / usage, abs=1e-5)
        # t of 0.975 and five degrees of freedom
        assert row["ci_high"] - row["shadow_cost"] == pytest.approx(2.5706 * row["se"], rel=1e-4)
        assert row["nobs"] == chosen.sum()


def test_period_without_firms_is_said_and_has_no_number(found: tuple):
    rows, long, lines = found
    assert np.isnan(rows.loc["2021-Q1", "shadow_cost"])
    assert rows.loc["2021-Q1", "text"] == "0 firms, at least 5 are needed"
    assert "shadow cost in 2021-Q1: 0 firms, at least 5 are needed" in lines
    assert lines[0] == "shadow cost over time: 3 of 4 periods estimated"
    assert not [row for row in long if row[2] == "2021-Q1" and row[3] == "shadow_cost"]


def test_purchases_lower_net_and_gross_positions_one_for_one(found: tuple):
    """10 of 20 and of 200: usage times (1 - 1/2)^0.1 (1 - 1/20)^0.3."""
    rows, _, _ = found
    expected = 100 * (0.5**0.1 * 0.95**0.3 - 1)
    assert rows.loc["march", "purchases_pct"] == pytest.approx(expected, abs=1e-4)
    # a relief of 10%: 1 / 1.1
    assert rows.loc["march", "relief_pct"] == pytest.approx(-100 / 11)


def test_error_of_purchases_is_of_both_elasticities_with_their_covariance():
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    found = purchases(np.array([0.1, 0.3]), covariance, 20.0, 200.0)
    net, gross = np.log(0.5), np.log(0.95)
    share = 0.5**0.1 * 0.95**0.3
    squared = 0.04 * net**2 + 0.09 * gross**2 + 2 * 0.01 * net * gross
    assert found["purchases_se"] == pytest.approx(100 * share * squared**0.5)


def test_purchases_of_more_than_desks_hold_have_no_number():
    assert purchases(np.array([0.1, 0.3]), np.eye(2), 10.0, 200.0) == {}
    assert purchases(np.array([0.1, 0.3]), np.eye(2), np.nan, 200.0) == {}


def test_shadow_cost_is_by_the_regression_that_the_diagnostics_find_corrected():
    (corrected,) = (row for row in read_specifications(seed_file("diagnostics")) if row.key == ("pnl_scale", "c", "4"))
    assert corrected.is_corrected and corrected.tested_term == PROFIT.regressors[0]
    for name in ("observations", "sample", "horizon", "dependent", "regressors", "absorb"):
        assert getattr(PROFIT, name) == getattr(corrected, name)


def test_fewer_firms_than_needed_are_refused():
    rows = Rows({name: np.zeros(8) for name in PROFIT.variables}, {DAY: np.arange(8), FIRM: np.arange(8) % 4})
    with pytest.raises(ValueError, match="4 firms, at least 5 are needed"):
        cost_of(rows, PROFIT, np.ones(8, dtype=bool))


def test_periods_are_laid_out_with_states_first(found: tuple, tmp_path: Path):
    rows, _, _ = found
    rows.reset_index().to_csv(tmp_path / OVER_TIME.name, index=False)
    table = period_table(read_result(tmp_path, OVER_TIME))
    places = [table.index(name) for name in ("March", "all other days", "2020-Q1", "2021-Q1")]
    assert places == sorted(places)
    assert "0 firms, at least 5 are needed" in table
