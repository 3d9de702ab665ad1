"""Readers see whole builds only: one that fails, is killed or is partial leaves the published warehouse."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from dealer_limits.errors import DealerLimitsError
from dealer_limits.last_build import last_build
from dealer_limits.publish import STORAGE_OF_1_1, storage_version
from dealer_limits.variables import WORDS, documented
from workspace import ROOT, FailedBuild, SecondBuild, Workspace, publish_file


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


def test_nothing_else_is_left_beside_what_is_published(second_build: SecondBuild) -> None:
    assert second_build.workspace.beside_published == {"build", "kept", "dealer_limits.duckdb"}


@pytest.fixture(scope="module")
def both(second_build: SecondBuild) -> duckdb.DuckDBPyConnection:
    """The file of a build, and what is published of it."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{second_build.workspace.build_file}' as build (read_only)")
        connection.execute(f"attach '{second_build.workspace.published}' as published (read_only)")
        yield connection


def test_published_are_the_default_schemas_and_no_others(both: duckdb.DuckDBPyConnection) -> None:
    schemas = {
        name: {
            schema
            for (schema,) in both.execute(
                "select schema_name from duckdb_tables() where database_name = $name"
                " union all select schema_name from duckdb_views() where database_name = $name and not internal",
                {"name": name},
            ).fetchall()
        }
        for name in ("build", "published")
    }

    # what the next load goes on from is the build's own
    assert schemas["build"] == {*WORDS["published_schemas"], "loads"}
    assert schemas["published"] == {*documented(ROOT)["published_schemas"]}


@pytest.mark.parametrize(
    "what",
    [
        "table_name, comment from duckdb_tables()",
        "table_name, column_name, column_index, data_type, is_nullable, column_default, comment from duckdb_columns()",
        "table_name, constraint_type, constraint_text, constraint_column_names from duckdb_constraints()",
    ],
)
def test_columns_constraints_and_comments_of_what_is_published_are_those_of_the_build(
    both: duckdb.DuckDBPyConnection, what: str
) -> None:
    of_build, published = (
        both.execute(
            f"select schema_name, {what} where database_name = ? and list_contains(?, schema_name) order by all",
            [name, documented(ROOT)["published_schemas"]],
        ).fetchall()
        for name in ("build", "published")
    )

    assert len(of_build) > 50
    assert published == of_build


def test_published_tables_have_the_rows_of_the_build_in_their_order(both: duckdb.DuckDBPyConnection) -> None:
    tables = both.execute(
        "select schema_name || '.' || table_name from duckdb_tables() where database_name = 'published'"
    ).fetchall()

    differing = [
        table
        for (table,) in tables
        if both.execute(
            # a row that one of them lacks is null
            f"from build.{table} as ours positional join published.{table} as theirs where ours is distinct from theirs"
        ).fetchone()
    ]

    assert differing == []


def test_published_file_alone_is_what_the_next_build_is_compared_with(
    both: duckdb.DuckDBPyConnection, second_build: SecondBuild, tmp_path: Path
) -> None:
    alone = shutil.copy(second_build.workspace.published, tmp_path)
    (build,) = both.execute("select world, raw_data, variables from published.quality.qc_build").fetchall()
    files = both.execute("select source_table, sha256 from published.quality.qc_raw_files").fetchall()

    held = last_build(
        Path(alone),
        dict(zip(("world", "raw_data", "variables"), build, strict=True)),
        [{"source_table": table, "sha256": digest} for table, digest in files],
    )

    days = both.execute("select count(*) from build.quality.qc_rows_by_day").fetchone()
    firms = both.execute(
        "select count(distinct firm_rssd) from build.intermediate.int_desk_days_reported where firm_rssd is not null"
    ).fetchone()
    assert (len(held["days"]),) == days > (0,)
    assert (len(held["firms"]),) == firms > (0,)
    assert held["rows"] and held["columns"]


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


def new_build(folder: Path) -> Path:
    file = folder / "build" / "dealer_limits.duckdb"
    file.parent.mkdir()
    with duckdb.connect(file) as connection:
        connection.execute("create schema about; create table about.new as select 1")
    return file


def is_new(file: Path) -> bool:
    with duckdb.connect(file, read_only=True) as connection:
        return connection.execute("from about.new").fetchall() == [(1,)]


def test_views_are_published_after_what_they_read_and_refused_without_it(tmp_path: Path) -> None:
    file = new_build(tmp_path)
    with duckdb.connect(file) as connection:
        connection.execute(
            """
            create schema staging;
            create view staging.b as from about.new;
            create view about.a as from staging.b;
            comment on view about.a is 'said of a';
            """
        )

    with pytest.raises(DealerLimitsError, match=r"not published: about\.a read what is in none of about$"):
        publish_file(file)
    assert not (tmp_path / "dealer_limits.duckdb").exists()

    with duckdb.connect(publish_file(file, ["about", "staging"]), read_only=True) as published:
        assert published.execute("from about.a").fetchall() == [(1,)]
        assert published.execute("select comment from duckdb_views() where view_name = 'a'").fetchone() == (
            "said of a",
        )


def test_half_copied_warehouse_of_a_killed_publication_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".dealer_limits.duckdb.incoming").write_bytes(b"half of an older one")

    assert publish_file(new_build(tmp_path)) == str(tmp_path / "dealer_limits.duckdb")

    assert is_new(tmp_path / "dealer_limits.duckdb")
    assert {path.name for path in tmp_path.iterdir()} == {"build", "dealer_limits.duckdb"}


def test_build_that_is_judged_bad_leaves_the_published_warehouse(tmp_path: Path) -> None:
    (tmp_path / "dealer_limits.duckdb").write_bytes(b"the last good warehouse")

    def refuse(incoming: Path) -> None:
        assert is_new(incoming)
        raise DealerLimitsError("implausible")

    with pytest.raises(DealerLimitsError, match="implausible"):
        publish_file(new_build(tmp_path), judge=refuse)

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
