"""Changes that are likely to be asked for stay small: patches in `tests/changes` touch few files and still apply.

`python tests/changes/edits.py` has the edits that they are made of and writes them anew, where a line that one of
them edits has changed. What describes a rule in prose (`.md`) is counted apart.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dealer_limits.estimation.specifications import build_registry, read_specifications
from workspace import ROOT, Workspace, contract_columns, copy_project

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
PATCHES = sorted((ROOT / "tests/changes").glob("*.patch"))


@pytest.fixture(scope="module")
def git() -> str:
    found = shutil.which("git")
    if found is None:
        pytest.skip("git is not installed: patches cannot be applied")
    return found


def apply(git: str, patch: Path, project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`git apply` in a folder, which need not be a repository, nor be ignored by one."""
    environment = {"GIT_CEILING_DIRECTORIES": str(project.parent)}
    return subprocess.run(
        [git, "apply", *options, patch], cwd=project, env=environment, capture_output=True, text=True
    )  # fmt: skip


def test_every_change_has_a_limit() -> None:
    assert [patch.stem for patch in PATCHES] == sorted(LIMITS)


@pytest.mark.parametrize("patch", PATCHES, ids=[patch.stem for patch in PATCHES])
def test_change_applies_and_touches_few_files(git: str, patch: Path) -> None:
    checked = apply(git, patch, ROOT, "--check")
    assert checked.returncode == 0, f"{checked.stderr}\nwrite it anew: python tests/changes/edits.py"
    counted = apply(git, patch, ROOT, "--numstat")
    touched = [line.split("\t")[2] for line in counted.stdout.splitlines()]
    pages = [file for file in touched if file.endswith(".md")]
    most_files, most_pages = LIMITS[patch.stem]
    assert 0 < len(touched) - len(pages) <= most_files, touched
    assert len(pages) <= most_pages, pages


def test_project_with_table_16_is_parsed_and_its_registry_names_what_is_there(git: str, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    applied = apply(git, ROOT / "tests/changes/table_16.patch", project)
    assert applied.returncode == 0, applied.stderr

    registry = build_registry(read_specifications(project / "seeds/specifications.csv"), contract_columns(project))

    assert not registry.problems
    assert [spec.dependent for spec in registry.of_tables(["16"])] == ["d_log_var"] * 3
    parsed = Workspace(tmp_path / "build", tmp_path / "raw", project).dbt("parse")
    assert parsed.success, parsed.exception
    assert "exposure.dealer_limits.table_16" in parsed.result.exposures
