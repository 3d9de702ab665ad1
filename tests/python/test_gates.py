"""Nothing implausible replaces a good warehouse, and what is only odd is published.

Builds take long, so that each holds many implausible things, of which every one must stop it by its gate and
subject; and oddities, none of which may.
"""

from __future__ import annotations

import csv
import re
import shutil
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from dealer_limits.last_build import last_build
from gate_worlds import (
    DAILY,
    bank_file,
    desk_table,
    firms,
    hours_later,
    multiplied,
    operations,
    reports,
    scale,
    series,
    set_one,
    shifted,
    soma_files,
    trace_files,
    whole_desks,
    without,
    write_base,
)
from workspace import ROOT, Workspace, digest

CRISIS = date(2020, 3, 16)
SINCE = date(2020, 1, 13)


@dataclass(frozen=True)
class Judged:
    """A build: its verdicts as {gate: {(subject, part): verdict}}, what it said, whether it was published."""

    workspace: Workspace
    verdicts: dict[str, dict[tuple[str, str | None], str]]
    exit_code: int
    output: str
    error: str
    is_published: bool

    def stops(self, gate: str, subject: str, part: str = "") -> bool:
        return any(
            verdict == "stop" and subject in of and part in (of_part or "")
            for (of, of_part), verdict in self.verdicts.get(gate, {}).items()
        )


def judge(workspace: Workspace, *arguments: str) -> Judged:
    before = digest(workspace.published) if workspace.published.exists() else None
    finished = workspace.run_here("dealer-limits", "build", *arguments)
    after = digest(workspace.published) if workspace.published.exists() else None
    verdicts: dict[str, dict[tuple[str, str | None], str]] = {}
    with workspace.connect_unpublished() as connection:
        for gate, subject, part, verdict in connection.execute(
            "select gate, concat_ws(' ', subject, raw_file), part, verdict from quality.qc_gates where verdict <> 'ok'"
        ).fetchall():
            verdicts.setdefault(gate, {})[subject, part] = verdict
    return Judged(workspace, verdicts, finished.returncode, finished.stdout, finished.stderr, after != before)


@pytest.fixture(scope="module")
def base(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(world, tmp_path_factory.mktemp("base") / "raw")


@pytest.fixture(scope="module")
def good(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """The base as it is, published: the last good warehouse of the builds that come."""
    folder = tmp_path_factory.mktemp("gates")
    return judge(Workspace(folder, copy_of(base, folder / "raw")))


def copy_of(base: Path, folder: Path) -> Path:
    shutil.copytree(base, folder)
    return folder


def test_base_is_published_without_a_stop(good: Judged) -> None:
    assert good.exit_code == 0, good.output[-2000:]
    assert good.is_published
    assert [gate for gate, found in good.verdicts.items() if "stop" in found.values()] == []


# --- trading desks and banks ---


def break_desks(raw: Path) -> dict[str, tuple[str, str, str]]:
    """What is implausible of FR VV-1, market and banks: by claim, the gate, subject and part that stop."""
    largest, second, third, fourth, *others, lost = firms(raw)
    # one desk per plant, that no other touches
    desks = iter([desk for firm in others for desk in whole_desks(raw, firm)])
    var_desk, pnl_desk, limit_desk, huge_var, huge_pnl, huge_position = (next(desks) for _ in range(6))
    shifted(raw, "value_at_risk", ["var_99_1d"], "1000", SINCE, lambda desk: desk == var_desk)
    shifted(raw, "pnl", ["pnl_comprehensive"], "1000", SINCE, lambda desk: desk == pnl_desk)
    with desk_table(raw, "limit_usage") as rows:
        limit = rows[rows.desk_id == limit_desk].limit_id.iloc[0]
        which = (rows.desk_id == limit_desk) & (rows.limit_id == limit) & (rows.business_date >= SINCE)
        scale(rows, which, ["limit_size"], "0.001")
    shifted(
        raw,
        "positions",
        ["securities_long", "securities_short"],
        "0.001",
        SINCE,
        lambda desk: desk[:4] == largest,
    )
    shifted(raw, "transactions", ["transaction_value"], "0.001", SINCE, lambda desk: True)
    set_one(raw, "value_at_risk", huge_var, date(2019, 6, 4), "var_99_1d", "1e13")
    set_one(raw, "pnl", huge_pnl, date(2019, 6, 4), "pnl_comprehensive", "-9e14")
    set_one(raw, "positions", huge_position, date(2019, 6, 4), "securities_short", "9e15")
    without(raw, ("value_at_risk",), lambda rows: (rows.desk_id.str[:4] == second) & (rows.business_date > SINCE))
    without(raw, ("pnl",), lambda rows: rows.business_date == date(2019, 9, 10))
    without(raw, ("limit_usage",), lambda rows: (rows.business_date == date(2019, 9, 11)) & (rows.desk_id > "D"))
    without(raw, DAILY, lambda rows: rows.business_date.isin([date(2019, 9, day) for day in (16, 17, 18)]))
    without(
        raw,
        DAILY,
        lambda rows: (rows.desk_id.str[:4] == third) & rows.business_date.between(date(2019, 3, 1), date(2019, 8, 1)),
    )
    without(
        raw,
        ("inventory_aging",),
        lambda rows: (rows.desk_id.str[:4] == fourth) & rows.business_date.between(date(2019, 3, 1), date(2019, 8, 1)),
    )
    with desk_table(raw, "positions") as rows:
        which = (rows.desk_id.str[:4] == fourth) & (rows.business_date >= date(2020, 1, 2))
        rows.loc[which, ["securities_long", "securities_short"]] = rows.loc[
            which, ["securities_short", "securities_long"]
        ].to_numpy()
    with series(raw, "move") as rows:
        rows.drop(rows.index[rows.day > "2020-05-29"], inplace=True)
    with series(raw, "DGS10") as rows:
        rows.drop(rows.index[rows.day.between("2019-05-01", "2019-06-10")], inplace=True)
    with series(raw, "curve_fit_error") as rows:
        rows.loc[rows.day >= str(SINCE), "value"] *= 100
    with series(raw, "on_the_run_premium") as rows:
        rows["value"] /= 1000
    path = bank_file(raw, "20191231")
    lines = [line.split("^") for line in path.read_text("latin-1").splitlines()]
    places = [lines[0].index(name) for name in ("BHCA8274", "BHCALE88") if name in lines[0]]
    for line in lines[1:]:
        for place in places:
            if line[place].strip("-"):
                line[place] = f"{Decimal(line[place]) * 1000:f}"
    path.write_text("".join("^".join(line) + "\n" for line in lines), "latin-1")
    bank_file(raw, "20190630").unlink()
    # of what the last build had
    without(raw, (*DAILY, "desks"), lambda rows: rows.desk_id.str[:4] == lost)
    without(raw, ("transactions",), lambda rows: rows.counterparty_kind != "customer")
    with desk_table(raw, "positions") as rows:
        rows[["derivatives_long", "derivatives_short"]] = None
    return {
        "VaR of a desk in thousandths from a day on": (
            "level_shift",
            "value_at_risk.var_usd",
            f"desk {var_desk}",
        ),
        "profits of a desk a thousandfold from a day on": (
            "level_shift",
            "pnl_comprehensive",
            f"desk {pnl_desk}",
        ),
        "a limit in thousands from a day on": ("level_shift", "limit_size", f"limit {limit_desk} | {limit}"),
        "positions of a firm in thousands from a day on": ("level_shift", "securities_long_usd", "firm"),
        "transactions of all in thousands from a day on": ("level_shift", "transaction_value_usd", "table"),
        "one VaR that moves its average": ("largest_value", "value_at_risk.var_usd", huge_var),
        "one loss that moves its average": ("largest_value", "pnl_comprehensive_usd", huge_pnl),
        "one position that moves its average": ("largest_value", "securities_short_usd", huge_position),
        "a firm whose VaR stops": ("firm_leaves_table", "fr_vv1.value_at_risk", ""),
        "a firm whose aged inventory has a gap": ("firm_leaves_table", "fr_vv1.inventory_aging", ""),
        "a day without profits": ("desks_of_day", "fr_vv1.pnl", "2019-09-10"),
        "a day on which most limits are missing": ("desks_of_day", "fr_vv1.limit_usage", "2019-09-11"),
        "three days without any desk": ("desk_days_missing", "fr_vv1.positions", ""),
        "a firm that reports nothing for months and then again": ("firm_away", "fr_vv1", ""),
        "long for short of a firm from a day on": ("long_for_short", "fr_vv1.positions", "2020 Q1"),
        "a series of an older extract": ("table_ends_early", "market.move", ""),
        "a month without yields": ("market_days_missing", "market.treasury_yields", ""),
        "fitting errors a hundredfold from a day on": ("level_shift", "curve_fit_error_bp", ""),
        "premiums in tens of percent": ("level", "on_the_run_premium_bp", ""),
        "a bank file in dollars": ("level_of_quarter", "leverage_exposure_usd_th", "2019-12-31"),
        "a quarter without its bank file": ("quarters_missing", "fr_y9c.bulk", ""),
        "half of a table that the last build had": ("rows_lost", "fr_vv1.transactions", ""),
        "a firm that the last build had": ("reporters_lost", "fr_vv1", ""),
        "a column of a mart that had values in the last build": ("column_emptied", "net_position_usd_mn", ""),
    }


DESK_CLAIMS = [
    "VaR of a desk in thousandths from a day on",
    "profits of a desk a thousandfold from a day on",
    "a limit in thousands from a day on",
    "positions of a firm in thousands from a day on",
    "transactions of all in thousands from a day on",
    "one VaR that moves its average",
    "one loss that moves its average",
    "one position that moves its average",
    "a firm whose VaR stops",
    "a firm whose aged inventory has a gap",
    "a day without profits",
    "a day on which most limits are missing",
    "three days without any desk",
    "a firm that reports nothing for months and then again",
    "long for short of a firm from a day on",
    "a series of an older extract",
    "a month without yields",
    "fitting errors a hundredfold from a day on",
    "premiums in tens of percent",
    "a bank file in dollars",
    "a quarter without its bank file",
    "half of a table that the last build had",
    "a firm that the last build had",
    "a column of a mart that had values in the last build",
]


def assert_refused(judged: Judged) -> None:
    """Not published, exit code 2, and the last line names gate, measure, bound and how to raise it."""
    assert not judged.is_published
    assert judged.exit_code == 2
    line = judged.error.splitlines()[-1]
    assert re.match(
        r"implausible: (\w+): [\w./ -]+(, the worst of \d+)?: .* is \S+; expected at (most|least) \S+ "
        r"\(quality\.qc_gates of the build; to publish all the same, --vars '\{gate_bounds: \{\1: \S+\}\}'\)",
        line,
    ), line
    assert "Not published" in judged.output
    assert re.search(r"[\d,]+ rows of raw files read: [\d,]+ staged, [\d,]+ rejected", judged.output)


# --- trades and operations ---


def break_trades(raw: Path) -> dict[str, tuple[str, str, str]]:
    files = trace_files(raw)
    utc, par, price, rejected, sparse, huge = files[3], files[8], files[12], files[15], files[20], files[25]
    with reports(utc) as rows:
        for column in ("TRD_EXCTN_TS", "TRD_RPT_TS"):
            rows[column] = hours_later(rows[column], 4)
    with reports(par) as rows:
        rows["ENTRD_VOL_QT"] = multiplied(rows["ENTRD_VOL_QT"], "0.001")
    with reports(price) as rows:
        rows["ENTRD_PR"] = multiplied(rows["ENTRD_PR"], "0.01")
    with reports(rejected) as rows:
        rows.loc[rows.index[::3], "CUSIP_ID"] = "12345"
    with reports(sparse) as rows:
        rows.drop(rows.index[20:], inplace=True)
    with reports(huge) as rows:
        rows.loc[rows.index[5], "ENTRD_VOL_QT"] = Decimal("9000000000000.00")
    # of what the last build had
    for path in files[30:35]:
        path.unlink()
    for path in files:
        if path.exists():
            with reports(path) as rows:
                if path not in (par, price, rejected, sparse, huge):
                    which = rows.RPTG_PARTY_ID == "ALDR"
                    rows.loc[which, "ENTRD_VOL_QT"] = multiplied(rows.loc[which, "ENTRD_VOL_QT"], "0.001")
                rows["RPT_SIDE_CD"] = rows["RPT_SIDE_CD"].map({"B": "S", "S": "B"})
    closes, millions = soma_files(raw)[2], soma_files(raw)[0]
    with operations(closes) as found:
        for operation in found:
            hour, _, minute = operation["closeTime"].partition(":")
            operation["closeTime"] = f"{(int(hour) + 9) % 24:02d}:{minute}"
    with operations(millions) as found:
        for operation in found:
            for detail in operation["details"]:
                if detail["parAmountAccepted"].isdecimal():
                    detail["parAmountAccepted"] = str(Decimal(detail["parAmountAccepted"]) / 1000000)
    return {
        "a file of trades in UTC": ("trades_outside_hours", utc.name, ""),
        "a file of trades in thousands of par": ("level_of_day", "par_usd", par.stem[6:]),
        "a file of trades with prices per 1 of par": ("level_of_day", "entered_price", price.stem[6:]),
        "a file of which a third is rejected": ("file_reject_share", rejected.name, ""),
        "a file cut after twenty reports": ("reports_of_day", "trace.reports", sparse.stem[6:]),
        "one trade that moves the average": ("largest_value", "trace.reports.par_usd", huge.stem[6:]),
        "a week without trades": ("trade_days_missing", "trace.reports", ""),
        "files of trades that the last build had": ("days_lost", "trace.reports", ""),
        "buys for sells around the close of operations": ("purchases_around_close", "trace.reports", ""),
        "buys for sells in what fills awards": ("level_1_share", "fct_soma_award", ""),
        "a dealer in thousands of par": ("level_of_dealer", "par_usd", "ALDR"),
        "close times of a file in another zone": ("operations_outside_hours", closes.name, ""),
        "awards of a file in millions": (
            "level_of_file",
            f"soma.operation_details.accepted_par_usd soma/{millions.name}",
            "",
        ),
    }


TRADE_CLAIMS = [
    "a file of trades in UTC",
    "a file of trades in thousands of par",
    "a file of trades with prices per 1 of par",
    "a file of which a third is rejected",
    "a file cut after twenty reports",
    "one trade that moves the average",
    "a week without trades",
    "files of trades that the last build had",
    "buys for sells around the close of operations",
    "buys for sells in what fills awards",
    "a dealer in thousands of par",
    "close times of a file in another zone",
    "awards of a file in millions",
]


# --- all of it in one build ---


@pytest.fixture(scope="module")
def claimed(good: Judged) -> dict[str, tuple[str, str, str]]:
    """What must stop each claim; all that is implausible comes in the folder of the last good build."""
    raw = good.workspace.raw
    return break_trades(raw) | break_desks(raw)


@pytest.fixture(scope="module")
def bad(good: Judged, claimed: dict[str, tuple[str, str, str]]) -> Judged:
    return judge(good.workspace)


def test_implausible_world_is_not_published(bad: Judged, claimed: dict[str, tuple[str, str, str]]) -> None:
    assert list(claimed) == [*TRADE_CLAIMS, *DESK_CLAIMS]
    assert_refused(bad)


@pytest.mark.parametrize("claim", [*TRADE_CLAIMS, *DESK_CLAIMS])
def test_build_is_stopped_by(claim: str, bad: Judged, claimed: dict[str, tuple[str, str, str]]) -> None:
    assert bad.stops(*claimed[claim])


# --- bounds ---


def test_build_is_published_where_every_bound_is_raised(bad: Judged, tmp_path: Path) -> None:
    raised = dict(re.findall(r"\{gate_bounds: \{(\w+): (\S+?)\}\}", bad.output))
    stopping = {gate for gate, found in bad.verdicts.items() if "stop" in found.values()}
    assert set(raised) == stopping
    workspace = bad.workspace
    kept = tmp_path / "kept.duckdb"
    shutil.copy(workspace.published, kept)

    bounds = ", ".join(f"{gate}: {bound}" for gate, bound in raised.items())
    judged = judge(workspace, "--vars", f"{{gate_bounds: {{{bounds}, critical_rules: 9}}}}")

    assert judged.exit_code == 0, judged.output[-1500:]
    assert judged.is_published
    assert "warning: purchases_around_close" in judged.output
    shutil.copy(kept, workspace.published)


def test_seed_states_each_gate_once_with_bounds_in_order() -> None:
    with (ROOT / "seeds/gates.csv").open() as file:
        rows = list(csv.DictReader(file))

    assert len({row["gate"] for row in rows}) == len(rows)
    for row in rows:
        if row["warns_beyond"] and row["stops_beyond"]:
            warns, stops = float(row["warns_beyond"]), float(row["stops_beyond"])
            assert warns <= stops if row["expected"] == "at most" else warns >= stops
        assert row["meaning"]


# --- oddities ---


def odd_desks(raw: Path) -> None:
    """What happens to desks, firms and series in real life."""
    largest, second, third, *others, closed = firms(raw)
    desks = iter([desk for firm in (largest, second, third, *others) for desk in whole_desks(raw, firm)])
    flat, nearly_flat, hedged, raised, doubled, won, halted, new = (next(desks) for _ in range(8))
    # a firm that closes, in all its tables at once
    without(raw, DAILY, lambda rows: (rows.desk_id.str[:4] == closed) & (rows.business_date > date(2020, 6, 30)))
    # a desk that is new; one that pauses for two months
    without(raw, DAILY, lambda rows: (rows.desk_id == new) & (rows.business_date < date(2019, 11, 1)))
    without(
        raw,
        DAILY,
        lambda rows: (rows.desk_id == halted) & rows.business_date.between(date(2019, 11, 1), date(2019, 12, 31)),
    )
    # a holiday that no calendar has, for all desks
    without(raw, DAILY, lambda rows: rows.business_date == date(2019, 12, 5))
    with desk_table(raw, "positions") as rows:
        names = ["securities_long", "securities_short", "derivatives_long", "derivatives_short"]
        rows.loc[(rows.desk_id == flat) & (rows.business_date >= SINCE), names] = Decimal("0.00")
        scale(rows, (rows.desk_id == nearly_flat) & (rows.business_date >= SINCE), names, "0.0001")
        rows.loc[(rows.desk_id == hedged) & (rows.business_date >= SINCE), names[2:]] = None
    with desk_table(raw, "value_at_risk") as rows:
        rows.loc[(rows.desk_id == flat) & (rows.business_date >= SINCE), "var_99_1d"] = Decimal("0.00")
        # March 2020
        scale(rows, rows.business_date.between(CRISIS, date(2020, 4, 15)), ["var_99_1d"], "2")
    with desk_table(raw, "pnl") as rows:
        scale(rows, rows.business_date.between(CRISIS, date(2020, 4, 3)), HEAD_PNL, "10")
        one = (rows.desk_id == won) & (rows.business_date == date(2019, 10, 1))
        scale(rows, one, HEAD_PNL, "30")
    with desk_table(raw, "transactions") as rows:
        scale(rows, rows.business_date.between(CRISIS, date(2020, 4, 3)), ["transaction_value"], "10")
    with desk_table(raw, "limit_usage") as rows:
        scale(rows, (rows.desk_id == doubled) & (rows.business_date >= SINCE), ["limit_size"], "2")
        scale(rows, (rows.desk_id == raised) & (rows.business_date >= CRISIS), ["limit_size"], "5")
    with series(raw, "move") as rows:
        rows.drop(rows.index[rows.day.between("2019-07-01", "2019-07-03")], inplace=True)
        rows.loc[rows.day.between("2020-03-09", "2020-03-23"), "value"] *= 2
    with series(raw, "DGS10") as rows:
        rows.loc[rows.day.between("2020-03-09", "2020-03-10"), "value"] = 0.3
    with series(raw, "curve_fit_error") as rows:
        rows.loc[rows.day.between("2020-03-09", "2020-03-23"), "value"] *= 5
    (raw / "market/on_the_run_premium.csv").unlink()
    # a table with a bad row or two among many
    with series(raw, "curve_fit_error") as rows:
        rows["value"] = rows["value"].astype(object)
        rows.loc[rows.index[:2], "value"] = "n.m."


HEAD_PNL = ["pnl_comprehensive", "pnl_existing_positions", "pnl_new_positions", "pnl_residual"]


def odd_trades(raw: Path) -> None:
    """What happens to trades and operations in real life."""
    files = trace_files(raw)
    # a quiet week, an early close, a day without any trade, a file with two bad rows of three
    for path in files[30:35]:
        with reports(path) as rows:
            rows.drop(rows.index[rows.index % 2 == 1], inplace=True)
    with reports(files[36]) as rows:
        stamps = pd.to_datetime(rows["TRD_EXCTN_TS"])
        rows.drop(rows.index[stamps.dt.hour >= 14], inplace=True)
    with reports(files[50]) as rows:
        rows.drop(rows.index, inplace=True)
    with reports(files[51]) as rows:
        first = rows.iloc[:3].copy()
    first["SYSTM_CNTRL_NB"] = ["8000001", "8000002", "8000003"]
    first.loc[first.index[:2], "CUSIP_ID"] = "12345"
    first.to_parquet(raw / "trace/late.parquet", index=False)
    # one in fifteen trades at night, a trade of five billion, twice the volume of a day
    with reports(files[10]) as rows:
        rows.loc[rows.index[::15], "TRD_EXCTN_TS"] = hours_later(rows["TRD_EXCTN_TS"], 9)
        rows.loc[rows.index[4], "ENTRD_VOL_QT"] = Decimal("5000000000.00")
    with reports(files[11]) as rows:
        rows["ENTRD_VOL_QT"] = multiplied(rows["ENTRD_VOL_QT"], "2")
    # an operation in bills, whose published price is a rate; one that bought nothing; fewer operations
    bills = pd.read_csv(raw / "market/treasury_auctions.csv")
    cusip = bills[bills["Security Type"] == "Bill"]["CUSIP"].iloc[-1] if "Bill" in set(bills["Security Type"]) else None
    with operations(soma_files(raw)[5]) as found:
        day = found[-1]["operationDate"]
        for operation in [one for one in found if one["operationDate"] == day][1:]:
            found.remove(operation)
        for detail in found[0]["details"]:
            detail["parAmountAccepted"] = "0"
        found[0]["totalParAmtAccepted"] = "0"
        if cusip:
            one = dict(found[1], operationId="B1", operationType="Outright Bill Purchase", closeTime="11:00")
            detail = dict(one["details"][0], cusip=cusip, parAmountAccepted="50000000", weightedAvgAccptPrice="0.43")
            found.append(
                one | {"details": [detail], "totalParAmtAccepted": "50000000", "totalParAmtSubmitted": "90000000"}
            )


def test_oddities_are_published(good: Judged, base: Path, tmp_path: Path) -> None:
    raw = copy_of(base, tmp_path / "raw")
    odd_desks(raw)
    odd_trades(raw)
    workspace = Workspace(good.workspace.folder, raw)
    workspace.published.unlink(missing_ok=True)

    judged = judge(workspace)

    stops = {gate: found for gate, found in judged.verdicts.items() if "stop" in found.values()}
    assert stops == {}, judged.error
    assert judged.exit_code == 0, judged.output[-2000:]
    assert judged.is_published


# --- what is whole, and what is compared ---


def test_build_without_data_tests_is_not_published(good: Judged, base: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, base)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_EXCLUDE_RESOURCE_TYPES", "test unit_test")
        finished = workspace.run_here("dealer-limits", "build")

    assert finished.returncode == 0, finished.stdout[-2000:]
    assert re.search(r"Part of the project built, without \d+ data tests: the published", finished.stdout)
    assert not workspace.published.exists()


def write_published(path: Path, world: str, raw_data: str, variables: str = "v") -> None:
    with duckdb.connect(path) as connection:
        connection.execute(
            f"""
            create schema quality;
            create table quality.qc_build as
                select '{world}' as world, '{raw_data}' as raw_data, '{variables}' as variables;
            create table quality.qc_raw_files as
                select * from (values ('a.b', 'one'), ('a.b', 'two'), ('a.c', 'three'))
                as files (source_table, sha256);
            create table quality.qc_row_counts as select 'a.b' as source_table, 7 as rows_staged;
            create table quality.qc_rows_by_day as
                select 'a.b' as source_table, date '2020-03-16' as business_date;
            create table quality.qc_firms_reported as select 1 as firm_rssd;
            create table quality.qc_mart_columns as
                select 'm' as mart, 'c' as column_name, 1 as row_count, 1 as value_count;
            """
        )


@pytest.mark.parametrize(
    ("published", "build", "digests", "is_compared"),
    [
        (("real", "here"), ("real", "here"), [], True),
        (("real", "here"), ("real", "elsewhere"), ["one", "two"], True),
        (("real", "here"), ("real", "elsewhere"), ["one"], False),
        (("pseudo", "here"), ("real", "here"), ["one", "two", "three"], False),
        (("pseudo", "here"), ("pseudo", "here"), [], False),
        (("pseudo", "here"), ("pseudo", "here"), ["one", "two"], True),
        (("pseudo", "here"), ("other", "here"), ["one", "two"], False),
    ],
)
def test_last_build_is_a_measure_of_the_same_world_only(
    published: tuple[str, str],
    build: tuple[str, str],
    digests: list[str],
    is_compared: bool,
    tmp_path: Path,
) -> None:
    write_published(tmp_path / "w.duckdb", *published)
    files = [{"source_table": "a.b", "sha256": digest} for digest in digests]

    held = last_build(tmp_path / "w.duckdb", {"world": build[0], "raw_data": build[1], "variables": "v"}, files)

    assert bool(held) == is_compared


@pytest.mark.parametrize(
    ("variables", "tables", "are_compared"),
    [("v", ["a.b", "a.c"], True), ("other", ["a.b", "a.c"], False), ("v", ["a.b"], False)],
)
def test_marts_are_compared_where_variables_and_declared_tables_are_the_same(
    variables: str, tables: list[str], are_compared: bool, tmp_path: Path
) -> None:
    write_published(tmp_path / "w.duckdb", "real", "here")
    files = [{"source_table": table, "sha256": "new"} for table in tables]

    held = last_build(tmp_path / "w.duckdb", {"world": "real", "raw_data": "here", "variables": variables}, files)

    assert bool(held["columns"]) == are_compared
    assert held["rows"] == [{"source_table": "a.b", "row_count": 7}]


@pytest.mark.parametrize("content", [b"", b"the last good warehouse", None], ids=["empty", "text", "none"])
def test_published_file_that_is_no_build_of_ours_is_no_measure(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    if content is not None:
        path.write_bytes(content)

    assert last_build(path, {"world": "real", "raw_data": "here", "variables": "v"}, []) == {}
