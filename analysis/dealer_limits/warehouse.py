"""The published warehouse, and the file of its build, opened as every reader should: read-only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from dealer_limits.errors import DealerLimitsError, MissingError
from dealer_limits.kept import said_of


def identity(file: Path) -> tuple[int, ...]:
    """What a file keeps when it is renamed, and one that is written anew does not; nothing where there is none."""
    if not file.exists():
        return ()
    status = file.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@contextmanager
def open_warehouse(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection, closed at the end of the block.

    Raises DealerLimitsError where there is no such file or where it is no DuckDB database.
    """
    if not warehouse.is_file():
        raise MissingError(f"there is no warehouse {warehouse}: run `dbt build` first")
    try:
        connection = duckdb.connect(str(warehouse), read_only=True)
    except duckdb.Error as error:
        raise DealerLimitsError(f"cannot open {warehouse}: {str(error).splitlines()[0]}") from error
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def open_build_of(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """As `open_warehouse`, the file of the build that a warehouse was published of: it has the other schemas too.

    None where there is no such file, a build is at it, or it was built into since.
    """
    target = warehouse.resolve()
    file = target.parent / "build" / target.name
    said = said_of(file) if file.is_file() else None
    if said is None or said != said_of(target):
        yield None
        return
    with open_warehouse(file) as connection:
        yield connection
