"""Publishing: a finished build is copied beside the published warehouse and renamed over it.
 A rename is atomic: an analyst who opens the published file sees the last complete build or the new one,
never a half; who has it open keeps the old one.
"""

from __future__ import annotations

import os
import shutil
import stat
import struct
from collections.abc import Callable
from pathlib import Path

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
    incoming = target.with_name(f".{target.name}.incoming")
    incoming.unlink(missing_ok=True)
    shutil.copyfile(build_file, incoming)
    incoming.chmod(stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o600)
    with incoming.open("rb+") as handle:
        os.fsync(handle.fileno())
    try:
        judge(incoming)
    except BaseException:
        incoming.unlink()
        raise
    incoming.replace(target)
    return str(target)
