"""Publishing: what is published of a finished build is written beside the published warehouse and renamed over it.
 A rename is atomic: an analyst who opens the published file sees the last complete build or the new one,
never a half; who has it open keeps the old one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from dealer_limits.compact import copy_schemas
from dealer_limits.errors import DealerLimitsError, MissingError
from dealer_limits.kept import keep, kept_files, number_to_keep, prune
from dealer_limits.warehouse import identity

# of files that DuckDB 1.1 writes, and `storage_compatibility_version: v1.1.0` makes
STORAGE_OF_1_1 = 64


def published_path(build_file: Path) -> Path:
    """`<folder>/build/<name>` is published as `<folder>/<name>`."""
    return build_file.parent.parent / build_file.name


def storage_version(file: Path) -> int | None:
    """The storage version in the header of a DuckDB file; None of another file."""
    with file.open("rb") as handle:
        header = handle.read(20)
    return struct.unpack("<Q", header[12:20])[0] if header[8:12] == b"DUCK" and len(header) == 20 else None


def publish(
    build: duckdb.DuckDBPyConnection,
    schemas: Sequence[str],
    judge: Callable[[Path], None] = lambda incoming: None,
) -> str:
    """Put a compact copy of schemas of an open build over the published warehouse, atomically; returns its path.

    A new file is its owner's alone to read; one that is replaced hands its mode on, and is kept beside with the
    last few. `judge` is given the copy before it takes the place of the last one; what it raises leaves the last
    one as it is.
    """
    of_build = "select path from duckdb_databases() where database_name = current_database()"
    number, target = number_to_keep(), published_path(Path(build.execute(of_build).fetchone()[0]))
    replaced: Path | None = None

    def finish(incoming: Path) -> None:
        nonlocal replaced
        judge(incoming)
        if number and target.exists():
            replaced = keep(target)

    with _sole_publisher(target.parent):
        _replace(target, lambda incoming: copy_schemas(build, schemas, incoming), finish)
        prune(target, number, replaced)
    return str(target)


def roll_back(warehouse: Path, build_id: str) -> str:
    """Put a kept file in the place of the published one, which is kept in its stead; returns the id of that one.

    Both are renamed, not copied: each keeps what it says of itself. Raises DealerLimitsError where no file of
    that id is kept.
    """
    if not warehouse.is_file():
        raise MissingError(f"there is no warehouse {warehouse}: run `dbt build` first")
    target = warehouse.resolve()
    with _sole_publisher(target.parent):
        chosen = next((file for file in kept_files(target) if file.stem == build_id), None)
        if chosen is None:
            raise DealerLimitsError(f"no file {build_id} is kept: `dealer-limits rollback` lists those that are")
        incoming = _incoming(target)
        _remove(incoming)
        os.link(chosen, incoming)
        replaced = keep(target)
        incoming.chmod(stat.S_IMODE(target.stat().st_mode))
        incoming.replace(target)
        prune(target, len(kept_files(target)), replaced)
    return replaced.stem


def change_published(warehouse: Path, seen: tuple[int, ...], change: Callable[[Path], None]) -> None:
    """Replace a published warehouse by a changed copy of it, as a build replaces it; its mode is kept.

    `seen` is the identity of the file that the change rests on. Raises DealerLimitsError where another one has
    been published since: its readers would lose it.
    """
    # the file itself, where it is named by a link
    target = warehouse.resolve()
    with _sole_publisher(target.parent):
        if identity(target) != seen:
            raise DealerLimitsError(f"{warehouse} was published anew in the meantime: run this command again")
        _replace(target, lambda incoming: shutil.copyfile(target, incoming), change)


@contextmanager
def _sole_publisher(folder: Path) -> Iterator[None]:
    """Whoever publishes into a folder waits for whoever does so already; a killed process holds nothing."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(target: Path, write: Callable[[Path], object], finish: Callable[[Path], None]) -> None:
    """Put what `write` writes in the place of `target`; what `finish` makes of it, or raises, comes first."""
    incoming = _incoming(target)
    _remove(incoming)
    try:
        write(incoming)
        incoming.chmod(stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o600)
        finish(incoming)
        with incoming.open("rb+") as handle:
            os.fsync(handle.fileno())
    except BaseException:
        _remove(incoming)
        raise
    incoming.replace(target)


def _incoming(target: Path) -> Path:
    return target.with_name(f".{target.name}.incoming")


def _remove(incoming: Path) -> None:
    """A half-made copy, and the log of changes that DuckDB keeps beside it."""
    for left in (incoming, incoming.with_name(f"{incoming.name}.wal")):
        left.unlink(missing_ok=True)
