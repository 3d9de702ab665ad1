"""Where the project's own files are."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SEEDS = PROJECT / "seeds"
DOCS = PROJECT / "docs"


def is_project(folder: Path) -> bool:
    """Whether a folder is a project: what dbt goes by."""
    return (folder / "dbt_project.yml").is_file()


def no_project(folder: Path) -> str:
    """What to say where a folder is none."""
    return f"there is no project in {folder.resolve()}: go to its folder, or name it in DBT_PROJECT_DIR"
