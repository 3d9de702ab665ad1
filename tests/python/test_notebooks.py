"""Notebooks run as scripts, in order, and say what the project says."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import dealer_limits
from dealer_limits.provenance import sentence_on
from workspace import ROOT, Workspace

NOTEBOOK = ROOT / "analysis/notebooks/table_2.py"
KEY = ["panel", "column"]
# two ways of the same arithmetic
TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def run(warehouse: Workspace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the notebook leaves behind, and the folder of its plot."""
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_DIR", str(warehouse.published.parent))
        patch.setenv("NOTEBOOK_OUTPUT", str(folder))
        return runpy.run_path(str(NOTEBOOK)) | {"folder": folder}


def test_table_2_is_the_projects_own(run: dict[str, Any], warehouse: Workspace) -> None:
    own = dealer_limits.estimate(2, warehouse=warehouse.published)
    own = own[own["term"] == "log_limit_usage"].set_index(KEY).sort_index()
    notebook = run["estimates"].set_index(KEY).sort_index()
    assert len(own) == 12
    assert list(notebook.index) == list(own.index)
    for name in ("coef", "se", "ci_low", "ci_high"):
        assert (notebook[name] - own[name]).abs().max() < TOLERANCE, name
    assert (notebook["nobs"] == own["nobs"]).all()


def test_plot_is_of_all_columns_and_says_what_data_these_are(run: dict[str, Any]) -> None:
    plot = (run["folder"] / "table_2.svg").read_text(encoding="utf-8")
    assert sentence_on("paper") in plot
    assert len(re.findall(r"\([ab]\) \d  (?:net|gross)", plot)) == 12
    assert isinstance(run["by_usage"], pd.DataFrame)
    assert run["by_usage"]["usage_tenth"].tolist() == list(range(1, 11))


def test_notebook_runs_as_a_script_from_the_project_and_draws_the_same_bytes(
    run: dict[str, Any], warehouse: Workspace, tmp_path: Path
) -> None:
    finished = subprocess.run(
        [sys.executable, str(NOTEBOOK)],
        env=os.environ | {"WAREHOUSE_DIR": str(warehouse.published.parent), "NOTEBOOK_OUTPUT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"plot: {tmp_path / 'table_2.svg'}" in finished.stdout
    assert (tmp_path / "table_2.svg").read_bytes() == (run["folder"] / "table_2.svg").read_bytes()


def test_cells_are_marked_so_that_editors_open_it_as_a_notebook() -> None:
    cells = re.findall(r"^# %%(.*)$", NOTEBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(cells) > 10
    assert set(cells) == {"", " [markdown]"}
