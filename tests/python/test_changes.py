"""Changes that are likely to be asked for stay small: patches in `tests/changes` touch few files and apply as they are.

What describes a rule in prose (`.md`) is counted apart.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from changes import CHANGES, PATCHES, edit, patch_of
from dealer_limits.estimation.specifications import build_registry, read_specifications
from workspace import Workspace, contract_columns, copy_project

# most files that a change may touch, and most pages beside them
LIMITS = {
    # contract and two models; the page of raw tables
    "new_source": (3, 1),
    # rows of the registry, title, and a variable in SQL and YAML
    "table_16": (4, 0),
    # the model and its unit tests, what the marts and the report say of it, the panel in memory
    "limit_usage": (5, 1),
    "level_1_window": (1, 1),
}


def test_every_change_is_kept_as_a_patch_and_has_a_limit() -> None:
    assert sorted(patch.stem for patch in PATCHES.glob("*.patch")) == sorted(CHANGES) == sorted(LIMITS)


@pytest.mark.parametrize("change", CHANGES)
def test_patch_is_of_the_project_as_it_stands_and_touches_few_files(change: str) -> None:
    patch = (PATCHES / f"{change}.patch").read_text(encoding="utf-8")
    assert patch == patch_of(change), "write it anew: python tests/python/changes.py"
    touched = re.findall(r"^\+\+\+ b/(.+)$", patch, flags=re.MULTILINE)
    pages = [file for file in touched if file.endswith(".md")]
    most_files, most_pages = LIMITS[change]
    assert 0 < len(touched) - len(pages) <= most_files, touched
    assert len(pages) <= most_pages, pages


def test_project_with_table_16_is_parsed_and_its_registry_names_what_is_there(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    edit(project, CHANGES["table_16"])

    registry = build_registry(read_specifications(project / "seeds/specifications.csv"), contract_columns(project))

    assert not registry.problems
    assert [spec.dependent for spec in registry.of_tables(["16"])] == ["d_log_var"] * 3
    parsed = Workspace(tmp_path / "build", tmp_path / "raw", project).dbt("parse")
    assert parsed.success, parsed.exception
    assert "exposure.dealer_limits.table_16" in parsed.result.exposures
