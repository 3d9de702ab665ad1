"""The history tells from itself how each build ended and why, and has no value of a row in it."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunnerResult
from dbt_common.exceptions import DbtRuntimeError
from typer.testing import CliRunner

from dealer_limits.build import _ending
from dealer_limits.cli import app
from dealer_limits.errors import DealerLimitsError
from dealer_limits.history import History, why_failed
from gate_worlds import SENTINEL, Judged
from workspace import ROOT, Workspace, files_of_at_most


def is_documented(code: int, line: str) -> bool:
    """Whether the table of docs/operations.md has this line with this exit code; `…` stands for anything."""
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| (?:`(.*?)`|nothing) \|", page, flags=re.MULTILINE)
    patterns = [re.escape(form).replace("…", ".+") for documented, form in rows if int(documented) == code]
    return any(re.fullmatch(pattern, line.strip()) for pattern in patterns)


def history_of(workspace: Workspace) -> History:
    return History.beside(workspace.published)


def shown(workspace: Workspace, *arguments: str) -> str:
    return CliRunner().invoke(app, ["history", "--warehouse", str(workspace.published), *arguments]).stdout


def assert_without_values(workspace: Workspace) -> None:
    assert SENTINEL.encode() not in history_of(workspace).file.read_bytes()


@pytest.fixture(scope="module")
def published(good_build: Judged) -> Workspace:
    """After a whole build of raw data with values planted in them."""
    assert good_build.exit_code == 0, good_build.output + good_build.error
    return good_build.workspace


def test_published_build_has_its_counts_seconds_warnings_and_slowest_nodes(published: Workspace) -> None:
    started, ended = history_of(published).read()[:2]

    assert (started["event"], ended["event"], ended["outcome"]) == ("build started", "build ended", "published")
    with published.connect() as connection:
        ((started_at,),) = connection.execute("select started_at from about.build").fetchall()
        counts = connection.execute(
            "select source_table, sum(rows_read), sum(rows_staged), sum(rows_rejected) from quality.qc_row_counts"
            " group by source_table"
        ).fetchall()
        warnings = connection.execute("select distinct gate from quality.qc_gates where verdict = 'warning'").fetchall()
    assert started["id"] == ended["id"] == started_at.strftime("%Y%m%dT%H%M%SZ")
    assert ended["rows"] == {
        table: {"read": int(read), "staged": int(staged), "rejected": int(rejected)}
        for table, read, staged, rejected in counts
    }
    assert {(gate,) for gate in ended.get("warnings", [])} == set(warnings)
    assert len(ended["slowest"]) == 10
    assert ended["seconds"] > max(node["seconds"] for node in ended["slowest"]) > 0
    assert ended["nodes"].keys() == {"success", "pass", "no-op"}


def test_planted_value_is_in_no_byte_of_the_history(published: Workspace) -> None:
    with published.connect() as connection:
        found = connection.execute(
            "select count(*) from quality.qc_rejected_rows where source_table = 'market.move'"
        ).fetchone()
    assert found[0] >= 1
    assert_without_values(published)


def test_history_is_its_owners_alone(published: Workspace) -> None:
    assert stat.S_IMODE(history_of(published).file.stat().st_mode) == 0o600


def test_dbt_keeps_no_log_beside(published: Workspace) -> None:
    assert [path for path in (published.folder / "logs").rglob("*") if path.is_file() and path.stat().st_size] == []


def test_history_command_shows_the_last_builds(published: Workspace) -> None:
    assert "published" in shown(published)
    assert "running or killed" not in shown(published)


def test_refused_build_has_its_line(small_workspace: Workspace, tmp_path: Path) -> None:
    shutil.copytree(small_workspace.raw, tmp_path / "raw")
    workspace = Workspace(tmp_path, tmp_path / "raw")
    move = workspace.raw / "market/move.csv"
    move.write_text(move.read_text() + f"2020-03-16,1,{SENTINEL}\n")

    refused = workspace.run_here("dealer-limits", "build")

    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert refused.stderr.startswith("bad input: ")
    assert is_documented(2, refused.stderr)
    ended = history_of(workspace).read()[-1]
    assert (ended["outcome"], ended["line"]) == ("refused", refused.stderr.strip())
    assert refused.stderr.strip() in shown(workspace)
    assert_without_values(workspace)


def test_implausible_build_has_its_gates(bad_build: Judged) -> None:
    assert (bad_build.exit_code, bad_build.error.count("\n")) == (2, 1)
    assert is_documented(2, bad_build.error)
    ended = next(event for event in history_of(bad_build.workspace).read() if event.get("outcome") == "refused")
    stops = {gate for gate, found in bad_build.verdicts.items() if "stop" in found.values()}
    assert set(ended["stops"]) == stops
    assert ended["line"] == bad_build.error.strip()
    assert ended["rows"]
    assert_without_values(bad_build.workspace)


def test_variable_that_is_none_is_in_the_history(tmp_path: Path, small_workspace: Workspace) -> None:
    workspace = Workspace(tmp_path, small_workspace.raw)

    refused = workspace.run_here("dealer-limits", "build", "--vars", "{horizon: [1]}")

    (ended,) = history_of(workspace).read()
    assert (refused.returncode, ended["outcome"]) == (2, "refused")
    assert is_documented(2, refused.stderr)
    assert ended["line"] == refused.stderr.strip()


def test_failed_nodes_are_named_with_what_their_message_may_say(small_workspace: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, small_workspace.raw)

    with pytest.raises(DealerLimitsError, match="1 models or tests failed") as failure:
        # without the model that it reads
        workspace.build("--select", "stg_reference__dealers")

    assert is_documented(2, str(failure.value))
    ended = history_of(workspace).read()[-1]
    assert ended["outcome"] == "failed"
    assert [node["node"] for node in ended["failed_nodes"]] == ["stg_reference__dealers"]
    assert ended["failed_nodes"][0]["why"].startswith("Catalog Error: ")
    assert "rows" not in ended
    assert "stg_reference__dealers: Catalog Error: " in shown(workspace)


def test_part_of_the_project_is_said_to_be_not_published(small_workspace: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, small_workspace.raw)

    workspace.build("--select", "base_reference__firms")

    ended = history_of(workspace).read()[-1]
    assert ended["outcome"] == "not published"
    assert ended["line"].startswith("Part of the project built, without ")


def test_build_that_never_ended_is_running_or_was_killed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, tmp_path)
    history_of(workspace).write("build started", "20200316T120000Z")
    assert "running or killed" in shown(workspace)


def test_build_that_finds_another_at_work_is_refused(small_workspace: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, small_workspace.raw)
    workspace.build_file.parent.mkdir(parents=True)
    other = (
        "import duckdb, sys\n"
        "connection = duckdb.connect(sys.argv[1], config={'storage_compatibility_version': 'v1.1.0'})\n"
        "print('at work', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", other, workspace.build_file]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        refused = workspace.run_here("dealer-limits", "build")
        process.communicate("")

    assert refused.returncode == 2
    assert is_documented(2, refused.stderr)
    assert history_of(workspace).read()[-1]["line"] == refused.stderr.strip()


def test_setting_that_is_none_is_said_before_anything_is_built(
    small_workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_KEPT", "three")

    refused = Workspace(tmp_path, small_workspace.raw).run_here("dealer-limits", "build")

    assert refused.returncode == 2
    assert is_documented(2, refused.stderr)
    assert refused.stderr.startswith("WAREHOUSE_KEPT: ")


@pytest.mark.parametrize("command", ["history", "rollback"])
def test_what_is_not_there_yet_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.chdir(ROOT)

    shown = CliRunner().invoke(app, [command, "--warehouse", str(tmp_path / "dealer_limits.duckdb")])

    assert (shown.exit_code, shown.stderr.count("\n")) == (2, 1)
    assert is_documented(2, shown.stderr)


def test_disk_that_takes_no_more_is_the_line(world: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the end of the disk: the engine is told of both when it writes."""
    workspace = Workspace(tmp_path, world / "raw")
    with files_of_at_most(1_000_000), pytest.raises(DealerLimitsError) as failure:
        workspace.build("--select", "base_fr_vv1__inventory_ages")

    assert str(failure.value) == "the disk is full: the published warehouse stays as it was"
    assert is_documented(2, str(failure.value))
    ended = history_of(workspace).read()[-1]
    assert (ended["outcome"], ended["line"]) == ("failed", str(failure.value))


def test_checks_that_fail_end_with_the_code_that_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("dealer_limits.quality.run.run_checks", lambda *arguments: False)

    checked = CliRunner().invoke(app, ["check"])

    assert (checked.exit_code, checked.stderr) == (1, "")
    assert is_documented(1, "")


def test_disk_that_is_full_when_the_build_is_copied_is_the_line_too() -> None:
    error = DbtRuntimeError(f"dealer_limits.duckdb: {os.strerror(errno.ENOSPC)}")

    ending = _ending(dbtRunnerResult(success=False, exception=error), {"failed_nodes": []}, [])

    assert ending == ("failed", "the disk is full: the published warehouse stays as it was")


def test_line_that_was_cut_short_hides_no_other(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.write("run started", "1")
    with history.file.open("a") as handle:
        handle.write(json.dumps({"event": "x"})[:5] + "\n")
    history.write("run ended", "1")

    assert [event["event"] for event in history.read()] == ["run started", "run ended"]


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (f"Runtime Error in model x\n  Conversion Error: Could not convert string '{SENTINEL}' to INT32", None),
        (
            "Runtime Error\n  ConversionException: its message may quote a value and is not shown",
            "ConversionException: ",
        ),
        ("Runtime Error\n  Constraint Error: a key is repeated or a value is missing", "Constraint Error: a key"),
        ("Runtime Error\n  Catalog Error: Table with name t does not exist!\nDid you mean", "Catalog Error: Table"),
        ("Got 3 results, configured to fail if != 0", None),
    ],
)
def test_of_messages_only_what_quotes_no_value_is_kept(message: str, why: str | None) -> None:
    said = why_failed(message)
    assert said is None if why is None else said.startswith(why)
    assert SENTINEL not in (said or "")
