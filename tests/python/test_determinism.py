"""Two builds of the same raw files, at other paths and by another number of threads, are equal."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from conftest import SCALE
from dealer_limits.pseudo.world import DEFAULT_SEED
from workspace import SecondBuild, Workspace

SCHEMAS = ("intermediate", "marts", "quality")


@pytest.fixture(scope="module")
def both(warehouse: Workspace, second_build: SecondBuild) -> duckdb.DuckDBPyConnection:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{warehouse.published}' as first (read_only)")
        connection.execute(f"attach '{second_build.workspace.published}' as second (read_only)")
        yield connection


def tables_of(connection: duckdb.DuckDBPyConnection, database: str, schema: str) -> list[str]:
    rows = connection.execute(
        "select table_name from duckdb_tables() where database_name = ? and schema_name = ? order by 1",
        [database, schema],
    ).fetchall()
    return [name for (name,) in rows]


def digest(connection: duckdb.DuckDBPyConnection, table: str, order: str) -> tuple[int, str]:
    """Number of rows and digest of all values as text, in which floats are exact."""
    return connection.execute(
        f"select count(*), md5(string_agg(line, chr(10) order by {order}))"
        f" from (select cast(rows as varchar) as line, rows.rowid as place from {table} as rows)"
    ).fetchone()


def test_pseudo_world_says_which_one_it_is(world: Path) -> None:
    record = json.loads((world / "truth/world.json").read_text(encoding="utf-8"))

    assert (record["seed"], record["scale"]) == (DEFAULT_SEED, SCALE)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_tables_of_two_builds_hold_the_same_rows(both: duckdb.DuckDBPyConnection, schema: str) -> None:
    tables = tables_of(both, "first", schema)
    assert tables == tables_of(both, "second", schema)
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
