"""What the pseudo trades claim: the same bytes from the same seed, the counts of the paper, and a truth that
the raw files bear out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from dealer_limits.pseudo import trace
from dealer_limits.pseudo.securities import cusip_check_digit
from dealer_limits.pseudo.soma import event_days
from dealer_limits.pseudo.trades import TradeWorld, simulate_trade_world, write_trade_world
from trace_layouts import REPORTS

SEED = 20200316
# messages of every kind on most days
TINY = 0.002


def write(folder: Path, seed: int) -> Path:
    world = simulate_trade_world(seed, TINY, None)
    write_trade_world(world, folder / "raw", folder / "truth", lambda label: None)
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def full_world() -> TradeWorld:
    return simulate_trade_world(SEED, 1.0, None)


@pytest.fixture(scope="module")
def reports(world: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"create table reports as {REPORTS.format(raw=world / 'raw' / 'trace')}")
    connection.execute(f"create table fills as select * from '{world}/truth/soma_fills.parquet'")
    return connection


@pytest.fixture(scope="module")
def operations(world: Path) -> list[dict]:
    """Every operation as last published: file names sort by publication."""
    latest = {}
    for path in sorted((world / "raw" / "soma").glob("*.json")):
        for auction in json.loads(path.read_text())["treasury"]["auctions"]:
            latest[auction["operationId"]] = auction
    return list(latest.values())


def test_same_seed_same_bytes_and_another_seed_other_bytes(tmp_path: Path) -> None:
    first = digests(write(tmp_path / "first", SEED))
    assert first == digests(write(tmp_path / "again", SEED))
    other = digests(write(tmp_path / "other", SEED + 1))
    assert first.keys() == other.keys()
    assert first["raw/trace/trace_2020-03-16.psv"] != other["raw/trace/trace_2020-03-16.psv"]


def test_more_other_sales_are_so_many_times_the_par_of_what_the_fed_buys(full_world: TradeWorld) -> None:
    days, activity = event_days(), np.ones(len(full_world.universe.securities))

    def sales(times: float) -> int:
        inputs = replace(full_world.trace, other_sales=times)
        made = [trace._Day(inputs, day, days, activity)._customer_sales(0) for day in (1, 30, 60)]
        return sum(int(of_day["par_usd"].sum()) for of_day in made)

    assert sales(3) / sales(1) == pytest.approx(3, abs=0.3)
    assert sales(0) == 0


def test_purchases_count_what_the_paper_counts(full_world: TradeWorld) -> None:
    awards = full_world.soma.awards
    assert len(awards[["day", "security"]].drop_duplicates()) == 6410
    assert awards["security"].nunique() == 347
    assert awards["day"].nunique() == 62
    assert len(awards) == 6470
    assert awards["par_usd_mn"].sum() / 6410 == pytest.approx(133.5, abs=0.5)


def test_average_price_is_the_par_weighted_price_of_the_fills(full_world: TradeWorld) -> None:
    fills, awards = full_world.soma.fills, full_world.soma.awards
    par = fills.groupby("award")["par_usd_mn"].sum()
    paid = (fills["price"] * fills["par_usd_mn"]).groupby(fills["award"]).sum()
    # published to six decimals: half a millionth of a dollar
    assert (paid / par - awards["average_price"]).abs().max() <= 0.5
    assert (awards["highest_price"] == fills.groupby("award")["price"].max()).all()
    assert (par == awards["par_usd_mn"]).all()
    assert fills.groupby("award").size().between(1, 6).all()


def test_sellers_follow_the_planted_effects(full_world: TradeWorld) -> None:
    sold = full_world.soma.sales_usd_mn[:, :10]
    assert (sold > 0).mean() == pytest.approx(0.82, abs=0.03)
    assert np.log(sold[sold > 0]).mean() == pytest.approx(6.05, abs=0.2)
    usage = full_world.log_usage.to_numpy()
    march = np.asarray(full_world.log_usage.index.month == 3)
    within = usage[march] - usage[march].mean(axis=0) - usage[march].mean(axis=1, keepdims=True)
    assert ((sold[march] > 0) * within).sum() > 0


def test_operation_totals_equal_their_details_and_prices_follow_later(operations: list[dict], world: Path) -> None:
    for auction in operations:
        accepted = sum(int(row["parAmountAccepted"] or 0) for row in auction["details"])
        assert int(auction["totalParAmtAccepted"]) == accepted
        for row in auction["details"]:
            bought = int(row["parAmountAccepted"] or 0) > 0
            assert bought == (row["weightedAvgAccptPrice"] not in ("", "NA"))
            assert (row["inclusionIndicator"] == "E") == (row["parAmountAccepted"] == "")
    first_file = json.loads(min((world / "raw" / "soma").glob("*.json")).read_text())
    last = first_file["treasury"]["auctions"][-1]["details"]
    assert {row["weightedAvgAccptPrice"] for row in last} == {""}
    assert {"Cancelled", "Results"} == {auction["auctionStatus"] for auction in operations}
    assert sum(auction["operationDirection"] == "S" for auction in operations) == 1


def test_every_true_fill_stands_in_trace(reports: duckdb.DuckDBPyConnection) -> None:
    missing, short, killed = reports.execute("""
        select
            count(*) filter (where reports.SYSTM_CNTRL_NB is null),
            count(*) filter (where reports.ENTRD_VOL_QT::decimal(18, 2) < fills.filled_par_usd),
            count(*) filter (where exists (
                from reports as acting
                where
                    acting.PREV_TRD_CNTRL_NB = fills.systm_cntrl_nb
                    and acting.CUSIP_ID = fills.cusip
                    and coalesce(acting.named_date, fills.control_date) = fills.control_date
                    and acting.TRD_EXCTN_TS = reports.TRD_EXCTN_TS
            )),
        from fills
        left join reports
            on fills.systm_cntrl_nb = reports.SYSTM_CNTRL_NB
            and fills.control_date = reports.own_date
            and fills.cusip = reports.CUSIP_ID
            and reports.RPT_SIDE_CD = 'S'
            and reports.TRC_ST in ('T', 'R')
    """).fetchone()
    assert (missing, short, killed) == (0, 0, 0)


def test_messages_name_reports_that_they_repeat(reports: duckdb.DuckDBPyConnection) -> None:
    """Or, a cancel and the old half of a correction in the academic layout, carry their number."""
    acting, unlike, unnumbered, own = reports.execute("""
        select
            count(*),
            count(*) filter (where acting.number is not null and original.CUSIP_ID is null),
            count(*) filter (where acting.number is null),
            count(*) filter (where acting.is_own),
        from (
            select
                *,
                SYSTM_CNTRL_DT is not null and TRC_ST in ('X', 'C') as is_own,
                case when is_own then SYSTM_CNTRL_NB else PREV_TRD_CNTRL_NB end as number,
                case when is_own then own_date else named_date end as date,
            from reports
            where TRC_ST in ('X', 'C', 'Y')
        ) as acting
        left join reports as original
            on acting.number = original.SYSTM_CNTRL_NB
            and original.TRC_ST in ('T', 'R')
            and coalesce(acting.date, original.own_date) = original.own_date
            and acting.CUSIP_ID = original.CUSIP_ID
            and acting.ENTRD_VOL_QT = original.ENTRD_VOL_QT
            and acting.ENTRD_PR = original.ENTRD_PR
            and acting.TRD_EXCTN_TS = original.TRD_EXCTN_TS
    """).fetchone()
    assert acting > 500
    assert unlike == 0
    assert unnumbered > 0
    assert own > 0


def test_there_is_something_for_staging_to_reject(reports: duckdb.DuckDBPyConnection) -> None:
    bad = reports.execute("""
        select
            count(*) filter (where CUSIP_ID is null),
            count(*) filter (where ENTRD_VOL_QT::decimal(18, 2) <= 0),
            count(*) filter (where RPT_SIDE_CD = 'Z'),
            count(*) filter (where TRC_ST = 'Q'),
            count(*) - count(distinct (own_date, SYSTM_CNTRL_NB, TRC_ST)),
        from reports
    """).fetchone()
    assert bad == (8, 8, 8, 8, 8)


def test_cusips_carry_their_check_digit(full_world: TradeWorld) -> None:
    assert cusip_check_digit("91282810") + cusip_check_digit("03783310") == cusip_check_digit("91282810") + "0"
    assert cusip_check_digit("912828YS") == "3"
    cusips = full_world.universe.securities["cusip"]
    assert cusips.is_unique
    assert all(cusip_check_digit(cusip[:8]) == cusip[8] for cusip in cusips)


def test_usage_with_a_gap_is_refused() -> None:
    days = pd.bdate_range("2020-03-02", "2020-06-30")
    usage = pd.DataFrame(0.5, index=days, columns=[9900017])
    with pytest.raises(ValueError, match="every firm and business day"):
        simulate_trade_world(SEED, TINY, usage)
