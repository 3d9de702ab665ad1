"""Published files that are replaced are kept, the last few, and one can be put back; a kill leaves either state."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from threading import Thread

import duckdb
import pytest
from typer.testing import CliRunner

from dealer_limits.cli import app
from dealer_limits.errors import DealerLimitsError
from dealer_limits.history import History
from dealer_limits.kept import KEPT, kept_files, number_to_keep, said_of
from dealer_limits.publish import _sole_publisher, change_published, published_path, roll_back
from dealer_limits.warehouse import identity
from workspace import publish_file


def write_build(folder: Path, day: int) -> Path:
    """A build that says that it started at noon of a day of March."""
    file = folder / "build/dealer_limits.duckdb"
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    with duckdb.connect(file) as connection:
        connection.execute("create schema about")
        connection.execute(
            "create table about.build as select "
            f"timestamp '2020-03-{day:02} 12:00:00' as started_at, 'c{day}' as project_commit, 'null' as world"
        )
    return file


def publish_days(folder: Path, *days: int) -> Path:
    for day in days:
        publish_file(write_build(folder, day))
    return folder / "dealer_limits.duckdb"


def day_of(file: Path) -> int:
    return said_of(file).started_at.day


def days_kept(target: Path) -> list[int]:
    return [day_of(file) for file in kept_files(target)]


def test_last_published_files_are_kept_beside_the_published_one(tmp_path: Path) -> None:
    target = publish_days(tmp_path, 1, 2, 3, 4, 5)

    assert KEPT == 3
    assert day_of(target) == 5
    assert days_kept(target) == [4, 3, 2]
    assert kept_files(target)[0].name == "20200304T120000Z.duckdb"


def test_what_is_kept_is_the_file_itself_and_its_owners_alone(tmp_path: Path) -> None:
    target = publish_days(tmp_path, 1)
    target.chmod(0o640)
    before = identity(target)

    publish_days(tmp_path, 2)

    (kept,) = kept_files(target)
    assert identity(kept) == before
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_variable_of_the_environment_says_how_many_and_0_keeps_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_days(tmp_path, 1, 2, 3)
    monkeypatch.setenv("WAREHOUSE_KEPT", "1")
    target = publish_days(tmp_path, 4)
    assert days_kept(target) == [3]

    monkeypatch.setenv("WAREHOUSE_KEPT", "0")
    publish_days(tmp_path, 5)

    assert {path.name for path in tmp_path.iterdir()} == {"build", "dealer_limits.duckdb"}
    for text in ("-1", "three", "1.5", "²"):
        with pytest.raises(DealerLimitsError, match="WAREHOUSE_KEPT: expected how many"):
            number_to_keep({"WAREHOUSE_KEPT": text})


def test_build_that_is_judged_bad_leaves_what_is_kept(tmp_path: Path) -> None:
    target = publish_days(tmp_path, 1, 2)

    def refuse(incoming: Path) -> None:
        raise DealerLimitsError("implausible")

    with pytest.raises(DealerLimitsError):
        publish_file(write_build(tmp_path, 3), judge=refuse)

    assert (day_of(target), days_kept(target)) == (2, [1])


def test_estimates_that_are_written_into_the_published_file_keep_no_copy(tmp_path: Path) -> None:
    target = publish_days(tmp_path, 1, 2)

    change_published(target, identity(target), lambda incoming: None)

    assert days_kept(target) == [1]


def test_rollback_puts_a_file_back_and_keeps_the_one_that_it_replaces(tmp_path: Path) -> None:
    target = publish_days(tmp_path, 1, 2, 3)
    target.chmod(0o640)
    with duckdb.connect(target, read_only=True) as reader:
        assert roll_back(target, "20200301T120000Z") == "20200303T120000Z"
        assert reader.execute("select project_commit from about.build").fetchone() == ("c3",)

    assert said_of(target).project_commit == "c1"
    assert days_kept(target) == [3, 2]
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept_files(target)} == {0o600}
    assert {path.name for path in tmp_path.iterdir()} == {"build", "kept", "dealer_limits.duckdb"}


def test_rollback_waits_for_whoever_publishes(tmp_path: Path) -> None:
    target = publish_days(tmp_path, 1, 2)
    waiting = Thread(target=roll_back, args=(target, "20200301T120000Z"))

    with _sole_publisher(tmp_path):
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
        assert day_of(target) == 2
    waiting.join(60)

    assert day_of(target) == 1


def test_file_that_was_rolled_back_to_is_kept_when_the_next_build_replaces_it(tmp_path: Path) -> None:
    target = publish_days(tmp_path, 1, 2, 3, 4)
    roll_back(target, "20200301T120000Z")

    publish_days(tmp_path, 5)

    assert 1 in days_kept(target)
    assert len(days_kept(target)) == KEPT


def test_command_lists_what_is_kept_and_puts_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dbt_project.yml").touch()
    (tmp_path / "warehouse").mkdir()
    target = publish_days(tmp_path / "warehouse", 1, 2)

    listed = CliRunner().invoke(app, ["rollback", "--warehouse", str(target)])
    missing = CliRunner().invoke(app, ["rollback", "20200302T120000Z", "--warehouse", str(target)])
    back = CliRunner().invoke(app, ["rollback", "20200301T120000Z", "--warehouse", str(target)])

    assert all(text in listed.stdout for text in ("2020-03-02 12:00:00", "2020-03-01 12:00:00", "c1", "null"))
    line = "no file 20200302T120000Z is kept: `dealer-limits rollback` lists those that are\n"
    assert (missing.exit_code, missing.stderr) == (2, line)
    assert back.exit_code == 0
    assert day_of(target) == 1
    (event,) = History.beside(target).read()
    assert (event["event"], event["id"], event["replaced"]) == ("rollback", "20200301T120000Z", "20200302T120000Z")


# where a process is killed: with the tables copied, before the rename, when the last file has two names, or after it
KILL = """
import os, signal, sys
from pathlib import Path
import duckdb
from dealer_limits import compact, publish as module
die = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
match sys.argv[1]:
    case "midway":
        compact._copy_comments = die
    case "before":
        Path.replace = die
    case "after":
        module.prune = die
"""
ACTS = {
    "publish": "module.publish(duckdb.connect(sys.argv[2]), ['about'])",
    "rollback": "module.roll_back(module.published_path(Path(sys.argv[2])), '20200302T120000Z')",
}


@pytest.mark.parametrize(
    ("act", "where"),
    [("publish", "midway"), ("publish", "before"), ("publish", "after"), ("rollback", "before"), ("rollback", "after")],
)
def test_kill_leaves_either_state_and_the_next_publication_is_as_ever(tmp_path: Path, act: str, where: str) -> None:
    target = publish_days(tmp_path, 1, 2, 3)
    build_file = write_build(tmp_path, 4)

    killed = subprocess.run([sys.executable, "-c", KILL + ACTS[act], where, str(build_file)], env=os.environ)

    assert killed.returncode == -signal.SIGKILL
    new = {"publish": 4, "rollback": 2}[act]
    assert day_of(target) == (new if where == "after" else 3)
    # every file that could be put back is still there, and the published one is none of them
    assert set(days_kept(target)) == {1, 2, 3, new} - {day_of(target)} - (set() if where == "after" else {4})
    publish_days(tmp_path, 5)
    assert published_path(build_file) == target
    assert day_of(target) == 5
    assert len(days_kept(target)) == 3
    assert {path.name for path in tmp_path.iterdir()} == {"build", "kept", "dealer_limits.duckdb"}
