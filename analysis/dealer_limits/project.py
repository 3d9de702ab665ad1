"""Where the project's own files are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]
SEEDS = PROJECT / "seeds"
DOCS = PROJECT / "docs"


# the parser in C, where the package has it, takes a tenth of the time
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str) -> Any:
    """As `yaml.safe_load`; raises yaml.YAMLError."""
    return yaml.load(text, Loader=_LOADER)


def is_project(folder: Path) -> bool:
    """Whether a folder is a project: what dbt goes by."""
    return (folder / "dbt_project.yml").is_file()


def no_project(folder: Path) -> str:
    """What to say where a folder is none."""
    return f"there is no project in {folder.resolve()}: go to its folder, or name it in DBT_PROJECT_DIR"
