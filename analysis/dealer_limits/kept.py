"""The last published files, kept beside the one that replaced them: `dealer-limits rollback` puts one back.

A kept file is a second name (a hard link) of what was published, given before the new file is renamed over the
first: there is no moment without a published file, and nothing is copied. A process that is killed between the two
leaves one file with two names; such a name is no kept file, and goes with the next publication.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb

from dealer_limits.errors import DealerLimitsError

# how many are kept where WAREHOUSE_KEPT says nothing
KEPT = 3
ID_FORMAT = "%Y%m%dT%H%M%SZ"


class Said(NamedTuple):
    """What a published file says of itself."""

    started_at: datetime
    project_commit: str
    world: str


def number_to_keep(environment: Mapping[str, str] = os.environ) -> int:
    """How many replaced files are kept: WAREHOUSE_KEPT, where 0 keeps none.

    Raises DealerLimitsError for what is no such number.
    """
    text = environment.get("WAREHOUSE_KEPT") or str(KEPT)
    if not (text.isascii() and text.isdigit()):
        raise DealerLimitsError("WAREHOUSE_KEPT: expected how many published files are kept, 0 or more")
    return int(text)


def folder_of_kept(target: Path) -> Path:
    return target.parent / "kept"


def kept_files(target: Path) -> list[Path]:
    """The files that are kept beside a published one, the one built last first."""
    files = folder_of_kept(target).glob("*.duckdb")
    return sorted((file for file in files if not _is_same(file, target)), key=lambda file: file.stem, reverse=True)


def said_of(file: Path) -> Said | None:
    """What `about.build` of a file says; nothing of one that is no warehouse of this project."""
    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            row = connection.execute("select started_at, project_commit, world from about.build").fetchone()
    except duckdb.Error:
        return None
    return row and Said(*row)


def build_id(file: Path) -> str:
    """When the build of a published file started, UTC; when it was written, where the file does not say."""
    said = said_of(file)
    when = said.started_at if said else datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return when.strftime(ID_FORMAT)


def keep(target: Path) -> Path:
    """Give a published file its second name. To be called by the sole publisher, before the file is replaced."""
    folder = folder_of_kept(target)
    folder.mkdir(mode=0o700, exist_ok=True)
    name = folder / f"{build_id(target)}.duckdb"
    if name.exists() and _is_same(name, target):
        return name
    # the same build with other estimates in it
    name.unlink(missing_ok=True)
    os.link(target.resolve(), name)
    return name


def prune(target: Path, number: int, replaced: Path | None) -> None:
    """Keep so many, among them the one that was just replaced; what is kept is its owner's alone."""
    folder = folder_of_kept(target)
    if not folder.is_dir():
        return
    for file in folder.glob("*.duckdb"):
        if _is_same(file, target):
            file.unlink()
    files = sorted(kept_files(target), key=lambda file: file != replaced)
    for file in files[:number]:
        file.chmod(0o600)
    for file in files[number:]:
        file.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def _is_same(file: Path, target: Path) -> bool:
    return target.exists() and file.samefile(target)
