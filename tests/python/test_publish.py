"""Readers see whole builds only: one that fails, is killed or is partial leaves the published warehouse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from dealer_limits.errors import DealerLimitsError
from dealer_limits.publish import STORAGE_OF_1_1, publish, storage_version
from workspace import FailedBuild, SecondBuild, Workspace, digest


def test_killed_build_leaves_the_published_warehouse(killed_build: FailedBuild) -> None:
    assert killed_build.digest_after == killed_build.digest_before
    assert killed_build.left == {"build", "dealer_limits.duckdb"}


def test_failing_build_leaves_the_published_warehouse(failed_build: FailedBuild) -> None:
    assert failed_build.digest_after == failed_build.digest_before
    assert failed_build.left == {"build", "dealer_limits.duckdb"}
    assert "no_cusip_is_bought_more_often_in_a_day_than_the_matching_allows_for" in failed_build.output


def test_reader_keeps_the_old_view_through_a_build_and_does_not_block_it(second_build: SecondBuild) -> None:
    assert second_build.old_rows_before == second_build.old_rows_after == 1


def test_new_reader_sees_the_new_build(second_build: SecondBuild) -> None:
    with second_build.workspace.connect() as analyst:
        assert analyst.execute("select count(*) from marts.fct_desk_day").fetchone()[0] > 0
        with pytest.raises(duckdb.CatalogException):
            analyst.execute("from main.last_good")


def test_published_warehouse_is_the_finished_build_and_nothing_else_is_left(
    second_build: SecondBuild,
) -> None:
    workspace = second_build.workspace
    assert digest(workspace.published) == digest(workspace.build_file)
    assert workspace.beside_published == {"build", "kept", "dealer_limits.duckdb"}


def test_clients_from_duckdb_1_1_on_can_open_what_is_published(second_build: SecondBuild, tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "newer.duckdb") as connection:
        connection.execute("create table t as select 1")

    assert storage_version(second_build.workspace.published) == STORAGE_OF_1_1
    assert storage_version(tmp_path / "newer.duckdb") != STORAGE_OF_1_1


def test_build_file_that_old_clients_cannot_open_is_made_anew(small_workspace: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, small_workspace.raw)
    workspace.build_file.parent.mkdir(parents=True)
    with duckdb.connect(workspace.build_file) as connection:
        connection.execute("create table left_over as select 1")

    assert workspace.dbt("run", "--select", "base_reference__firms").success

    with workspace.connect_unpublished() as connection:
        tables = connection.execute("select table_name from duckdb_tables()").fetchall()
    assert ("left_over",) not in tables
    assert storage_version(workspace.build_file) == STORAGE_OF_1_1


def test_second_build_at_once_is_refused_in_one_line(small_workspace: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, small_workspace.raw)
    workspace.build_file.parent.mkdir(parents=True)
    first = (
        "import duckdb, sys\n"
        "connection = duckdb.connect(sys.argv[1], config={'storage_compatibility_version': 'v1.1.0'})\n"
        "connection.execute('create table of_the_first_build as select 1')\n"
        "print('is building', flush=True)\n"
        "sys.stdin.read()\n"
        "print(connection.execute('from of_the_first_build').fetchall())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", first, workspace.build_file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "is building\n"

        second = workspace.run_here("dealer-limits", "build")

        assert second.returncode == 2
        assert second.stderr == f"{workspace.build_file} is in use: another build is running\n"
        rows, _ = process.communicate("")
        assert rows == "[(1,)]\n"


def test_half_copied_warehouse_of_a_killed_publication_is_replaced(tmp_path: Path) -> None:
    build_file = tmp_path / "build" / "dealer_limits.duckdb"
    build_file.parent.mkdir()
    build_file.write_bytes(b"new")
    (tmp_path / ".dealer_limits.duckdb.incoming").write_bytes(b"half of an older one")

    assert publish(build_file) == str(tmp_path / "dealer_limits.duckdb")

    assert (tmp_path / "dealer_limits.duckdb").read_bytes() == b"new"
    assert {path.name for path in tmp_path.iterdir()} == {"build", "dealer_limits.duckdb"}


def test_build_that_is_judged_bad_leaves_the_published_warehouse(tmp_path: Path) -> None:
    build_file = tmp_path / "build" / "dealer_limits.duckdb"
    build_file.parent.mkdir()
    build_file.write_bytes(b"new")
    (tmp_path / "dealer_limits.duckdb").write_bytes(b"the last good warehouse")

    def refuse(incoming: Path) -> None:
        assert incoming.read_bytes() == b"new"
        raise DealerLimitsError("implausible")

    with pytest.raises(DealerLimitsError, match="implausible"):
        publish(build_file, refuse)

    assert (tmp_path / "dealer_limits.duckdb").read_bytes() == b"the last good warehouse"
    assert {path.name for path in tmp_path.iterdir()} == {"build", "dealer_limits.duckdb"}


@pytest.mark.parametrize(
    "selection",
    [
        ("--select", "stg_reference__firms"),
        ("--select", "stg_reference__firms", "base_reference__firms", "--exclude", "test_type:data"),
        ("--resource-type", "seed"),
        ("--empty", "--select", "base_reference__firms"),
    ],
    ids=" ".join,
)
def test_part_of_the_project_is_not_published(small_workspace: Workspace, selection: tuple[str, ...]) -> None:
    small_workspace.dbt("run", "--select", "base_reference__firms")

    assert small_workspace.dbt("build", *selection).success

    assert not small_workspace.published.exists()


def test_failing_model_is_counted_in_one_line_without_the_message_of_the_engine(
    small_workspace: Workspace,
) -> None:
    with pytest.raises(DealerLimitsError) as failure:
        # without the model that it reads
        small_workspace.build("--select", "stg_reference__dealers")

    assert str(failure.value) == "1 models or tests failed; `dbt build --select <name>` says why"
