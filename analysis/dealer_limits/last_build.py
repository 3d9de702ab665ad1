"""Which world a build is of, and what the last published build of the same world held: what gates compare."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from dealer_limits.sources.files import source_folder, truth_folder

# of the files of the last build, the share that must be there to the byte where the folder alone does not
# say that the world is the same
_SAME_FILES = 0.5

# variables that no row of a mart hangs on
_WITHOUT_ROWS = ("gate_bounds", "published_schemas")

_HELD = {
    "rows": """
        select source_table, sum(rows_staged)::bigint as row_count
        from quality.qc_row_counts
        group by source_table
    """,
    "days": "select source_table, business_date::varchar as business_date from quality.qc_rows_by_day",
    "firms": "select firm_rssd from quality.qc_firms_reported",
    "columns": "select mart, column_name, row_count, value_count from quality.qc_mart_columns",
}


def this_build(
    sources: Iterable[str], variables: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """World, raw data and variables of a build, as digests: neither paths nor values get into the warehouse.

    A pseudo world says which one it is in `world.json` of its truth; data without it are real.
    """
    sources = sorted(set(sources))
    folders = [str(source_folder(source, environment).resolve()) for source in sources]
    marker = truth_folder(environment) / "world.json"
    return {
        "world": _digest(marker.read_text(encoding="utf-8")) if marker.is_file() else "real",
        "raw_data": _digest(folders),
        "variables": _digest({name: variables[name] for name in variables if name not in _WITHOUT_ROWS}),
    }


def last_build(published: Path, build: Mapping[str, str], files: list[dict[str, Any]]) -> dict[str, Any]:
    """What the published warehouse held, where it is of the same world as `build`; else nothing.

    `files` is what the ledger says of the raw files. Of the same world is: real data in the same folders; and
    any data of the same kind of which half of the files are the same to the byte. Real data are never
    compared with pseudo data, nor a pseudo world with another. Marts are compared where variables and
    declared tables are the same.
    """
    if not published.is_file():
        return {}
    try:
        with duckdb.connect(str(published), read_only=True) as connection:
            before = _records(connection, "select * from quality.qc_build")[0]
            known = connection.execute(
                "select source_table, sha256 from quality.qc_raw_files where sha256 is not null"
            ).fetchall()
            held = {name: _records(connection, query) for name, query in _HELD.items()}
    except (duckdb.Error, IndexError):
        # none that this version of the project has published
        return {}
    here = {file["sha256"] for file in files if file["sha256"]}
    same = sum(digest in here for _, digest in known) >= _SAME_FILES * len(known)
    in_place = build["world"] == "real" and build["raw_data"] == before["raw_data"]
    if build["world"] != before["world"] or not (same or in_place):
        return {}
    declared = {file["source_table"] for file in files if file["sha256"]}
    if build["variables"] != before["variables"] or declared != {table for table, _ in known}:
        held["columns"] = []
    return held


def _records(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = connection.execute(query)
    names = [name for name, *_ in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]
