"""`dealer-limits run`: what the commands one after the other give, in one process, and how it ends where one fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from rich.console import Console
from typer.testing import CliRunner

from dealer_limits import cli
from dealer_limits.build import build_warehouse
from dealer_limits.history import History
from dealer_limits.steps import Step, leave_dbt, run_steps
from estimate_warehouse import make_world, write_warehouse
from test_estimates_in_sql import assert_mart_is_of
from workspace import Workspace, digest


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): digest(path) for path in files}


def test_run_gives_the_files_that_the_commands_give_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Of estimates and inference, which share bootstraps; the other process has as many threads as it may."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dbt_project.yml").touch()
    (tmp_path / "warehouse").mkdir()
    warehouse = write_warehouse(tmp_path / "warehouse/dealer_limits.duckdb", make_world(days=60))
    monkeypatch.setenv("RAW_DATA", str(tmp_path))
    for name in ("build", "check", "match_weights", "diagnostics", "report"):
        monkeypatch.setattr(cli, name, lambda **options: None)
    together = CliRunner().invoke(cli.app, ["run", "--output", "together"])
    assert together.exit_code == 0, together.output
    program = "from dealer_limits.cli import app; app()"
    alone = ["inference", "--warehouse", str(warehouse), "--output", "alone"]
    threads = {"OPENBLAS_NUM_THREADS": str(len(os.sched_getaffinity(0)))}
    subprocess.run([sys.executable, "-c", program, *alone], check=True, env=os.environ | threads)
    found, expected = digests(tmp_path / "together"), digests(tmp_path / "alone")
    assert {"inference.parquet", "instruments.parquet", "figures/specification_curve.parquet"} <= expected.keys()
    assert {name: found[name] for name in expected} == expected
    assert {"estimates.parquet", "comparison.csv"} <= found.keys()
    assert_mart_is_of(warehouse, tmp_path / "together")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without a warehouse to run in, where building does nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dbt_project.yml").touch()
    monkeypatch.setenv("RAW_DATA", str(tmp_path))
    monkeypatch.setattr(cli, "build", lambda: None)
    return tmp_path


def test_first_step_that_fails_ends_the_run_as_it_ends_alone(elsewhere: Path):
    run, alone = (CliRunner().invoke(cli.app, [command]) for command in ("run", "check"))
    assert alone.exit_code == 2
    assert (run.exit_code, run.stderr) == (alone.exit_code, alone.stderr)
    last = History(elsewhere / "warehouse/build/history.jsonl").read()[-1]
    assert (last["outcome"], last["line"]) == ("failed: check", alone.stderr.strip())
    assert not (elsewhere / "output").exists()


def test_checks_that_fail_end_the_run_with_exit_code_1(elsewhere: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dealer_limits.quality.run.run_checks", lambda *arguments: False)
    run = CliRunner().invoke(cli.app, ["run"])
    assert run.exit_code == 1
    assert "seconds" not in run.stdout


def test_steps_run_in_their_order_and_each_has_its_seconds(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    done: list[str] = []
    steps = [Step(name, lambda name=name: done.append(name)) for name in ("first", "second")]
    history = History(tmp_path / "history.jsonl")
    run_steps(steps, Console(width=80), history)
    assert done == ["first", "second"]
    events = [(event["event"], event.get("step"), event.get("outcome")) for event in history.read()]
    ended = [("step", "first", "done"), ("step", "second", "done"), ("run ended", None, "done")]
    assert events == [("run started", None, None), *ended]
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert all([name, "0.0", "0.0"] in words for name in ("first", "second", "all"))


def test_a_build_leaves_no_open_database_to_the_steps_after_it(
    small_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    """One model is enough to open it."""
    for name, value in small_workspace.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(small_workspace.project)
    leave_dbt(lambda: build_warehouse(Console(quiet=True), ["--select", "base_reference__firms"]))
    assert DuckDBConnectionManager._ENV is None
    # in another mode than that in which dbt had it open
    with duckdb.connect(small_workspace.build_file, read_only=True) as connection:
        assert connection.execute("select count(*) from staging.base_reference__firms").fetchone()[0] > 0
