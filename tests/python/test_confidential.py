"""Nothing of a row gets out: not by the modes of files, not by messages of the engine.

And what stands in the way of a build is said in one line.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from dealer_limits.errors import DealerLimitsError, in_one_line, without_values
from dealer_limits.sources import ledger
from workspace import Workspace, publish_file

SECRET = "S3CRET"


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}


def test_files_of_a_build_are_readable_by_their_owner_alone(warehouse: Workspace) -> None:
    for name in ("warehouse", "target", "logs"):
        assert modes(warehouse.folder / name) <= {0o600, 0o700}


def test_published_file_that_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    build_file = tmp_path / "build" / "dealer_limits.duckdb"
    build_file.parent.mkdir()
    published = tmp_path / "dealer_limits.duckdb"
    assert publish_file(build_file, ["main"]) == str(published)
    assert stat.S_IMODE(published.stat().st_mode) == 0o600

    published.chmod(0o640)
    publish_file(build_file, ["main"])

    assert stat.S_IMODE(published.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    "statement",
    [
        f"select cast('{SECRET}' as integer)",
        f"create table t (k varchar primary key); insert into t values ('{SECRET}'), ('{SECRET}')",
        f"select error('{SECRET}')",
        f"select strptime('{SECRET}', '%Y')",
        "select cast(9999999999999 as integer)",
    ],
)
def test_messages_of_the_engine_that_may_quote_a_value_are_not_passed_on(statement: str) -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as error:
        connection.execute(statement)

    said = without_values(error.value)

    assert SECRET not in said
    assert "99999" not in said


def test_messages_about_names_are_passed_on() -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as error:
        connection.execute("select nothing from nowhere")

    assert "nowhere" in without_values(error.value)


def test_value_that_stops_a_model_reaches_no_log_artifact_or_screen(small_workspace: Workspace, tmp_path: Path) -> None:
    finished = small_workspace.run_here(
        "dbt", "show", "--inline", f"select cast(concat('S3', 'CRET') as integer) as {'a'}"
    )

    assert finished.returncode != 0
    assert "its message may quote a value and is not shown" in finished.stdout
    assert SECRET not in finished.stdout + finished.stderr
    found = [
        path for path in small_workspace.folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
    ]
    assert found == []


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DealerLimitsError("as it is"), "as it is"),
        (OSError(errno.ENOSPC, "", "here"), "here: No space left on device"),
        (FileExistsError(errno.EEXIST, "", "output"), "output: File exists"),
        (pa.ArrowInvalid(SECRET), "a file of results cannot be read: run the command that writes it again"),
        (
            duckdb.IOException('Could not write file "x": No space left on device'),
            "the warehouse cannot be read (IO Error: the disk is full): run `dealer-limits build` first",
        ),
        (ZeroDivisionError(SECRET), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_are_said_in_one_line(error: Exception, line: str | None) -> None:
    assert in_one_line(error) == line


@pytest.mark.parametrize("left", [b"", b"half of a database" * 1000], ids=["empty", "torn"])
def test_build_file_that_cannot_be_opened_is_replaced(small_workspace: Workspace, tmp_path: Path, left: bytes) -> None:
    workspace = Workspace(tmp_path, small_workspace.raw)
    workspace.build_file.parent.mkdir(parents=True)
    workspace.build_file.write_bytes(left)

    finished = workspace.dbt("run", "--select", "base_reference__firms")

    assert finished.success, finished.exception


def test_folder_that_cannot_be_made_is_said_in_one_line_with_exit_code_2(
    small_workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "warehouse").write_text("a file where a folder should be")
    workspace = Workspace(tmp_path, small_workspace.raw)

    with pytest.raises(DealerLimitsError, match=f"^{tmp_path}/warehouse.*: (Not a directory|File exists)$"):
        workspace.build()
    finished = workspace.run_here("dbt", "build")

    assert finished.returncode == 2
    assert f"{tmp_path}/warehouse" in finished.stdout


def test_ledger_says_what_was_found_about_every_file(warehouse: Workspace) -> None:
    entries = json.loads((warehouse.build_file.parent / "raw_files.json").read_text())

    files = {os.path.relpath(path, warehouse.raw) for path in map(str, warehouse.raw.glob("*/*.*"))}
    assert {entry["name"] for entry in entries} == files
    assert all(entry["size"] and entry["modified_ns"] and entry["contract"] for entry in entries)
    assert all(len(entry["scan"]["digest"]) == 64 for entry in entries)


def test_file_that_the_ledger_knows_is_not_read_again_until_it_changes(
    small_workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(small_workspace.raw, tmp_path / "raw")
    workspace = Workspace(tmp_path, tmp_path / "raw")
    workspace.inspect()
    read: list[str] = []
    scan = ledger._scan
    monkeypatch.setattr(ledger, "_scan", lambda path, name, *rest: read.append(name) or scan(path, name, *rest))

    again = workspace.inspect().files()
    assert read == []

    (tmp_path / "raw/market/move.csv").write_text("date,move\n2020-03-16,100\n")
    changed = workspace.inspect().files()

    assert read == ["market/move.csv"]
    assert [f["raw_file"] for f, was in zip(changed, again, strict=True) if f != was] == ["market/move.csv"]
