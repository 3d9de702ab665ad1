"""Nothing implausible replaces a good warehouse, and what is only odd is published.

Builds take long, so that each holds many implausible things, of which every one must stop it by its gate and
subject; and oddities, none of which may. What these builds leave in the history is in test_history.py.
"""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import duckdb
import pytest

from dealer_limits.last_build import last_build
from dealer_limits.loads import Load, current
from gate_worlds import (
    Judged,
    judge,
)
from workspace import ROOT

# of few models
LOADED = "market.curve_fit_error"


def test_oddities_are_published(good_build: Judged) -> None:
    stops = {gate: found for gate, found in good_build.verdicts.items() if "stop" in found.values()}
    assert stops == {}, good_build.error
    assert good_build.exit_code == 0, good_build.output[-2000:]
    assert good_build.is_published


# --- trading desks and banks ---

DESK_CLAIMS = [
    "VaR of a desk in thousandths from a day on",
    "profits of a desk a thousandfold from a day on",
    "one side of a desk's positions a thousandfold from a day on",
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


def test_implausible_world_is_not_published(bad_build: Judged, claimed: dict[str, tuple[str, str, str]]) -> None:
    assert list(claimed) == [*TRADE_CLAIMS, *DESK_CLAIMS]
    assert_refused(bad_build)


@pytest.mark.parametrize("claim", [*TRADE_CLAIMS, *DESK_CLAIMS])
def test_build_is_stopped_by(claim: str, bad_build: Judged, claimed: dict[str, tuple[str, str, str]]) -> None:
    assert bad_build.stops(*claimed[claim])


# --- bounds ---


def test_build_is_published_where_every_bound_is_raised(
    bad_build: Judged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a build of what follows from one table, which judges all gates of all that is there."""
    raised = dict(re.findall(r"\{gate_bounds: \{(\w+): (\S+?)\}\}", bad_build.output))
    stopping = {gate for gate, found in bad_build.verdicts.items() if "stop" in found.values()}
    assert set(raised) == stopping
    workspace = bad_build.workspace
    kept = tmp_path / "kept.duckdb"
    shutil.copy(workspace.published, kept)
    monkeypatch.setattr(current, "load", Load("", (LOADED,)))

    bounds = ", ".join(f"{gate}: {bound}" for gate, bound in raised.items())
    selected = ("--exclude-resource-type", "unit_test", "--select", f"source:{LOADED}+")
    judged = judge(
        workspace,
        "dbt",
        "--log-level-file",
        "none",
        "build",
        *selected,
        "--vars",
        f"{{gate_bounds: {{{bounds}, critical_rules: 9}}}}",
    )

    assert judged.exit_code == 0, judged.output[-1500:]
    assert judged.is_published
    assert "warning: purchases_around_close" in judged.output
    assert all("stop" not in found.values() for found in judged.verdicts.values())
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


# --- what is whole, and what is compared ---


def test_build_without_data_tests_is_not_published(bad_build: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever left them out, and though all models that have to be built are."""
    monkeypatch.setattr(current, "load", Load("", (LOADED,)))
    monkeypatch.setenv("DBT_EXCLUDE_RESOURCE_TYPES", "test unit_test")

    judged = judge(bad_build.workspace, "dbt", "--log-level-file", "none", "build", "--select", f"source:{LOADED}+")

    assert judged.exit_code == 0, judged.output[-2000:]
    assert re.search(r"Part of the project built, without \d+ data tests: the published", judged.output)
    assert not judged.is_published


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
