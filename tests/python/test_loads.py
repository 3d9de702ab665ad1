"""A load leaves what a full build leaves, whatever files came, changed and went before it, and in which order."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dealer_limits.loads import Load, current, made_with, plan_load
from dealer_limits.quality.suites import Suite
from dealer_limits.quality.validate import SuiteResult, validate_all
from dealer_limits.sources.ledger import Ledger
from dealer_limits.variables import documented
from test_trace_messages import DAY, FIRST_DAY, NUMBERS_OF_A_WORLD, worlds
from tiny_raw import CONTRACTS, Row, cusip, good_row, soma_document, write_text, write_tiny_raw
from trace_oracle import Entry
from workspace import ROOT, Workspace

REPORTS = CONTRACTS["trace.reports"]
# all that reads trade reports in parts, and some of what reads that
LAST_MODELS = (
    *("int_soma_trade_candidates", "int_soma_day_trades", "int_dealer_customer_trades", "int_trade_parties"),
    *("qc_bills_without_price", "qc_trade_filters", "qc_messages_undoing_nothing", "int_soma_pairs"),
)
LOAD = Load("", ("soma.operation_details", "soma.operations", "trace.reports"))
# in a delivery: it costs builds, and worlds next to nothing
WORLDS = 40
# which a full build has no need of, which a build of a part does not tell of, and what differs from run to run
NOT_COMPARED = {"int_trade_cells", "qc_raw_files", "raw_file", "build", "qc_build", "qc_gates"}


@dataclass(frozen=True, repr=False)
class Delivery:
    """The files of TRACE and SOMA that are there, by name, with their content."""

    files: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Delivery of {', '.join(self.files)}"


def row_of(entry: Entry, world: int) -> Row:
    """A line of a TRACE file. CUSIPs and numbers are the world's own, so that worlds do not meet."""

    def day(number: int | None) -> str:
        return "" if number is None else str(FIRST_DAY + timedelta(number))

    def number(of_world: int | None) -> str:
        return "" if of_world is None else str(world * NUMBERS_OF_A_WORLD + of_world)

    start = datetime.combine(FIRST_DAY, datetime.min.time())
    executed = start + timedelta(entry.executed_day, entry.executed_time or 0)
    return good_row(REPORTS, 0) | {
        "MSG_SEQ_NB": "1",
        "TRD_RPT_TS": str(start + timedelta(seconds=entry.entered)),
        "TRD_EXCTN_TS": str(executed.date() if entry.executed_time is None else executed),
        "CUSIP_ID": cusip(2 * world + (entry.cusip == "y")),
        "RPT_SIDE_CD": entry.side,
        "ENTRD_VOL_QT": "" if entry.par is None else f"{entry.par}00000",
        "ENTRD_PR": "" if entry.price is None else str(entry.price),
        # of the tiny world's dealers, which are primary ones
        "RPTG_PARTY_ID": "D0" if entry.party == "DEAL" else "D1",
        "RPTG_PARTY_GVP_ID": "",
        "CNTRA_PARTY_ID": entry.contra,
        "CNTRA_PARTY_GVP_ID": "",
        "TRC_ST": entry.status,
        "SYSTM_CNTRL_DT": day(entry.day) if entry.is_dated else "",
        "SYSTM_CNTRL_NB": number(entry.number),
        "PREV_TRD_CNTRL_DT": day(entry.previous_day),
        "PREV_TRD_CNTRL_NB": number(entry.previous_number),
        "ASOF_CD": "R" if entry.is_as_of_reversal else "",
        "WIS_FL": "N",
        "SPCL_PR_FL": "N",
    }


def operations_file(day: int, cusips: list[int], version: int) -> str:
    """A purchase operation of a day; versions of it differ in what was bought."""
    table = CONTRACTS["soma.operations"]
    date = str(FIRST_DAY + timedelta(day))
    of_day = {"operationId": f"D{day}", "operationDate": date, "lastUpdated": f"{date} 1{version}:00:00"}
    operation = good_row(table, 0) | of_day | {"auctionStatus": "Results", "operationDirection": "P"}
    details = [
        good_row(CONTRACTS["soma.operation_details"], number)
        | of_day
        | {"inclusionIndicator": "I", "cusip": cusip(number)}
        for number in cusips
    ]
    return json.dumps(soma_document([operation], details))


def report_of_another_day() -> tuple[list[Entry], Entry]:
    """A cancel that says no time, of a number of two days before; and a late one that has it resolved again.

    The late cancel is of a trade of another day, whose report is of the day of the first cancel: that day is looked at
    again, and the report that the first cancel undoes is of neither.
    """
    trade = Entry(0, 1, "T", 36_100, "x", 0, 36_000, "S", 5, 100, "DEAL", "C")
    other = dataclasses.replace(trade, day=1, number=2, entered=DAY + 36_100, executed_day=1)
    cancel = dataclasses.replace(
        trade, day=2, number=3, status="X", entered=2 * DAY, executed_day=1, executed_time=None, previous_number=1
    )
    late = dataclasses.replace(
        trade, day=3, number=4, status="X", entered=3 * DAY, executed_day=3, previous_day=1, previous_number=2
    )
    return [trade, other, cancel], late


@st.composite
def deliveries(draw: st.DrawFn) -> list[Delivery]:
    """States of the folder, one after the other: of each file no version, or one of two."""
    drawn = draw(st.lists(worlds(), min_size=WORLDS, max_size=WORLDS))
    lines: dict[str, list[Row]] = {}
    for world, entries in enumerate(drawn):
        for entry in entries:
            days = {entry.entered // DAY}
            # what comes twice, in another file, is repeated
            if draw(st.integers(0, 9)) == 0:
                days.add(draw(st.integers(0, 4)))
            for day in days:
                lines.setdefault(f"trace/trace_{day}.psv", []).append(row_of(entry, world))
    versions = {
        name: [
            write_text(rows, REPORTS),
            write_text(draw(st.permutations(rows))[: max(1, 2 * len(rows) // 3)], REPORTS),
        ]
        for name, rows in lines.items()
    }
    for day in range(3):
        # among them what the reports of another day are of
        numbers = st.lists(st.integers(0, 49), min_size=1, max_size=20, unique=True)
        bought = [[*draw(numbers), 2 * WORLDS] for _ in range(2)]
        versions[f"soma/day_{day}.json"] = [operations_file(day, cusips, place) for place, cusips in enumerate(bought)]
    # an operation whose versions are in two files
    versions["soma/day_1_again.json"] = [operations_file(1, [3, 4, 5], 3), operations_file(1, [5, 6], 4)]
    states = []
    for _ in range(draw(st.integers(4, 5))):
        choices = {name: draw(st.sampled_from([None, 0, 1, 1])) for name in sorted(versions)}
        states.append(Delivery({name: versions[name][place] for name, place in choices.items() if place is not None}))
    early, late = report_of_another_day()
    for state in states:
        state.files["trace/trace_early.psv"] = write_text([row_of(entry, WORLDS) for entry in early], REPORTS)
    states[-1].files["trace/trace_late.psv"] = write_text([row_of(late, WORLDS)], REPORTS)
    return states


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Workspace]]:
    """Two folders of builds of the same raw files: one is loaded, the other built in full."""
    raw = write_tiny_raw(tmp_path_factory.mktemp("raw"))
    yield tuple(Workspace(tmp_path_factory.mktemp(name), raw) for name in ("loaded", "full"))


def deliver(raw: Path, delivery: Delivery) -> None:
    """Make the folders hold these files and those of the tiny world."""
    for folder in ("trace", "soma"):
        for path in (raw / folder).iterdir():
            if f"{folder}/{path.name}" not in delivery.files and path.name not in (
                "trace_2020-03-16.psv",
                "operations.json",
            ):
                path.unlink()
    for name, content in delivery.files.items():
        if not (raw / name).is_file() or (raw / name).read_text() != content:
            (raw / name).write_text(content)


def build(workspace: Workspace, load: Load | None = None) -> dict[str, str]:
    """All that the last models need, or of a load what of it follows from its tables; what dbt says of each node."""
    selected = [f"+{model}" for model in LAST_MODELS]
    if load:
        selected = [f"source:{table}+,{models}" for table in load.tables for models in selected]
    current.load = load or Load()
    try:
        done = workspace.dbt("build", "--exclude-resource-types", "unit_test", "test", "--select", *selected)
    finally:
        current.load = Load()
    assert done.result, done.exception
    failed = [(node.node.name, node.message) for node in done.result.results if node.status in ("error", "fail")]
    assert failed == []
    return {node.node.name: node.message for node in done.result.results}


def differences(loaded: Path, full: Path) -> dict[str, int]:
    """Rows by table that only one of two build files has."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'America/New_York'")
        for name, path in {"loaded": loaded, "complete": full}.items():
            connection.execute(f"attach '{path}' as {name} (read_only)")
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables()"
            " where database_name = 'complete' and schema_name <> 'loads'"
        ).fetchall()
        found = {}
        for schema, table in tables:
            if table not in NOT_COMPARED:
                one, other = f'loaded.{schema}."{table}"', f'complete.{schema}."{table}"'
                rows = connection.execute(
                    f"select count(*) from ((from {one} except all from {other})"
                    f" union all (from {other} except all from {one}))"
                ).fetchone()
                found[table] = rows[0]
    assert {"base_trace__reports", "int_trade_messages_resolved", "qc_row_counts"} <= found.keys()
    return {table: rows for table, rows in found.items() if rows}


# no shrinking: each example is several builds
@settings(
    max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None
)
@given(states=deliveries())
def test_loads_leave_what_a_full_build_leaves(places: tuple[Workspace, Workspace], states: list[Delivery]) -> None:
    loaded, full = places
    deliver(loaded.raw, states[0])
    build(loaded)
    for state in states[1:]:
        deliver(loaded.raw, state)
        build(loaded, LOAD)
    build(full)

    assert differences(loaded.build_file, full.build_file) == {}


def test_load_that_touches_no_award_leaves_the_match_as_it_is(places: tuple[Workspace, Workspace]) -> None:
    workspace, _ = places
    load = Load("", ("trace.reports",))
    candidate = Entry(1, 1, "T", DAY + 36_100, "y", 1, 36_000, "S", 5, 100, "DEAL", "C")
    files = {
        "soma/day_1.json": operations_file(1, [49], 0),
        "trace/trace_of_award.psv": write_text([row_of(candidate, 24)], REPORTS),
        "trace/trace_of_none.psv": write_text(
            [row_of(dataclasses.replace(candidate, cusip="x", number=2), 24)], REPORTS
        ),
    }
    deliver(workspace.raw, Delivery(files))
    build(workspace)

    del files["trace/trace_of_none.psv"]
    deliver(workspace.raw, Delivery(files))
    of_no_award = build(workspace, load)
    # what was not published may be other than what is published, whatever came since
    of_resumed_load = build(workspace, dataclasses.replace(load, is_resumed=True))
    del files["trace/trace_of_award.psv"]
    deliver(workspace.raw, Delivery(files))
    of_award = build(workspace, load)

    assert of_no_award["int_soma_pairs"] == "UNCHANGED" != of_no_award["int_trade_parties"]
    assert "UNCHANGED" not in of_resumed_load.values()
    assert of_award["int_soma_pairs"] != "UNCHANGED"


# with new files in staging and half of the models built
KILL = """
import os, signal, sys
from dbt.cli.main import dbtRunner
from dealer_limits import plugin
from dealer_limits.loads import Load, current

execute = plugin._execute


def killed(self, sql, bindings=None):
    if "delete from" in sql and "int_trade_messages_resolved" in sql:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(self, sql, bindings)


plugin._execute = killed
current.load = Load("", ("trace.reports",))
dbtRunner().invoke(["--log-level", "none", "build", "--exclude-resource-types", "unit_test", "test", *sys.argv[1:]])
"""


def test_killed_load_is_no_ground_for_another(places: tuple[Workspace, Workspace]) -> None:
    workspace, _ = places
    report = Entry(1, 1, "T", DAY + 36_100, "y", 1, 36_000, "S", 5, 100, "DEAL", "C")
    deliver(workspace.raw, Delivery())
    build(workspace)
    deliver(workspace.raw, Delivery({"trace/trace_1.psv": write_text([row_of(report, 1)], REPORTS)}))
    with duckdb.connect(workspace.build_file) as connection:
        # as a whole build leaves it
        connection.execute("update loads.state set made_with = '{}'")

    selected = [f"source:trace.reports+,+{model}" for model in LAST_MODELS]
    killed = subprocess.run(
        [sys.executable, "-c", KILL, "--select", *selected], cwd=ROOT, env=os.environ | workspace.environment
    )

    assert killed.returncode == -signal.SIGKILL
    ledger = Ledger(workspace.build_file.parent, workspace.environment)
    assert plan_load(workspace.build_file, ledger, documented()) == Load("the last build did not end")
    with duckdb.connect(workspace.build_file, read_only=True) as connection:
        files = connection.execute("select distinct raw_file from staging.base_trace__reports").fetchall()
    assert ("trace/trace_1.psv",) in files


@dataclass(frozen=True)
class Place:
    """A tiny world, and a build file that says that it was built from it."""

    raw: Path
    build: Path
    variables: dict[str, object]

    def ledger(self, trusts_times: bool = True) -> Ledger:
        return Ledger(self.build.parent, {"RAW_DATA": str(self.raw)}, trusts_times)

    def plan(self, trusts_times: bool = True) -> Load:
        return plan_load(self.build, self.ledger(trusts_times), self.variables)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(ROOT)
    place = Place(write_tiny_raw(tmp_path / "raw"), tmp_path / "build" / "dealer_limits.duckdb", documented())
    ledger = place.ledger()
    ledger.inspect(ledger.contracts)
    with duckdb.connect(place.build) as connection:
        connection.execute("create schema loads")
        connection.execute("create table loads.state (made_with varchar, unpublished varchar)")
        made = json.dumps(made_with(ledger.contracts, place.variables))
        connection.execute("insert into loads.state values (?, '[]')", [made])
        connection.execute("create table loads.file (source_table varchar, raw_file varchar, sha256 varchar)")
        for table in ledger.contracts:
            for name, digest in ledger.digests(table).items():
                connection.execute("insert into loads.file values (?, ?, ?)", [table, name, digest])
    return place


def test_files_that_are_as_they_were_are_not_loaded_again_though_their_times_differ(place: Place) -> None:
    assert place.plan() == Load("")

    for path in place.raw.rglob("*.*"):
        os.utime(path, (1, 1))

    assert place.plan() == Load("")


def test_files_that_came_changed_and_went_are_those_of_a_load(place: Place) -> None:
    trace = place.raw / "trace"
    shutil.copy(trace / "trace_2020-03-16.psv", trace / "trace_2020-03-17.psv")
    (place.raw / "fr_vv1/pnl.csv").rename(place.raw / "fr_vv1/pnl_2020.csv")
    with (place.raw / "market/move.csv").open("a") as file:
        file.write("2020-03-20,80\n")

    assert place.plan() == Load("", ("fr_vv1.pnl", "market.move", "trace.reports"), arrived=3, gone=2)


def test_change_that_leaves_size_and_time_is_found_where_every_file_is_read(place: Place) -> None:
    file = place.raw / "market/move.csv"
    before, content = file.stat(), file.read_text()
    file.write_text(content.replace("5.25", "5.26", 1))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert place.plan() == Load("")
    assert place.plan(trusts_times=False).tables == ("market.move",)


def test_file_of_a_table_without_cells_has_all_built_anew(place: Place) -> None:
    firms = CONTRACTS["reference.firms"]
    (place.raw / "reference/firms.csv").write_text(write_text([good_row(firms, 9)], firms))

    assert place.plan() == Load("files of reference.firms changed")


def test_other_variables_and_other_code_have_all_built_anew(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    other = dataclasses.replace(place, variables=place.variables | {"horizons": [1]})
    assert other.plan() == Load("a variable changed")

    monkeypatch.setattr("dealer_limits.loads.version", lambda name: "0")
    assert place.plan() == Load("a package changed")


def test_what_was_not_published_yet_is_built_with_what_changed(place: Place) -> None:
    with duckdb.connect(place.build) as connection:
        connection.execute("""update loads.state set unpublished = '["market.move"]'""")

    assert place.plan() == Load("", ("market.move",), is_resumed=True)


def test_build_that_did_not_end_is_no_ground_for_a_load(place: Place) -> None:
    with duckdb.connect(place.build) as connection:
        connection.execute("update loads.state set made_with = null")
    assert place.plan() == Load("the last build did not end")

    place.build.unlink()
    assert place.plan() == Load("there is no build to go on from")


def test_load_that_gates_hold_back_is_published_with_the_file_that_mends_it(
    warehouse: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day is taken away, which loses rows of the last build, and comes back: all tables are as they were.

    Judged of what is published are the rules on tables that follow from that file.
    """
    judged: set[str] = set()

    def note(read: Sequence[tuple[Suite, pd.DataFrame]]) -> list[SuiteResult]:
        judged.update(suite.table for suite, _ in read)
        return validate_all(read)

    monkeypatch.setattr("dealer_limits.quality.run.validate_beside", note)
    workspace = Workspace(tmp_path, tmp_path / "raw")
    shutil.copytree(warehouse.raw, workspace.raw)
    shutil.copytree(warehouse.raw.parent / "truth", tmp_path / "truth", copy_function=shutil.copy2)
    workspace.build_file.parent.mkdir(parents=True)
    shutil.copy(warehouse.build_file, workspace.build_file)
    shutil.copy(warehouse.published, workspace.published)
    day = sorted((workspace.raw / "trace").glob("*.parquet"))[5]
    day.rename(tmp_path / day.name)

    held_back = workspace.run_here("dealer-limits", "build")
    (tmp_path / day.name).rename(day)
    published = workspace.run_here("dealer-limits", "build")

    assert (held_back.returncode, published.returncode) == (2, 0)
    assert "Load: 0 files read, 1 taken out; what follows from trace.reports is built" in held_back.stdout
    assert "days_lost: trace.reports" in held_back.stderr + held_back.stdout
    assert "Load: 1 files read, 0 taken out" in published.stdout
    assert differences(workspace.build_file, warehouse.build_file) == {}
    assert {"staging.stg_trace__reports", "marts.fct_soma_sale", "quality.qc_row_counts"} <= judged
    assert not judged & {"marts.fct_desk_day", "staging.stg_fr_vv1__limits", "staging.stg_soma__operations"}
    assert "Nothing changed" in workspace.run_here("dealer-limits", "build").stdout
