"""Hostile inputs of every kind on every source: each ends as right, rejected, warned of or refused by name.

Of values, many go into one build: a planted row differs from a good one in one text, and beside it stands
what becomes of it. Of files, each is spoiled alone and only checked, as the first step of a build does.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dealer_limits.errors import DealerLimitsError
from dealer_limits.sources.contracts import Column, Table
from dealer_limits.sources.scan import scan_text
from tiny_raw import CONTRACTS, FILES, Row, columns_of, cusip, good_row, write_text, write_tiny_raw
from workspace import Workspace

SEED = 20200316
EASTERN = ZoneInfo("America/New_York")
REJECTED = object()
SECRET = "S3CRET"

# text -> what it must be read as; REJECTED where it has no reading or more than one
NUMBERS = {
    "1.302E+02": Decimal("130.2"),
    " 146.9 ": Decimal("146.9"),
    "\u00a0146.9\u202f": Decimal("146.9"),
    "+5": Decimal(5),
    ".5": Decimal("0.5"),
    "5.": Decimal(5),
    "007": Decimal(7),
} | dict.fromkeys(
    [
        *(
            "1,163.70",
            "1.163,70",
            "2,500,000",
            "0,61",
            "$5",
            "5 %",
            "5%",
            "USD 5",
            "(12.5)",
            "12.5-",
            "--5",
            "5 5",
        ),
        *(
            "104-08",
            "99-16+",
            "104'08",
            "CONF",
            "n/a",
            "-",
            "?",
            "0x10",
            "1_000",
            "1e400",
            "inf",
            "-Infinity",
        ),
        *(
            "nan",
            "1e99",
            "5e",
            "e5",
            "5.5.5",
            "\u22125",
            "\uff15",
            "1\u00a0000",
            "9" * 30,
            "true",
            "12:30",
            "'5",
        ),
    ],
    REJECTED,
)
DATES = {
    "2020-03-17": date(2020, 3, 17),
    "20200317": date(2020, 3, 17),
    "2020-03-17 00:00:00": date(2020, 3, 17),
    "2020-03-17T00:00:00.000": date(2020, 3, 17),
    " 2020-03-17\u00a0": date(2020, 3, 17),
} | dict.fromkeys(
    [
        *(
            "17/03/2020",
            "03/17/2020",
            "3/4/2020",
            "17.03.2020",
            "2020/03/17",
            "17-MAR-2020",
            "March 17, 2020",
        ),
        *(
            "20-03-17",
            "03-17-20",
            "2020-02-30",
            "2020-13-01",
            "2020-00-10",
            "0020-03-17",
            "1020-03-17",
            "9020-03-17",
        ),
        *(
            "2020-03-17 12:00:00",
            "2020-3-17",
            "2020-03",
            "2020",
            "43907",
            "1584360000",
            "today",
            "0000-00-00",
        ),
    ],
    REJECTED,
)
AMERICAN_DATES = {
    "03/17/2020": date(2020, 3, 17),
    "3/7/2020": date(2020, 3, 7),
    " 03/17/2020": date(2020, 3, 17),
} | dict.fromkeys(["2020-03-17", "3/7/20", "02/30/2020", "03-17-2020", "03/17/0020", "13/13/2020"], REJECTED)
PLAIN = datetime(2020, 3, 16, 13, 40)
TIMES = {
    "2020-03-16 13:40": PLAIN,
    "2020-03-16T13:40:00": PLAIN,
    "2020-03-16 01:40:00 PM": PLAIN,
    "2020-03-16 1:40 pm": PLAIN,
    "20200316 134000": PLAIN,
    "20200316134000": PLAIN,
    "2020-03-16-13.40.00": PLAIN,
    "2020-03-16 17:40:00Z": PLAIN,
    "2020-03-16T17:40:00+00:00": PLAIN,
    "2020-03-16 13:40:00-0400": PLAIN,
    "2020-03-16 23:10:00+05:30": PLAIN,
    "2020-03-16 17:40:00 UTC": PLAIN,
    "2020-03-16 13:40:00.250": PLAIN + timedelta(milliseconds=250),
    "2020-03-16 13:40:00.123456789": PLAIN + timedelta(microseconds=123456),
    "2020-03-16 12:00:00 AM": datetime(2020, 3, 16),
    "2020-03-16 12:00:00 PM": datetime(2020, 3, 16, 12),
    # the day before and the day on which clocks change
    "2020-03-07 13:40:00Z": datetime(2020, 3, 7, 8, 40),
    "2020-03-08 13:40:00Z": datetime(2020, 3, 8, 9, 40),
    "2020-11-01 05:30:00Z": datetime(2020, 11, 1, 1, 30),
    "2020-11-01 06:30:00Z": datetime(2020, 11, 1, 1, 30),
} | dict.fromkeys(
    [
        *(
            "03/16/2020 13:40:00",
            "16.03.2020 13:40",
            "2020-03-16 24:00:00",
            "24:00",
            "13:40:00",
            "2020-03-16 25:00",
        ),
        *("2020-03-16 13:60:00", "2020-03-16 13:40:61", "2020-03-16 13:40:00 EST", "2020-03-16 13:40:00 CET"),
        *("2020-03-16 14:40:00 PM", "2020-03-16 00:40:00 AM", "2020-02-30 13:40:00", "1584366000", "134000"),
        *("2020-03-16 13h40", "2020-03-16 13:40:00 +", "20-03-16 13:40:00", "soon", "2020-03-08 02:30:00"),
    ],
    REJECTED,
)
CLOCKS = {
    "14:00": "14:00:00",
    "02:00 PM": "14:00:00",
    "2:00 pm": "14:00:00",
    "09:45:30": "09:45:30",
    "12:00 AM": "00:00:00",
} | dict.fromkeys(["1145", "25:00", "24:00", "14:00 PM", "2 PM", "11:45 ET", "11.45", "noon", "11:60"], REJECTED)
INTEGERS = {"77": 77, "00077": 77, "77.0": 77, "'77": 77, " 77 ": 77} | dict.fromkeys(
    ["77.5", "7.7E+01", "77,000", "seventy", "7 7", "#77", "9" * 25], REJECTED
)
NUMBERED = {
    "0000771": "771",
    "771.0": "771",
    "'0771": "771",
    " 771 ": "771",
    "2000000003.0": "2000000003",
    "ab12": "AB12",
} | dict.fromkeys(["2.000000003E+09", "2E+9"], REJECTED)
NAMES = {
    "x 77 ": "X 77",
    "x  77": "X 77",
    "'X77": "X77",
    "\u2019X77\u2019": "X77",
    "X77\u00a0": "X77",
    "77.0": "77",
    "0077": "0077",
} | dict.fromkeys(["2E+9", "1.5E+08"], REJECTED)
PARTIES = {"efgh": "EFGH", " EFGH ": "EFGH", "'EFGH": "EFGH", "a" * 40: "A" * 40} | dict.fromkeys(
    ["EF GH", "EFGH LLC", "EFGH.0", "E-GH", "z" * 40], REJECTED
)
# a CUSIP that is no other row's
OTHER = cusip(9999)
CUSIPS = {OTHER.lower(): OTHER, f"'{OTHER}": OTHER, f" {OTHER} ": OTHER} | dict.fromkeys(
    [
        OTHER[:8],
        OTHER[1:],
        f"{OTHER}0",
        f"{OTHER[:8]}{(int(OTHER[8]) + 1) % 10}",
        "9.13E+08",
        "US" + OTHER + "5",
    ],
    REJECTED,
)
POOLS: dict[str, dict[str, object]] = {
    "usd": NUMBERS,
    "number": NUMBERS,
    "date": DATES,
    "timestamp": TIMES,
    "time": CLOCKS,
    "integer": INTEGERS,
    "id": NAMES,
    "cusip": CUSIPS,
}


def parsed(column: Column, text: str) -> object:
    """A good row's text as it must be staged, by Python."""
    if text == "":
        return None
    match column.type:
        case "date":
            return datetime.strptime(text, column.format or "%Y-%m-%d").date()
        case "timestamp":
            return datetime.fromisoformat(text)
        case "time":
            return f"{text}:00"
        case "usd" | "number":
            return Decimal(text)
        case "integer":
            return int(text)
        case _:
            return text


@dataclass(frozen=True)
class Plant:
    """A row with one text instead of a good one, and what must become of it."""

    table: Table
    column: Column
    row: Row
    value: object

    @property
    def staged(self) -> dict[str, object]:
        """The row as it must be staged."""
        others = (column for column in self.table.columns if column != self.column)
        return {column.as_: parsed(column, self.row[column.name]) for column in others} | {self.column.as_: self.value}

    @property
    def key(self) -> tuple[object, ...]:
        return (self.table.full_name, *(self.staged.get(name) for name in self.table.key))


def pool_of(column: Column) -> dict[str, object]:
    if column.type == "code":
        first = next(iter(column.codes))
        good = {f" {first.swapcase()} ": first} | {
            other: code for code, others in column.codes.items() for other in others
        }
        return good | dict.fromkeys([f"{first}{first}", "unknown", "?", "0", "-"], REJECTED)
    if column.format == "%m/%d/%Y":
        return AMERICAN_DATES
    if column.format:
        return {"20200317": date(2020, 3, 17)} | dict.fromkeys(["2020-03-17", "200317", "20201301"], REJECTED)
    if column.pattern:
        return PARTIES | dict.fromkeys(column.mistaken, REJECTED)
    return NUMBERED if column.is_number else POOLS.get(column.type, {})


def within(column: Column, value: object) -> bool:
    """Whether a value that is read keeps the bounds of its column."""
    if value is REJECTED or value is None or column.type in ("text", "id", "code", "cusip", "time"):
        return True
    bounds = {name: getattr(column, name) for name in ("minimum", "maximum", "above")}
    if isinstance(value, date):
        bounds = {name: bound and datetime.fromisoformat(bound) for name, bound in bounds.items()}
        value = value if isinstance(value, datetime) else datetime.combine(value, datetime.min.time())
    else:
        bounds = {name: bound and Decimal(bound) for name, bound in bounds.items()}
        value = Decimal(str(value))
    return not (
        (bounds["minimum"] is not None and value < bounds["minimum"])
        or (bounds["maximum"] is not None and value > bounds["maximum"])
        or (bounds["above"] is not None and value <= bounds["above"])
    )


def draw_plants() -> list[Plant]:
    """Every text of every pool on some column, drawn with a seed, and some texts on every column."""
    rng = random.Random(SEED)
    of_type: dict[str, list[tuple[Table, Column]]] = {}
    chosen: list[tuple[Table, Column, str]] = []
    for table, column in columns_of(*POOLS, "code"):
        if column.parent:
            continue
        pool = pool_of(column)
        of_type.setdefault(str(sorted(pool)), []).append((table, column))
        chosen += [(table, column, text) for text in rng.sample(sorted(pool), min(4, len(pool)))]
    for columns in of_type.values():
        for text in pool_of(columns[0][1]):
            table, column = rng.choice(columns)
            chosen.append((table, column, text))
    by_name = {(table.full_name, column.name, text): (table, column) for table, column, text in chosen}
    plants: dict[object, Plant] = {}
    for number, ((_, _, text), (table, column)) in enumerate(by_name.items(), start=100):
        is_missing = text.strip(" \u00a0\u202f").lower() in column.missing
        if is_missing or text.encode(table.encoding, "ignore").decode(table.encoding) != text:
            continue
        value = pool_of(column)[text]
        row = good_row(table, number) | {column.name: text}
        plant = Plant(table, column, row, value if within(column, value) else REJECTED)
        # two texts of one value are one key where the column alone is the key
        plants.setdefault(number if plant.value is REJECTED else plant.key, plant)
    return list(plants.values())


PLANTS = draw_plants()


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """One build of staging with all planted rows."""
    folder = tmp_path_factory.mktemp("planted")
    more: dict[str, list[Row]] = {}
    for plant in PLANTS:
        more.setdefault(plant.table.full_name, []).append(plant.row)
    workspace = Workspace(folder, write_tiny_raw(folder / "raw", more))
    finished = workspace.dbt("run", "--select", "models/staging")
    assert finished.success, finished.exception or [r.message for r in finished.result.results if r.message]
    with workspace.connect_unpublished() as connection:
        yield connection


@pytest.mark.parametrize("table", CONTRACTS.values(), ids=lambda table: table.full_name)
def test_planted_texts_are_read_right_or_rejected_by_column(planted: duckdb.DuckDBPyConnection, table: Table) -> None:
    plants = [plant for plant in PLANTS if plant.table == table]
    columns = {column.name: column for column in table.columns}
    names = [column.as_ for column in table.columns]
    base = f"staging.base_{table.source}__{table.entity}"
    good = [good_row(table, number) for number in range(3)]
    expected = [{columns[name].as_: parsed(columns[name], text) for name, text in row.items()} for row in good]
    expected += [plant.staged for plant in plants if plant.value is not REJECTED]

    staged = planted.execute(f"select {', '.join(names)} from {base} where reject_reason is null").fetchall()
    reasons = planted.execute(f"select reject_reason from {base} where reject_reason is not null").fetchall()

    assert Counter(staged) == Counter(tuple(row[name] for name in names) for row in expected)
    # the longest name that a reason begins with: "CUSIP" is not "CUSIP_ID"
    rejected = [max((n for n in columns if reason.startswith(f"{n} ")), key=len) for (reason,) in reasons]
    assert Counter(rejected) == Counter(plant.column.name for plant in plants if plant.value is REJECTED)


def test_the_campaign_is_wide() -> None:
    assert len(PLANTS) >= 500
    assert {plant.table.full_name for plant in PLANTS} == CONTRACTS.keys()


# --- files ---

Spoil = Callable[[Path], object]


def good_rows(table: Table) -> list[Row]:
    return [good_row(table, number) for number in range(3)]


def write_forms(raw: Path) -> Path:
    """The good rows of every table in files of odd forms, each of which has one reading."""
    write_tiny_raw(raw)
    vv1, trace, soma = raw / "fr_vv1", raw / "trace", raw / "soma"

    def take(path: Path) -> str:
        """The text of a plain file, which goes."""
        text = path.read_text(encoding="utf-8")
        path.unlink()
        return text

    desks = good_rows(CONTRACTS["fr_vv1.desks"])
    (vv1 / "desks.csv").unlink()
    columns = {name: pa.array([row[name] for row in desks]) for name in desks[0]}
    columns |= {
        "rssd_id": pa.array([float(row["rssd_id"]) for row in desks]),
        "desk_name": pa.array([row["desk_name"].encode() for row in desks], pa.binary()),
        "desk_description": columns["desk_description"].dictionary_encode(),
        "valid_from": pa.array([datetime.fromisoformat(row["valid_from"]) for row in desks], pa.timestamp("ns")),
        "valid_to": pa.array([datetime.fromisoformat(row["valid_to"]).date() for row in desks]),
    }
    pq.write_table(pa.table(columns), vv1 / "Desks.PARQUET")
    (vv1 / "limits.csv").write_text(take(vv1 / "limits.csv"), encoding="utf-16")
    (vv1 / "limit_usage.csv").write_bytes(
        b"\xef\xbb\xbf" + take(vv1 / "limit_usage.csv").replace("\n", "\r\n").encode()
    )
    deep = vv1 / "2020" / "first quarter"
    deep.mkdir(parents=True)
    (deep / "VALUE_AT_RISK.CSV").write_text(take(vv1 / "value_at_risk.csv"))
    (vv1 / "pnl.csv.gz").write_bytes(gzip.compress(take(vv1 / "pnl.csv").encode()))
    with zipfile.ZipFile(vv1 / "from the firm.zip", "w") as archive:
        archive.writestr("export/positions.csv", b"\xef\xbb\xbf" + take(vv1 / "positions.csv").encode())
    (vv1 / "inventory_aging.csv").write_text(take(vv1 / "inventory_aging.csv"), newline="\r")
    header, *rest = take(vv1 / "transactions.csv").splitlines()
    (vv1 / "transactions.csv").write_bytes("\r\n".join([header, "\n".join(rest)]).encode() + b"\n\n")

    bulk = raw / "fr_y9c" / "BHCF20200331.txt"
    header, *rest = bulk.read_text("latin-1").splitlines()
    bulk.unlink()
    with zipfile.ZipFile(raw / "fr_y9c" / "BHCF20200331.ZIP", "w") as archive:
        archive.writestr("BHCF20200331.TXT", b"\xef\xbb\xbf" + "\n".join([header.lower(), *rest[:2]]).encode())
    swapped = ["^".join(reversed(line.split("^"))) for line in [header, rest[2]]]
    wide = [line + "".join(f"^{value}{n}" for n in range(300)) for line, value in zip(swapped, "X-", strict=True)]
    (raw / "fr_y9c" / "bhcf20200630.txt").write_text("\n".join(wide), "latin-1")

    series = take(raw / "market" / "DGS10.csv").splitlines()
    quoted = [
        '" Observation_Date "," dgs10 "',
        *(f'"{line.replace(",", chr(34) + "," + chr(34))}"' for line in series[1:]),
    ]
    (raw / "market" / "dgs10.csv").write_text("\n".join(quoted))

    table = CONTRACTS["trace.reports"]
    rows = good_rows(table)
    take(raw / FILES["trace.reports"])
    with zipfile.ZipFile(trace / "2020-03-16.zip", "w") as archive:
        archive.writestr(
            "a.txt", write_text([rows[0] | {"ISSUE_SYM_ID": 'T "28'}], table) + "202003161800000000000001\n"
        )
    odd = trace / "report_date=2020-03-16" / "[a]{b}*?'s"
    odd.mkdir(parents=True)
    (odd / "part[0]{1}.PSV").write_text(write_text(rows[1:2], table, "\r\n"))
    zoned = {column.name: pa.array([rows[2][column.name]]) for column in table.columns}
    at = datetime.fromisoformat(rows[2]["TRD_RPT_TS"]).replace(tzinfo=EASTERN).astimezone(UTC)
    zoned |= {
        "TRD_RPT_TS": pa.array([at], pa.timestamp("us", "UTC")),
        "TRD_EXCTN_TS": pa.array([at], pa.timestamp("us", "Asia/Tokyo")),
        "SYSTM_CNTRL_NB": pa.array([float(rows[2]["SYSTM_CNTRL_NB"])]),
        "PREV_TRD_CNTRL_NB": pa.array([float(rows[2]["PREV_TRD_CNTRL_NB"])], pa.float64()),
        "WIS_FL": pa.array([True]),
        "ENTRD_VOL_QT": pa.array([5.25]),
    }
    pq.write_table(pa.table(zoned), trace / "trace_2020-03-17.parquet")
    # a holiday
    (trace / "trace_2020-04-10.psv").write_text(write_text([], table))
    pq.write_table(pa.table(zoned).slice(0, 0), trace / "trace_2020-04-11.parquet")

    document = json.loads(take(soma / "operations.json"))
    operations = document["treasury"]["auctions"]
    lower = [{key.lower(): value for key, value in operations[1].items()} | {"new": {"a": [1]}}]
    as_numbers = [operations[2] | {"totalParAmtAccepted": 5.25, "operationId": "D2"}]
    for name, auctions, write in [
        ("a.json.gz", operations[:1], lambda text: gzip.compress(text.encode())),
        ("B.JSON", lower, lambda text: b"\xef\xbb\xbf" + text.encode()),
        ("2020/c.json", as_numbers, lambda text: text.encode("utf-16")),
        ("2020/empty day.json", [], str.encode),
    ]:
        (soma / name).parent.mkdir(exist_ok=True)
        (soma / name).write_bytes(write(json.dumps({"treasury": {"auctions": auctions}})))
    return raw


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """One build of staging from files of odd forms, in a folder whose name is odd too."""
    folder = tmp_path_factory.mktemp("forms")
    workspace = Workspace(folder, write_forms(folder / "the firm's [raw] {files}"))
    finished = workspace.dbt("run", "--select", "models/staging")
    assert finished.success, finished.exception or [r.message for r in finished.result.results if r.message]
    assert not (workspace.build_file.parent / "unpacked").exists()
    with workspace.connect_unpublished() as connection:
        yield connection


@pytest.mark.parametrize("table", CONTRACTS.values(), ids=lambda table: table.full_name)
def test_files_of_odd_forms_are_read_as_plain_ones(forms: duckdb.DuckDBPyConnection, table: Table) -> None:
    names = [column.as_ for column in table.columns if column.name != "ISSUE_SYM_ID"]
    columns = {column.name: column for column in table.columns if column.name != "ISSUE_SYM_ID"}
    expected = Counter(tuple(parsed(column, row[name]) for name, column in columns.items()) for row in good_rows(table))

    staged = forms.execute(f"select {', '.join(names)} from staging.stg_{table.source}__{table.entity}").fetchall()
    rejected = forms.execute(
        f"select reject_reason from staging.base_{table.source}__{table.entity} where reject_reason is not null"
    ).fetchall()

    assert rejected == []
    assert Counter(staged) == expected


def test_a_quote_in_trace_is_a_character(forms: duckdb.DuckDBPyConnection) -> None:
    symbols = forms.execute("select issue_symbol from staging.stg_trace__reports").fetchall()

    assert ('T "28',) in symbols


def test_files_are_named_by_their_place_below_the_folder(forms: duckdb.DuckDBPyConnection) -> None:
    named = {name for (name,) in forms.execute("select raw_file from staging.base_trace__reports").fetchall()}

    assert named == {
        "trace/2020-03-16.zip/a.txt",
        "trace/report_date=2020-03-16/[a]{b}*?'s/part[0]{1}.PSV",
        "trace/trace_2020-03-17.parquet",
    }


def test_rows_of_every_file_are_counted_and_accounted_for(forms: duckdb.DuckDBPyConnection) -> None:
    counts = forms.execute(
        "select source_table, sum(rows_read), sum(rows_staged), sum(rows_rejected)"
        " from quality.qc_row_counts group by all"
    ).fetchall()

    assert {(table, *(int(n) for n in found)) for table, *found in counts} == {(table, 3, 3, 0) for table in CONTRACTS}
    without_rows = forms.execute("select raw_file from quality.qc_raw_files where status = 'no rows'").fetchall()
    assert {name for (name,) in without_rows} >= {
        "trace/trace_2020-04-10.psv",
        "trace/trace_2020-04-11.parquet",
        "soma/2020/empty day.json",
    }


def rewrite(file: str, change: Callable[[bytes], bytes]) -> Spoil:
    def spoil(raw: Path) -> None:
        before = (raw / file).read_bytes()
        after = change(before)
        assert after != before
        (raw / file).write_bytes(after)

    return spoil


def last_line(more: bytes) -> Callable[[bytes], bytes]:
    return lambda content: content.rstrip(b"\n") + more + b"\n"


def as_parquet(file: str, change: Callable[[bytes], bytes]) -> Spoil:
    """The table as Parquet, spoiled."""

    def spoil(raw: Path) -> None:
        table = next(CONTRACTS[name] for name, known in FILES.items() if known == file)
        rows = [good_row(table, number) for number in range(2000)]
        path = (raw / file).with_suffix(".parquet")
        (raw / file).unlink()
        pq.write_table(pa.Table.from_pylist(rows), path, compression="gzip")
        path.write_bytes(change(path.read_bytes()))

    return spoil


def packed(file: str, suffix: str, content: bytes) -> Spoil:
    def spoil(raw: Path) -> None:
        (raw / file).unlink()
        (raw / f"{file}{suffix}").write_bytes(content)

    return spoil


def beside(file: str, other: str) -> Spoil:
    def spoil(raw: Path) -> None:
        (raw / other).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(raw / file, raw / other)

    return spoil


def in_the_middle(content: bytes) -> bytes:
    """Bytes of a data page changed."""
    place = len(content) // 3
    return content[:place] + bytes(64) + content[place + 64 :]


def kinds_of(file: str) -> dict[str, tuple[Spoil, str]]:
    """What is spoiled in a file, and what must be said of it."""
    table = next(CONTRACTS[name] for name, known in FILES.items() if known == file)
    required = next(column.name for column in table.columns if not column.optional)
    kinds = {
        "zero bytes": (rewrite(file, lambda content: b""), "the file is empty"),
        "torn gzip": (packed(file, ".gz", gzip.compress(b"x" * 9999)[:40]), "the file cannot be unpacked"),
        "no gzip": (packed(file, ".gz", SECRET.encode()), "the file cannot be unpacked"),
        "torn zip": (packed(file, ".zip", b"PK\x03\x04" + SECRET.encode()), "the file cannot be unpacked"),
    }
    if file.endswith(".json"):
        return kinds | {
            "cut short": (rewrite(file, lambda content: content[:-30]), "the file is not well-formed JSON"),
            "two documents": (rewrite(file, lambda content: content * 2), "the file is not well-formed JSON"),
            "no text": (rewrite(file, lambda content: content + b"\xff"), "the file is not well-formed JSON"),
            "a list": (rewrite(file, lambda content: b"[" + content + b"]"), "the file is of another shape"),
            "another field": (
                rewrite(file, lambda content: content.replace(b"treasury", b"ambs")),
                "field treasury is missing",
            ),
            "a field twice": (
                rewrite(file, lambda content: content.replace(b'"note"', b'"NOTE": "", "note"')),
                "the file is not well-formed JSON",
            ),
            "text for records": (
                rewrite(file, lambda content: json.dumps({"treasury": {"auctions": [SECRET]}}).encode()),
                "the file is of another shape",
            ),
        }
    delimiter = table.delimiter.encode()
    kinds |= {
        "a field too many": (
            rewrite(file, last_line(delimiter + SECRET.encode())),
            "line 4 is malformed, too many columns",
        ),
        "a field too few": (
            rewrite(file, lambda content: content[: content.rstrip().rfind(delimiter)] + b"\n"),
            "line 4 is malformed, missing columns",
        ),
        "a short line between": (
            rewrite(file, lambda content: content.replace(b"\n", b"\n" + SECRET.encode() + b"\n", 1)),
            "line 2 is malformed, missing columns",
        ),
        "column missing": (
            rewrite(file, lambda content: content.replace(required.encode(), b"other", 1)),
            f"column {required} is missing",
        ),
        "column twice": (
            rewrite(
                file,
                lambda content: (
                    b"\n".join(
                        line + delimiter + (required.encode() if not n else b"1")
                        for n, line in enumerate(content.rstrip(b"\n").split(b"\n"))
                    )
                    + b"\n"
                ),
            ),
            f"column {required} stands twice",
        ),
        "null bytes": (rewrite(file, last_line(b"\0")), "the file holds null bytes"),
        "header alone, torn": (rewrite(file, lambda content: content[:6]), "column"),
    }
    if table.encoding == "utf-8":
        kinds["no text"] = (rewrite(file, last_line(b"\xff")), "the file is not UTF-8 text")
    if table.quoted:
        kinds["a quote that never ends"] = (
            rewrite(file, lambda content: content.replace(b"\n", b'\n"', 1)),
            "line",
        )
    if table.is_whole(file.rpartition("/")[2]):
        kinds["two files"] = (beside(file, f"{file.replace('/', '/sub/')}"), f"both hold {table.full_name}")
        kinds["no rows"] = (rewrite(file, lambda content: content.split(b"\n")[0]), "the file has no rows")
    if any(pattern.endswith(".parquet") for pattern in table.files):
        kinds |= {
            "parquet, no end": (as_parquet(file, lambda content: content[:-20]), "the file cannot be read"),
            "parquet, a bad page": (as_parquet(file, in_the_middle), "the file cannot be read"),
            "parquet, text": (as_parquet(file, lambda content: SECRET.encode()), "the file cannot be read"),
        }
    if table.trailer:
        kinds |= {
            "trailer of other rows": (
                rewrite(file, lambda content: content + b"20200316180000|0000000007\n"),
                "its trailer counts 7 rows and it holds 3",
            ),
            "rows after the trailer": (
                rewrite(
                    file,
                    lambda content: content + b"202003161800000000000003\n" + content.split(b"\n")[1] + b"\n",
                ),
                "line 5 is malformed, missing columns",
            ),
        }
    return kinds


REFUSED = {
    f"{file}: {kind}": (file, *case) for file in dict.fromkeys(FILES.values()) for kind, case in kinds_of(file).items()
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_raw(tmp_path_factory.mktemp("tiny") / "raw")


@pytest.mark.parametrize(("file", "spoil", "problem"), REFUSED.values(), ids=REFUSED.keys())
def test_spoiled_file_is_refused_by_name_without_a_value(
    tiny: Path, tmp_path: Path, file: str, spoil: Spoil, problem: str
) -> None:
    source = file.partition("/")[0]
    shutil.copytree(tiny / source, tmp_path / "raw" / source)
    spoil(tmp_path / "raw")

    with pytest.raises(DealerLimitsError) as refusal:
        Workspace(tmp_path, tmp_path / "raw").inspect(f"{source}.")

    line = str(refusal.value)
    assert line.startswith("bad input: ")
    assert file.rpartition(".")[0] in line
    assert f": {problem}" in line
    assert SECRET not in line
    assert "\n" not in line


@pytest.mark.parametrize("source", ["fr_vv1", "fr_y9c", "market", "reference", "soma", "trace"])
def test_file_that_no_contract_knows_is_named(tiny: Path, tmp_path: Path, source: str) -> None:
    shutil.copytree(tiny, tmp_path / "raw")
    (tmp_path / "raw" / source / "old").mkdir()
    (tmp_path / "raw" / source / "old" / "notes.xlsx").write_text(SECRET)

    files = Workspace(tmp_path, tmp_path / "raw").inspect().files()

    (unread,) = [file for file in files if file["status"] == "left unread"]
    assert unread["raw_file"] == f"{source}/old/notes.xlsx"
    assert unread["warning"]


def test_name_that_cannot_be_written_is_refused(tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny / "trace", tmp_path / "raw/trace")
    (tmp_path / "raw/trace" / "a\nb.psv").write_text(SECRET)

    with pytest.raises(DealerLimitsError, match=r"^bad input: trace/a\\nb.psv: its name cannot be written; "):
        Workspace(tmp_path, tmp_path / "raw").inspect("trace.")


def test_times_that_name_no_zone_are_of_the_zone_of_the_variable(
    tiny: Path, tmp_path: Path, small_workspace: Workspace
) -> None:
    workspace = small_workspace.with_raw(tiny)
    zones = "{unzoned_times: {trace: UTC, soma: America/New_York}}"

    finished = workspace.dbt("run", "--select", "base_trace__reports", "--vars", zones)

    assert finished.success
    with workspace.connect_unpublished() as connection:
        stamps = connection.execute("select distinct executed_at from staging.base_trace__reports").fetchall()
    # 11:40:10 in UTC, in the summer of New York
    assert stamps == [(datetime(2020, 3, 16, 7, 40, 10),)]


def test_files_whose_types_differ_are_read_each_as_it_is(tmp_path: Path, small_workspace: Workspace) -> None:
    table = CONTRACTS["trace.reports"]
    raw = write_tiny_raw(tmp_path / "raw")
    for number, (price, type_) in enumerate([("99.5", pa.decimal128(9, 2)), ("99.123456", pa.decimal128(12, 6))]):
        row = {name: pa.array([text]) for name, text in good_row(table, 10 + number).items()}
        row["ENTRD_PR"] = pa.array([Decimal(price)], type_)
        row["PREV_TRD_CNTRL_NB"] = pa.array([float("nan")])
        pq.write_table(pa.table(row), raw / f"trace/trace_2020-03-{20 + number}.parquet")
    workspace = small_workspace.with_raw(raw)

    assert workspace.dbt("run", "--select", "base_trace__reports").success

    with workspace.connect_unpublished() as connection:
        prices = connection.execute(
            "select entered_price, previous_control_number, reject_reason from staging.base_trace__reports"
            " where raw_file like '%.parquet' order by 1"
        ).fetchall()
    # an identifier that is no number is none
    assert prices == [(Decimal("99.123456"), None, None), (Decimal("99.500000"), None, None)]


def test_table_that_may_be_absent_is_empty_and_says_so(tiny: Path, tmp_path: Path, small_workspace: Workspace) -> None:
    shutil.copytree(tiny, tmp_path / "raw")
    (tmp_path / "raw/market/curve_fit_error.csv").unlink()
    workspace = small_workspace.with_raw(tmp_path / "raw")

    finished = workspace.dbt("run", "--select", "base_market__curve_fit_errors", "stg_market__curve_fit_errors")

    assert finished.success
    with workspace.connect_unpublished() as connection:
        assert connection.execute("from staging.stg_market__curve_fit_errors").fetchall() == []
        (warning,) = connection.execute(
            "select warning from quality.qc_raw_files where source_table = 'market.curve_fit_error'"
        ).fetchone()
    assert warning == "there is no file of this table: what needs it is empty"


def test_bank_file_without_any_leverage_item_is_named(tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny, tmp_path / "raw")
    (tmp_path / "raw/fr_y9c/BHCF20200630.txt").write_text("RSSD9001^RSSD9999\n1^20200630\n")

    files = Workspace(tmp_path, tmp_path / "raw").inspect().files()

    warned = {file["raw_file"]: file["warning"] for file in files if file["warning"]}
    assert warned == {"fr_y9c/BHCF20200630.txt": "it has none of BHCAH036, BHCA8274, BHCALE88"}


STOPPED: dict[str, tuple[str, dict[str, str], str]] = {
    # table, what a fourth row says, what is said of the file
    "a day before its month": (
        "market.treasury_securities",
        {"Auction Date": "18/02/2020"},
        "column Auction Date has day and month in another order",
    ),
    "two spellings of a desk": ("fr_vv1.value_at_risk", {"desk_id": "d0"}, "a key is spelled in two ways"),
    "two spellings of a limit": ("fr_vv1.limits", {"limit_id": "'D0"}, "a key is spelled in two ways"),
    "two spellings of a number": (
        "trace.reports",
        {"SYSTM_CNTRL_NB": "05000"},
        "a key is spelled in two ways",
    ),
    "two spellings of a firm": ("reference.firms", {"RSSD": "1000.0"}, "a key is spelled in two ways"),
}


@pytest.mark.parametrize(("name", "changes", "problem"), STOPPED.values(), ids=STOPPED.keys())
def test_row_that_makes_others_doubtful_stops_the_build(
    tmp_path: Path, small_workspace: Workspace, name: str, changes: dict[str, str], problem: str
) -> None:
    table = CONTRACTS[name]
    raw = write_tiny_raw(tmp_path / "raw", {name: [good_row(table, 0) | changes]})
    workspace = small_workspace.with_raw(raw)

    with pytest.raises(DealerLimitsError) as refusal:
        workspace.build("--select", f"base_{table.source}__{table.entity}")

    assert str(refusal.value).startswith(f"bad input: {FILES[name]}: {problem}; expected ")


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=8),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_rows_of_quoted_text_are_counted_whatever_they_hold(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], encoding: str, line_end: str
) -> None:
    table = CONTRACTS["market.move"]
    folder = tmp_path_factory.mktemp("scan")
    texts = [dict(zip(("date", "move"), row, strict=True)) for row in rows]
    (folder / "move.csv").write_text(write_text(texts, table, line_end), encoding=encoding, newline="")

    found = scan_text(folder / "move.csv", "market/move.csv", table, folder / "copy.csv")

    assert found.rows == len(rows)
