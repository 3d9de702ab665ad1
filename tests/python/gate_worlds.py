"""A small world to make implausible or odd, the changes that do, of files as frames, and how a build judges it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from workspace import Workspace, digest

# long enough for shifts, gaps and quarters, and the event window in its midst
FIRST, LAST = date(2019, 1, 2), date(2020, 9, 30)
DAILY = ("value_at_risk", "limit_usage", "pnl", "positions", "inventory_aging", "transactions")
CRISIS = date(2020, 3, 16)
# what is implausible from a day on
SINCE = date(2020, 1, 13)
# planted in raw data, and must be found in no byte of what is kept
SENTINEL = "S3NTINEL"
HEAD_PNL = ["pnl_comprehensive", "pnl_existing_positions", "pnl_new_positions", "pnl_residual"]


def write_base(world: Path, raw: Path) -> Path:
    """The raw files of a pseudo world, daily tables and bank files cut to FIRST to LAST."""
    shutil.copytree(world / "raw", raw)
    for name in DAILY:
        with desk_table(raw, name) as rows:
            rows.drop(rows.index[~rows.business_date.between(FIRST, LAST)], inplace=True)
    for file in (raw / "fr_y9c").iterdir():
        if not "20180930" <= file.stem[4:] <= "20200930":
            file.unlink()
    return raw


@contextmanager
def desk_table(raw: Path, name: str) -> Iterator[pd.DataFrame]:
    """A table of FR VV-1 to be changed in place."""
    path = raw / f"fr_vv1/{name}.parquet"
    rows = pd.read_parquet(path)
    yield rows
    rows.to_parquet(path, index=False)


def trace_files(raw: Path) -> list[Path]:
    """The files in the item names of FR 2956; few days are in the academic layout."""
    return sorted(path for path in (raw / "trace").iterdir() if path.suffix != ".txt")


@contextmanager
def reports(path: Path) -> Iterator[pd.DataFrame]:
    """A file of trade reports, as text where it is text."""
    is_text = path.suffix == ".psv"
    rows = pd.read_csv(path, sep="|", dtype=str, keep_default_na=False) if is_text else pd.read_parquet(path)
    yield rows
    if is_text:
        rows.to_csv(path, sep="|", index=False)
    else:
        rows.to_parquet(path, index=False)


@contextmanager
def operations(path: Path) -> Iterator[list[dict[str, Any]]]:
    document = json.loads(path.read_text())
    yield document["treasury"]["auctions"]
    path.write_text(json.dumps(document))


def soma_files(raw: Path) -> list[Path]:
    return sorted((raw / "soma").iterdir())


@contextmanager
def series(raw: Path, name: str) -> Iterator[pd.DataFrame]:
    """A csv of the market with its columns as `day` and `value`."""
    path = raw / f"market/{name}.csv"
    rows = pd.read_csv(path)
    header = list(rows.columns)
    rows.columns = ["day", "value"]
    yield rows
    rows.columns = header
    rows.to_csv(path, index=False)


def bank_file(raw: Path, quarter: str) -> Path:
    return raw / f"fr_y9c/BHCF{quarter}.txt"


def firms(raw: Path) -> list[str]:
    """Firms by number of desks that report throughout, most first: their desks' identifiers begin alike."""
    rows = pd.read_parquet(raw / "fr_vv1/value_at_risk.parquet")
    days = rows.business_date.nunique()
    whole = rows.groupby("desk_id").size()
    whole = whole[whole > 0.97 * days].index.str[:4].value_counts()
    return sorted(whole.index, key=lambda firm: (-whole[firm], firm))


def whole_desks(raw: Path, firm: str) -> list[str]:
    rows = pd.read_parquet(raw / "fr_vv1/value_at_risk.parquet")
    sizes = rows[rows.desk_id.str[:4] == firm].groupby("desk_id").size()
    return sorted(sizes[sizes > 0.97 * rows.business_date.nunique()].index)


def scale(rows: pd.DataFrame, which: pd.Series, columns: list[str], factor: str) -> None:
    for column in columns:
        rows.loc[which, column] = rows.loc[which, column].map(
            lambda value: (value * Decimal(factor)).quantize(Decimal("0.01")) if pd.notna(value) else value
        )


def shifted(raw: Path, table: str, columns: list[str], factor: str, since: date, desks: Callable[[str], bool]) -> None:
    """Numbers of some desks in another unit from a day on."""
    with desk_table(raw, table) as rows:
        scale(rows, rows.desk_id.map(desks) & (rows.business_date >= since), columns, factor)


def without(raw: Path, tables: tuple[str, ...], drop: Callable[[pd.DataFrame], pd.Series]) -> None:
    """Rows of daily tables dropped."""
    for table in tables:
        with desk_table(raw, table) as rows:
            rows.drop(rows.index[drop(rows)], inplace=True)


def set_one(raw: Path, table: str, desk: str, day: date, column: str, value: str) -> None:
    with desk_table(raw, table) as rows:
        which = rows.index[(rows.desk_id == desk) & (rows.business_date == day)]
        rows.loc[which[:1], column] = Decimal(value)


def hours_later(stamps: pd.Series, hours: int) -> pd.Series:
    """As stamps of the column are: text or timestamps."""
    if stamps.dtype.kind == "M":
        return stamps + timedelta(hours=hours)
    moved = pd.to_datetime(stamps.where(stamps != "")) + timedelta(hours=hours)
    return moved.dt.strftime("%Y-%m-%d %H:%M:%S").fillna("")


def multiplied(values: pd.Series, factor: str) -> pd.Series:
    """As values of the column are: text or decimals."""
    if isinstance(values.iloc[0], str):
        return values.map(lambda value: f"{Decimal(value) * Decimal(factor):.6f}")
    return values.map(lambda value: (value * Decimal(factor)).quantize(value))


def plant_sentinel(raw: Path) -> None:
    """In a text that is kept, in a row that is rejected and in a column that no contract knows."""
    dealers = raw / "reference/dealers.csv"
    header, *rows = dealers.read_text().splitlines()
    dealers.write_text("\n".join([header + ",NOTE", *(f"{row},{SENTINEL}" for row in rows)]) + "\n")
    move = raw / "market/move.csv"
    move.write_text(move.read_text() + f"{SENTINEL},100\n")
    desks = pq.read_table(raw / "fr_vv1/desks.parquet")
    place = desks.schema.get_field_index("desk_description")
    described = [f"{text} {SENTINEL}" for text in desks.column(place).to_pylist()]
    pq.write_table(desks.set_column(place, "desk_description", [described]), raw / "fr_vv1/desks.parquet")


def odd_desks(raw: Path) -> None:
    """What happens to desks, firms and series in real life."""
    largest, second, third, *others, closed = firms(raw)
    desks = iter([desk for firm in (largest, second, third, *others) for desk in whole_desks(raw, firm)])
    flat, nearly_flat, hedged, raised, doubled, won, halted, new, turned = (next(desks) for _ in range(9))
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
        # nearly all long, then nearly all short
        for which, long, short in (
            (rows.business_date < SINCE, "1e9", "1e7"),
            (rows.business_date >= SINCE, "1e7", "1e9"),
        ):
            rows.loc[(rows.desk_id == turned) & which, names[2:]] = [Decimal(long), Decimal(short)]
    with desk_table(raw, "value_at_risk") as rows:
        rows.loc[(rows.desk_id == flat) & (rows.business_date >= SINCE), "var_99_1d"] = Decimal("0.00")
        # March 2020
        scale(rows, rows.business_date.between(CRISIS, date(2020, 4, 15)), ["var_99_1d"], "1.6")
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
    # a table with a bad row or two among many
    with series(raw, "curve_fit_error") as rows:
        rows["value"] = rows["value"].astype(object)
        rows.loc[rows.index[:2], "value"] = "n.m."


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


def break_desks(raw: Path) -> dict[str, tuple[str, str, str]]:
    """What is implausible of FR VV-1, market and banks: by claim, the gate, subject and part that stop."""
    largest, second, third, fourth, *others, lost = firms(raw)
    # one desk per plant, that no other touches
    desks = iter([desk for firm in others for desk in whole_desks(raw, firm)])
    var_desk, pnl_desk, limit_desk, huge_var, huge_pnl, huge_position, side_desk = (next(desks) for _ in range(7))
    shifted(raw, "value_at_risk", ["var_99_1d"], "1000", SINCE, lambda desk: desk == var_desk)
    shifted(raw, "pnl", ["pnl_comprehensive"], "1000", SINCE, lambda desk: desk == pnl_desk)
    shifted(raw, "positions", ["securities_long"], "1000", SINCE, lambda desk: desk == side_desk)
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
        "one side of a desk's positions a thousandfold from a day on": (
            "level_shift",
            "securities_long_usd",
            f"desk {side_desk}",
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


def judge(workspace: Workspace, *command: str) -> Judged:
    """A build, by `dealer-limits build` or another command."""
    before = digest(workspace.published) if workspace.published.exists() else None
    finished = workspace.run_here(*(command or ("dealer-limits", "build")))
    after = digest(workspace.published) if workspace.published.exists() else None
    verdicts: dict[str, dict[tuple[str, str | None], str]] = {}
    with workspace.connect_unpublished() as connection:
        for gate, subject, part, verdict in connection.execute(
            "select gate, concat_ws(' ', subject, raw_file), part, verdict from quality.qc_gates where verdict <> 'ok'"
        ).fetchall():
            verdicts.setdefault(gate, {})[subject, part] = verdict
    return Judged(workspace, verdicts, finished.returncode, finished.stdout, finished.stderr, after != before)
