"""What docs/operations.md says of CI, of the container and of parts of the project is so."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from dealer_limits.kept import KEPT
from workspace import ROOT, Workspace, parsed_checkout


def test_hosted_ci_runs_every_test_and_a_small_world_on_spark() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))

    steps = workflow["jobs"]["test"]["steps"]

    assert [step["run"] for step in steps if "run" in step] == ["make test", "make spark-check"]
    assert [step["with"]["python-version"] for step in steps if "with" in step] == ["3.11"]
    assert 'requires-python = ">=3.11"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_container_sets_up_as_the_makefile_does_and_runs_the_command() -> None:
    lines = (ROOT / "Containerfile").read_text(encoding="utf-8").splitlines()

    assert "RUN make setup" in lines
    assert 'ENTRYPOINT [".venv/bin/dealer-limits"]' in lines
    assert ".venv" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_page_states_how_many_are_kept() -> None:
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")

    assert re.findall(r"the kept ones \((\d) W", page) == [str(KEPT)]


def test_what_an_exhibit_needs_can_be_built_alone_in_an_empty_warehouse(tmp_path: Path) -> None:
    """No test among it needs a model that is not."""
    workspace, manifest = Workspace(tmp_path, tmp_path), parsed_checkout()
    for exposure in ("table_2", "table_12", "table_15", "figure_4"):
        listed = workspace.dbt(
            "ls", "--select", f"+exposure:{exposure}", "--output", "json", "--output-keys", "unique_id"
        )
        ids = {yaml.safe_load(line)["unique_id"] for line in listed.result}
        tests = [manifest.nodes[name] for name in ids if name.startswith("test.")]

        needed = {name for node in tests for name in node.depends_on.nodes if name.startswith(("model.", "seed."))}

        assert tests
        assert needed <= ids
