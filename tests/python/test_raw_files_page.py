"""What the pages on raw files say is so: the source that they add, the tables that they list."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from dealer_limits.sources.contracts import load_contracts
from dealer_limits.sources.dictionary import write_dictionary
from workspace import ROOT, Workspace

PAGE = (ROOT / "docs/add_a_source.md").read_text()
# name of the file in the first line, as a comment
FILES = re.findall(r"```(?:yaml|sql)\n(?:#|--) (\S+)\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dbt project with the source of the page added."""
    folder = tmp_path_factory.mktemp("added") / "project"
    for name in ("models", "macros", "seeds", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("python"))
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(ROOT / name, folder)
    (folder / "models/staging/repo").mkdir()
    for name, content in FILES:
        (folder / "models/staging/repo" / name).write_text(content)
    return folder


def test_a_source_is_added_by_one_yaml_and_two_models_of_a_line(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [len(content.strip().splitlines()) for name, content in FILES if name.endswith(".sql")] == [1, 1]
    assert len(FILES) == 3
    (tmp_path / "raw/repo").mkdir(parents=True)
    (tmp_path / "raw/repo/SOFR_2020.csv").write_text("Date,Rate (%)\n2020-03-16,0.26\n2020-03-17,ND\n2020-03-18,low\n")
    workspace = Workspace(tmp_path, tmp_path / "raw", project)

    finished = workspace.dbt("run", "--select", "models/staging/repo")

    assert finished.success, finished.exception
    with workspace.connect_unpublished() as connection:
        staged = connection.execute(
            "select strftime(observation_date, '%d'), rate_pct::double"
            " from staging.stg_repo__financing_rates order by 1"
        ).fetchall()
        counts = connection.execute(
            "select rows_read, rows_staged, rows_rejected from quality.qc_row_counts where source_table = 'repo.sofr'"
        ).fetchall()
        rejected = connection.execute("select row_key, reject_reason from quality.qc_rejected_rows").fetchall()
    assert staged == [("16", 0.26), ("17", None)]
    assert counts == [(3, 2, 1)]
    assert rejected == [("observation_date=2020-03-18", "rate is not a number")]
    assert "repo.sofr" in load_contracts(project)


def test_page_of_raw_tables_is_that_of_the_contracts() -> None:
    assert (ROOT / "docs/raw_tables.md").read_text() == write_dictionary()
