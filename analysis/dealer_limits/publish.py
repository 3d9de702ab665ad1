"""Publishing: a finished build is copied beside the published warehouse and renamed over it.
 A rename is atomic: an analyst who opens the published file sees the last complete build or the new one,
never a half; who has it open keeps the old one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dealer_limits.errors import DealerLimitsError
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


def publish(build_file: Path, judge: Callable[[Path], None] = lambda incoming: None) -> str:
    """Copy a checkpointed build over the published warehouse, atomically; returns the published path.

    A new file is its owner's alone to read; one that is replaced hands its mode on. `judge` looks at the copy
    before it takes the place of the last one; what it raises leaves the last one as it is.
    """
    target = published_path(build_file)
    with _sole_publisher(target.parent):
        _replace(target, build_file, judge)
    return str(target)


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
        _replace(target, target, change)


@contextmanager
def _sole_publisher(folder: Path) -> Iterator[None]:
    """Whoever publishes into a folder waits for whoever does so already; a killed process holds nothing."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(target: Path, source: Path, finish: Callable[[Path], None]) -> None:
    """Put a copy of `source` in the place of `target`; what `finish` makes of the copy, or raises, comes first."""
    incoming = target.with_name(f".{target.name}.incoming")
    _remove(incoming)
    try:
        shutil.copyfile(source, incoming)
        incoming.chmod(stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o600)
        finish(incoming)
        with incoming.open("rb+") as handle:
            os.fsync(handle.fileno())
    except BaseException:
        _remove(incoming)
        raise
    incoming.replace(target)


def _remove(incoming: Path) -> None:
    """A half-made copy, and the log of changes that DuckDB keeps beside it."""
    for left in (incoming, incoming.with_name(f"{incoming.name}.wal")):
        left.unlink(missing_ok=True)
