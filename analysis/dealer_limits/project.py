"""Where the project's own files are: seeds, models and the constants of `dbt_project.yml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]
SEEDS = PROJECT / "seeds"
DOCS = PROJECT / "docs"


@cache
def variables() -> dict[str, Any]:
    """The variables of `dbt_project.yml` as documented, by name."""
    return yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
