"""Where numbers come from: what a warehouse says of its build, and what all that pseudo data give says of itself."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from dealer_limits.errors import DealerLimitsError
from dealer_limits.sources.files import refusal, source_folder

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# beside the sources' folders of a pseudo world
MARKER = "PSEUDO_DATA.json"
# the world of raw files without one
REAL = "real"
# the last column of a CSV of pseudo data
PSEUDO_COLUMN = "pseudo_data"
_UNKNOWN = "unknown"


def sentence_on(world: str) -> str:
    """What everything says that comes from this world; nothing of real data."""
    if world == REAL:
        return ""
    return f"Pseudo data, world {world}: made by dealer-limits, no evidence about any dealer."


def write_marker(raw: Path, world: str, seed: int, scale: float) -> None:
    """Say at the root of raw files that they are made up: a folder may be copied away from who knows it."""
    record = {
        "what": sentence_on(world),
        "world": world,
        "seed": seed,
        "scale": scale,
        "dealer_limits": version("dealer-limits"),
    }
    (raw / MARKER).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def world_of_raw_data(sources: Iterable[str], environment: Mapping[str, str] = os.environ) -> str:
    """The world that a marker beside a source's folder names, else `real`: one source that is made up is enough.

    Raises DealerLimitsError for a marker that names no world.
    """
    folders = (source_folder(source, environment) for source in sorted(set(sources)))
    # a folder that is a link lies in its own world
    for parent in (place.parent for folder in folders for place in (folder, folder.resolve())):
        marker = parent / MARKER
        if not marker.is_file():
            continue
        try:
            return str(json.loads(marker.read_text(encoding="utf-8"))["world"])
        except (ValueError, KeyError, TypeError):
            raise refusal(MARKER, "it names no world", "expected it as `dealer-limits pseudo` writes it") from None
    return REAL


def sentence_of(connection: duckdb.DuckDBPyConnection) -> str:
    """What everything says that comes from this warehouse.

    Raises DealerLimitsError where the warehouse does not say what it was built from.
    """
    try:
        ((world,),) = connection.execute("select world from about.build").fetchall()
    except (duckdb.CatalogException, ValueError):
        raise DealerLimitsError("the warehouse has no table about.build: run `dbt build` first") from None
    return sentence_on(world)


def marked(rows: pd.DataFrame, sentence: str) -> pd.DataFrame:
    """Rows of a CSV, with a last column that says that they come from pseudo data: it survives a filter and a join."""
    return rows.assign(**{PSEUDO_COLUMN: sentence}) if sentence else rows


def mark_figure(figure: Figure, sentence: str) -> None:
    """Small text up the right edge of a figure, in a strip that nothing else is laid out in."""
    if not sentence:
        return
    strip = 0.14 / figure.get_figwidth()
    figure.text(1 - strip / 8, 0.01, sentence, rotation=90, ha="right", va="bottom", fontsize=6, color="0.35")
    if (engine := figure.get_layout_engine()) is not None:
        engine.set(rect=(0, 0, 1 - strip, 1))


def build_facts(world: str, variables: Mapping[str, Any]) -> dict[str, str]:
    """What `about.build` has of a build beside its time and what its gates found."""
    return {
        "world": world,
        "project_commit": project_commit(Path()),
        "dealer_limits_version": version("dealer-limits"),
        "duckdb_version": version("duckdb"),
        "dbt_version": version("dbt-core"),
        "variables": json.dumps(variables, sort_keys=True),
    }


def project_commit(project: Path) -> str:
    """The commit that a project is at, with `-dirty` where files differ from it; `unknown` outside of git.

    A project that is copied into a repository which does not track it is at none of its commits.
    """
    tracked = _git(project, "ls-files", "--error-unmatch", "dbt_project.yml")
    return (tracked and _git(project, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty")) or _UNKNOWN


def _git(project: Path, *arguments: str) -> str:
    """What git says; nothing where it is not installed or refuses."""
    try:
        command = ["git", "-C", str(project), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
