"""Two builds of the same rows are equal: from other forms of files, by other threads, in another zone."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from conftest import SCALE
from dealer_limits.pseudo.world import DEFAULT_SEED
from workspace import SecondBuild, Workspace

SCHEMAS = ("intermediate", "marts", "quality")
# say what became of which file, and which world it was
OF_FILES = {"qc_raw_files", "qc_row_counts", "qc_rejected_rows", "qc_build"}


@pytest.fixture(scope="module")
def both(warehouse: Workspace, second_build: SecondBuild) -> duckdb.DuckDBPyConnection:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{warehouse.build_file}' as first (read_only)")
        connection.execute(f"attach '{second_build.workspace.build_file}' as second (read_only)")
        yield connection


def tables_of(connection: duckdb.DuckDBPyConnection, database: str, schema: str) -> list[str]:
    rows = connection.execute(
        "select table_name from duckdb_tables() where database_name = ? and schema_name = ? order by 1",
        [database, schema],
    ).fetchall()
    return [name for (name,) in rows]


def digest(connection: duckdb.DuckDBPyConnection, table: str, order: str) -> tuple[int, str]:
    """Number of rows and digest of all values as text, in which floats are exact; not of file names."""
    names = [name for name, *_ in connection.execute(f"describe {table}").fetchall() if name != "raw_file"]
    fields = ", ".join(f'"{name}" := "{name}"' for name in names)
    line = f"cast(struct_pack({fields}) as varchar)"
    return connection.execute(
        f"select count(*), md5(string_agg(line, chr(10) order by {order}))"
        f" from (select {line} as line, rowid as place from {table})"
    ).fetchone()


def test_pseudo_world_says_which_one_it_is(world: Path) -> None:
    record = json.loads((world / "truth/world.json").read_text(encoding="utf-8"))

    assert (record["seed"], record["scale"]) == (DEFAULT_SEED, SCALE)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_tables_of_two_builds_hold_the_same_rows(both: duckdb.DuckDBPyConnection, schema: str) -> None:
    tables = tables_of(both, "first", schema)
    assert tables == tables_of(both, "second", schema)
    tables = [table for table in tables if table not in OF_FILES]
    assert tables

    differing = [
        table
        for table in tables
        if digest(both, f"first.{schema}.{table}", "line") != digest(both, f"second.{schema}.{table}", "line")
    ]

    assert differing == []


def test_marts_of_two_builds_hold_their_rows_in_the_same_order(both: duckdb.DuckDBPyConnection) -> None:
    differing = [
        table
        for table in tables_of(both, "first", "marts")
        if digest(both, f"first.marts.{table}", "place") != digest(both, f"second.marts.{table}", "place")
    ]

    assert differing == []
