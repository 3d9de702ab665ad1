"""A compact copy of some schemas of a build: what is published of it.

Whatever engine made the tables, the build is a DuckDB file, and the copy another, without room that was once used. No
row of the schemas that are left out is read: it takes as long as what it copies is large, whatever the history behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from dealer_limits.errors import DealerLimitsError

_WRITERS = 2


def copy_schemas(build: duckdb.DuckDBPyConnection, schemas: Sequence[str], file: Path) -> None:
    """Write schemas of an open build into a new file, which clients from DuckDB 1.1 on open.

    Types, keys, constraints, comments and the order of rows are those of the build, whether it is checkpointed or not.

    Raises DealerLimitsError for a schema that the build has not, and for a view that reads what is not copied.
    """
    # a second connection to the build: where its queries look for tables is changed, and the caller's do not
    with build.cursor() as cursor:
        ((source,),) = cursor.execute("select current_database()").fetchall()
        # a copy that is not finished is thrown away: it needs no log to recover from
        cursor.execute(f"attach {_text(file)} as compact (storage_version 'v1.1.0', recovery_mode 'no_wal_writes')")
        try:
            cursor.execute("use compact")
            places = [place for schema in schemas for place in _create_tables(cursor, source, schema)]
            # the engine writes the rows of a small table one after the other: so two tables at a time
            with ThreadPoolExecutor(_WRITERS) as writers:
                list(writers.map(lambda place: _copy_rows(build, source, place), places))
            _copy_views(cursor, source, schemas)
            _copy_comments(cursor, source, schemas)
            cursor.execute("checkpoint compact")
        finally:
            cursor.execute(f"use {_name(source)}; detach compact")


def _create_tables(cursor: duckdb.DuckDBPyConnection, source: str, schema: str) -> list[str]:
    """Empty tables like those of a schema; where they are."""
    of_source = "from duckdb_schemas() where database_name = ? and schema_name = ?"
    if not cursor.execute(of_source, [source, schema]).fetchall():
        raise DealerLimitsError(f"the build has no schema {schema}")
    cursor.execute(f"create schema if not exists {_name(schema)}")
    tables = cursor.execute(
        "select table_name, sql from duckdb_tables() where database_name = ? and schema_name = ? order by table_oid",
        [source, schema],
    ).fetchall()
    for _, statement in tables:
        cursor.execute(statement)
    return [f"{_name(schema)}.{_name(table)}" for table, _ in tables]


def _copy_rows(build: duckdb.DuckDBPyConnection, source: str, place: str) -> None:
    with build.cursor() as cursor:
        cursor.execute(f"insert into compact.{place} from {_name(source)}.{place}")


def _copy_views(cursor: duckdb.DuckDBPyConnection, source: str, schemas: Sequence[str]) -> None:
    left = cursor.execute(
        "select sql, schema_name || '.' || view_name from duckdb_views()"
        " where database_name = ? and list_contains(?, schema_name) order by all",
        [source, schemas],
    ).fetchall()
    while left:
        # the engine does not say which view reads which
        waiting = [view for view in left if not _is_made(cursor, view[0])]
        if waiting == left:
            names = ", ".join(name for _, name in left)
            raise DealerLimitsError(f"not published: {names} read what is in none of {', '.join(schemas)}")
        left = waiting


def _is_made(cursor: duckdb.DuckDBPyConnection, statement: str) -> bool:
    try:
        cursor.execute(statement)
    except (duckdb.CatalogException, duckdb.BinderException):
        return False
    return True


def _copy_comments(cursor: duckdb.DuckDBPyConnection, source: str, schemas: Sequence[str]) -> None:
    comments = cursor.execute(
        """
        with relations as (
            select database_name, schema_name, table_name, 'table' as kind, comment from duckdb_tables()
            union all
            select database_name, schema_name, view_name, 'view', comment from duckdb_views()
        )
        select kind, schema_name, table_name, null as column_name, comment from relations
        where database_name = $source and list_contains($schemas, schema_name) and comment is not null
        union all
        select 'column', schema_name, table_name, column_name, comment from duckdb_columns()
        where database_name = $source and list_contains($schemas, schema_name) and comment is not null
        """,
        {"source": source, "schemas": list(schemas)},
    ).fetchall()
    statements = (
        f"comment on {kind} {'.'.join(_name(name) for name in names if name)} is {_text(comment)}"
        for kind, *names, comment in comments
    )
    cursor.execute(";".join(statements))


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
