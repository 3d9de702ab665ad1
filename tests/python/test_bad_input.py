"""Raw files that cannot be read stop the build with one line: file, column, expectation, never a value."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from dbt.artifacts.schemas.results import RunStatus
from dbt.artifacts.schemas.run import RunResult
from dbt.task.build import BuildTask

from dealer_limits.errors import DealerLimitsError
from workspace import Workspace

# stands in lines that are malformed, and must be found nowhere but in them
SECRET = "S3CRET"
LAST_GOOD = b"the last good warehouse"

PARQUET = "trace/trace_2020-03-23.parquet"
PSV = "trace/trace_2020-03-16.psv"
BULK = "fr_y9c/BHCF20141231.txt"
SOMA = "soma/treasury_operations_2020-03-20.json"
TRACE_COLUMNS = (
    "expected *.parquet or *.psv or *.txt with MSG_SEQ_NB, TRD_RPT_TS, TRD_EXCTN_TS, TRD_STLMT_DT, CUSIP_ID, "
    "RPT_SIDE_CD, ENTRD_VOL_QT, ENTRD_PR"
)
SOMA_COLUMNS = "expected *.json with operationId, operationDate"

Break = Callable[[Path], object]


def text(file: str, change: Callable[[str], str], encoding: str = "utf-8") -> Break:
    def break_it(raw: Path) -> None:
        path = raw / file
        before = path.read_text(encoding)
        after = change(before)
        assert after != before
        path.write_text(after, encoding)

    return break_it


def substitute(file: str, pattern: str, replacement: str, count: int = 0, encoding: str = "utf-8") -> Break:
    return text(file, lambda content: re.sub(pattern, replacement, content, count=count), encoding)


def header_only(file: str, encoding: str = "utf-8") -> Break:
    return text(file, lambda content: content.split("\n", 1)[0] + "\n", encoding)


def append(file: str, line: bytes) -> Break:
    def break_it(raw: Path) -> None:
        path = raw / file
        path.write_bytes(path.read_bytes() + line + b"\n")

    return break_it


def empty(file: str) -> Break:
    return lambda raw: (raw / file).write_bytes(b"")


def remove(name: str) -> Break:
    def break_it(raw: Path) -> None:
        path = raw / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()

    return break_it


def table(file: str, change: Callable[[pa.Table], pa.Table]) -> Break:
    return lambda raw: pq.write_table(change(pq.read_table(raw / file)), raw / file)


def replace_column(file: str, column: str, values: Callable[[pa.Table], pa.Array]) -> Break:
    return table(file, lambda data: data.set_column(data.schema.get_field_index(column), column, values(data)))


def desks_as_csv(raw: Path) -> None:
    """fr_vv1.desks as CSV, with days as MM/DD/YYYY."""
    pyarrow.csv.write_csv(pq.read_table(raw / "fr_vv1/desks.parquet"), raw / "fr_vv1/desks.csv")
    (raw / "fr_vv1/desks.parquet").unlink()
    substitute("fr_vv1/desks.csv", r"(\d{4})-(\d\d)-(\d\d)", r"\2/\3/\1")(raw)


def drop_column(file: str, column: str, delimiter: str, encoding: str = "utf-8") -> Break:
    def change(content: str) -> str:
        lines = [line.split(delimiter) for line in content.splitlines()]
        position = lines[0].index(column)
        return "".join(delimiter.join(line[:position] + line[position + 1 :]) + "\n" for line in lines)

    return text(file, change, encoding)


def soma(change: Callable[[dict[str, Any]], None]) -> Break:
    def break_it(raw: Path) -> None:
        document = json.loads((raw / SOMA).read_text())
        for operation in document["treasury"]["auctions"]:
            change(operation)
        (raw / SOMA).write_text(json.dumps(document))

    return break_it


def american_operation_date(operation: dict[str, Any]) -> None:
    year, month, day = operation["operationDate"].split("-")
    operation["operationDate"] = f"{month}/{day}/{year}"


def without_details(operation: dict[str, Any]) -> None:
    operation["details"] = []


CASES: dict[str, tuple[Break, str, str, str]] = {
    # what is broken: how, the file named, what is wrong with it, what was expected
    "missing file": (
        remove("market/move.csv"),
        "/market",
        "no file of move",
        "expected move.csv with date, move",
    ),
    "zero bytes, csv": (
        empty("market/DGS10.csv"),
        "market/DGS10.csv",
        "the file is empty",
        "expected DGS10.csv with observation_date, DGS10",
    ),
    "zero bytes, parquet": (
        empty("fr_vv1/value_at_risk.parquet"),
        "fr_vv1/value_at_risk.parquet",
        "the file is empty",
        "expected value_at_risk.parquet or value_at_risk.csv with business_date, desk_id, var_99_1d",
    ),
    "zero bytes, json": (empty(SOMA), SOMA, "the file is empty", SOMA_COLUMNS),
    "header only, csv": (
        header_only("reference/firms.csv"),
        "reference/firms.csv",
        "the file has no rows",
        "expected firms.csv with RSSD, NAME, ESLR",
    ),
    "no rows, parquet": (
        table("fr_vv1/limits.parquet", lambda data: data.slice(0, 0)),
        "fr_vv1/limits.parquet",
        "the file has no rows",
        "expected limits.parquet or limits.csv with rssd_id, limit_id",
    ),
    "column missing, csv": (
        substitute("market/move.csv", "^date,", "day,"),
        "market/move.csv",
        "column date is missing",
        "expected move.csv with date, move",
    ),
    "column missing, psv": (
        drop_column(PSV, "CUSIP_ID", "|"),
        PSV,
        "column CUSIP_ID is missing",
        TRACE_COLUMNS,
    ),
    "column missing, parquet": (
        table("fr_vv1/positions.parquet", lambda data: data.drop_columns("securities_long")),
        "fr_vv1/positions.parquet",
        "column securities_long is missing",
        "expected positions.parquet or positions.csv with business_date, desk_id, securities_long",
    ),
    "column missing, bulk text": (
        drop_column(BULK, "RSSD9999", "^", "latin-1"),
        BULK,
        "column RSSD9999 is missing",
        "expected BHCF*.txt with RSSD9001, RSSD9999",
    ),
    "field missing, json": (
        soma(lambda operation: operation.pop("operationDirection")),
        SOMA,
        "field operationDirection is missing",
        SOMA_COLUMNS,
    ),
    "too many fields": (
        append("market/curve_fit_error.csv", f"2020-03-16,1,{SECRET}".encode()),
        "market/curve_fit_error.csv",
        "line 2062 is malformed, too many columns",
        "expected curve_fit_error.csv with date, curve_fit_error_bp",
    ),
    "too few fields": (
        append(BULK, SECRET.encode()),
        BULK,
        "line 55 is malformed, missing columns",
        "expected BHCF*.txt with RSSD9001, RSSD9999",
    ),
    "quote that never ends": (
        append("market/DGS10.csv", f'2020-03-16,"{SECRET}'.encode()),
        "market/DGS10.csv",
        "line 2154 is malformed, a quote that never ends or is not alone",
        "expected DGS10.csv with observation_date, DGS10",
    ),
    "not UTF-8": (
        append("reference/firms.csv", f"1,{SECRET}".encode() + b"\xff,Y"),
        "reference/firms.csv",
        "the file is not UTF-8 text",
        "expected firms.csv with RSSD, NAME, ESLR",
    ),
    "json cut short": (
        text(SOMA, lambda content: content[: len(content) // 2] + SECRET),
        SOMA,
        "the file is not well-formed JSON",
        SOMA_COLUMNS,
    ),
    "json of another shape": (
        text(SOMA, lambda content: json.dumps({"treasury": {"auctions": [SECRET]}})),
        SOMA,
        "the file is of another shape",
        SOMA_COLUMNS,
    ),
    "parquet cut short": (
        lambda raw: (raw / PARQUET).write_bytes((raw / PARQUET).read_bytes()[:2000]),
        PARQUET,
        "the file cannot be read",
        "expected a well-formed file",
    ),
}

# what shows only when values are read: the base model of the table stops
STAGED_CASES: dict[str, tuple[Break, str, str, str]] = {
    "MM/DD/YYYY for ISO, csv": (
        desks_as_csv,
        "fr_vv1/desks.csv",
        "column valid_from is not in the expected form",
        "expected a date as ISO 8601",
    ),
    "DD.MM.YYYY for ISO, csv": (
        substitute("market/DGS10.csv", r"(\d{4})-(\d\d)-(\d\d)", r"\3.\2.\1"),
        "market/DGS10.csv",
        "column observation_date is not in the expected form",
        "expected a date as ISO 8601",
    ),
    "ISO for MM/DD/YYYY, csv": (
        substitute("market/treasury_auctions.csv", r"(\d\d)/(\d\d)/(\d{4})", r"\3-\1-\2"),
        "market/treasury_auctions.csv",
        "column Auction Date is not in the expected form",
        "expected a date as %m/%d/%Y",
    ),
    "ISO for YYYYMMDD, bulk text": (
        substitute(BULK, r"\^20141231\^", "^2014-12-31^", encoding="latin-1"),
        BULK,
        "column RSSD9999 is not in the expected form",
        "expected a date as %Y%m%d",
    ),
    "MM/DD/YYYY for ISO, json": (
        soma(american_operation_date),
        SOMA,
        "column operationDate is not in the expected form",
        "expected a date as ISO 8601",
    ),
    "seconds for timestamps, psv": (
        substitute(PSV, r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "1584360000"),
        PSV,
        "column TRD_RPT_TS is not in the expected form",
        "expected a timestamp as ISO 8601",
    ),
    "seconds for timestamps, parquet": (
        replace_column(PARQUET, "TRD_EXCTN_TS", lambda data: pa.array(range(len(data)), pa.int64())),
        PARQUET,
        "column TRD_EXCTN_TS is not in the expected form",
        "expected a timestamp as ISO 8601",
    ),
    "text for days, parquet": (
        replace_column("fr_vv1/pnl.parquet", "business_date", lambda data: pa.array(["03/16/2020"] * len(data))),
        "fr_vv1/pnl.parquet",
        "column business_date is not in the expected form",
        "expected a date as ISO 8601",
    ),
}


@pytest.fixture(scope="module")
def shared(small_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("bad_input"), small_raw)
    workspace.published.parent.mkdir()
    workspace.published.write_bytes(LAST_GOOD)
    return workspace


@pytest.fixture
def workspace(shared: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    """Raw files of its own to break; the published warehouse outlives whatever is done with them."""
    shutil.copytree(shared.raw, tmp_path / "raw")
    yield shared.with_raw(tmp_path / "raw")
    assert shared.published.read_bytes() == LAST_GOOD
    assert not list(shared.published.parent.glob(".*"))


def files_with_secret(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


def assert_says(line: str, workspace: Workspace, file: str, problem: str, expected: str) -> None:
    assert "\n" not in line
    named, found = line.removeprefix("bad input: ").split(": ", 1)
    assert named == file or (file.startswith("/") and named == str(workspace.raw) + file)
    assert found.startswith(f"{problem}; {expected}")
    # of what is expected only names follow: no value of a row
    assert re.fullmatch(r"(, \w+)*", found.removeprefix(f"{problem}; {expected}"))
    assert not files_with_secret(workspace.folder)


@pytest.mark.parametrize(("break_it", "file", "problem", "expected"), CASES.values(), ids=CASES.keys())
def test_bad_file_is_said_in_one_line_that_names_it(
    workspace: Workspace, break_it: Break, file: str, problem: str, expected: str
) -> None:
    break_it(workspace.raw)

    with pytest.raises(DealerLimitsError) as refusal:
        workspace.inspect()

    assert_says(str(refusal.value), workspace, file, problem, expected)


@pytest.mark.parametrize(("break_it", "file", "problem", "expected"), STAGED_CASES.values(), ids=STAGED_CASES.keys())
def test_column_that_fails_throughout_a_file_stops_the_build(
    workspace: Workspace, break_it: Break, file: str, problem: str, expected: str
) -> None:
    break_it(workspace.raw)

    with pytest.raises(DealerLimitsError) as refusal:
        workspace.build("--select", f"models/staging/{file.partition('/')[0]}")

    assert_says(str(refusal.value), workspace, file, problem, expected)


def test_line_is_said_where_dbt_ends_before_it_has_the_result_of_the_model_that_refused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it, file, problem, expected = next(iter(STAGED_CASES.values()))
    break_it(workspace.raw)
    handle = BuildTask._handle_result

    def lose_failures(task: BuildTask, result: RunResult) -> None:
        if result.status != RunStatus.Error:
            handle(task, result)

    monkeypatch.setattr(BuildTask, "_handle_result", lose_failures)

    with pytest.raises(DealerLimitsError) as refusal:
        workspace.build("--select", f"models/staging/{file.partition('/')[0]}")

    assert_says(str(refusal.value), workspace, file, problem, expected)


@pytest.mark.parametrize("source", ["fr_vv1", "fr_y9c", "market", "reference", "soma", "trace"])
def test_missing_folder_of_a_source_is_named(workspace: Workspace, source: str) -> None:
    remove(source)(workspace.raw)

    with pytest.raises(DealerLimitsError, match=f"^bad input: {workspace.raw / source}: no file of .*; expected "):
        workspace.inspect()


TOO_MANY = (
    "bad input: market/DGS10.csv: line 2154 is malformed, too many columns; "
    "expected DGS10.csv with observation_date, DGS10\n"
)


def test_command_exits_with_2_and_one_line_on_standard_error(workspace: Workspace) -> None:
    append("market/DGS10.csv", f"2020-03-16,{SECRET},1".encode())(workspace.raw)

    finished = workspace.run_here("dealer-limits", "build")

    assert finished.returncode == 2
    assert finished.stderr == TOO_MANY
    assert SECRET not in finished.stdout
    assert not files_with_secret(workspace.folder)


def test_dbt_alone_exits_with_2_and_that_line_last_and_logs_no_value(workspace: Workspace) -> None:
    append("market/DGS10.csv", f"2020-03-16,{SECRET},1".encode())(workspace.raw)

    process = workspace.start_parsed("dbt", "build")
    stdout, stderr = process.communicate()

    assert process.returncode == 2
    assert stderr.endswith(TOO_MANY)
    assert SECRET not in stdout + stderr
    assert not files_with_secret(workspace.folder)


def test_dbt_alone_exits_with_2_too_where_values_show_what_is_wrong(workspace: Workspace) -> None:
    substitute("market/DGS10.csv", r"(\d{4})-(\d\d)-(\d\d)", r"\3.\2.\1")(workspace.raw)

    finished = workspace.run_here("dbt", "build")

    assert finished.returncode == 2
    assert (
        "bad input: market/DGS10.csv: column observation_date is not in the expected form; "
        "expected a date as ISO 8601\n"
    ) in finished.stdout
