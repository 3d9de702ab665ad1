"""Daily loads: what has to be built anew since the build file was whole, by the files that came, changed or went."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from dealer_limits.sources.contracts import Table
from dealer_limits.sources.files import truth_folder
from dealer_limits.sources.ledger import Ledger

# of a project, what its tables are made with
_PROJECT_FILES = ("dbt_project.yml", "profiles.yml", "selectors.yml")
_PROJECT_FOLDERS = ("models", "macros", "seeds", "tests")


@dataclass(frozen=True)
class Load:
    """What a build does: all anew, or what follows from the changed files of some raw tables.

    why_full: in words, why all is built; empty of a load. tables: raw tables (`source.table`) of which files
    came, changed or went since the build that is published. arrived, gone: how many files; one that changed
    counts as both. made_with: as `made_with` returns it; empty of a full build, which says so itself. is_resumed: what
    an earlier load changed was not published, and counts as changed still.
    """

    why_full: str = "a build by dbt alone is a full one"
    tables: tuple[str, ...] = ()
    arrived: int = 0
    gone: int = 0
    made_with: Mapping[str, str] = field(default_factory=dict, compare=False)
    is_resumed: bool = False

    @property
    def is_full(self) -> bool:
        return bool(self.why_full)

    @property
    def in_words(self) -> str:
        if self.is_full:
            return f"Full build: {self.why_full}"
        if not self.tables:
            return "Nothing changed since the published build"
        return (
            f"Load: {self.arrived:,} files read, {self.gone:,} taken out; what follows from {', '.join(self.tables)}"
            " is built"
        )


@dataclass
class _Current:
    """The load of this process: dbt has no way to hand its adapter an object."""

    load: Load = field(default_factory=Load)


current = _Current()


def plan_load(build_file: Path, ledger: Ledger, variables: Mapping[str, Any], target: str = "duckdb") -> Load:
    """What a build of these raw files has to do.

    All, where no whole build by the same code, engine, variables and contracts stands, and where a file changed of a
    table whose rows are of no cell (`Table.cell`): what derives from it cannot be told by cells.

    Raises DealerLimitsError for raw files that cannot be read.
    """
    ledger.inspect(ledger.contracts)
    try:
        with duckdb.connect(str(build_file), read_only=True) as connection:
            ((before, tables),) = connection.execute("select made_with, unpublished from loads.state").fetchall()
            files = connection.execute("select source_table, raw_file, sha256 from loads.file").fetchall()
    except (duckdb.Error, ValueError):
        # one that was killed may have left what only a build may write into the file
        return Load("the last build did not end" if build_file.exists() else "there is no build to go on from")
    if before is None:
        return Load("the last build did not end")
    made = made_with(ledger.contracts, variables, target)
    for name, digest in made.items():
        if json.loads(before).get(name) != digest:
            return Load(f"{name} changed")
    unpublished: list[str] = json.loads(tables)
    changed = set(unpublished)
    arrived, gone = set(), set()
    for table, contract in ledger.contracts.items():
        loaded = {name: digest for of, name, digest in files if of == table}
        change = ledger.changes(table, loaded)
        if change["arrived"] or change["gone"]:
            if not contract.cell:
                return Load(f"files of {table} changed")
            arrived |= set(change["arrived"])
            gone |= set(change["gone"])
            changed.add(table)
    return Load("", tuple(sorted(changed)), len(arrived), len(gone), made, bool(unpublished))


def made_with(contracts: Mapping[str, Table], variables: Mapping[str, Any], target: str = "duckdb") -> dict[str, str]:
    """What a build was made with beside its raw files, as digests: by any of these, all may be other."""
    package = Path(__file__).parent
    return {
        "the engine": target,
        "the code": _digest(_contents(package, package.rglob("*.py"))),
        "the project": _digest(
            content
            for folder in _PROJECT_FOLDERS
            for content in _contents(Path(), (path for path in Path(folder).rglob("*") if path.suffix != ".py"))
        )
        + _digest(_contents(Path(), map(Path, _PROJECT_FILES))),
        "a package": _digest(f"{name} {version(name)}" for name in ("duckdb", "dbt-core", "dbt-duckdb")),
        "a variable": _digest([json.dumps(variables, sort_keys=True, default=str)]),
        "the planted truth": _digest(
            f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in sorted(truth_folder().glob("*"))
        ),
    }


def _contents(root: Path, paths: Iterator[Path]) -> Iterator[str]:
    for path in sorted(path for path in paths if path.is_file()):
        yield f"{os.path.relpath(path, root)} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _digest(parts: Iterator[str] | list[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]
