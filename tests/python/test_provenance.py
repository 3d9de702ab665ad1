"""Where numbers come from: a warehouse says what it was built from and by, and all that pseudo data give says so."""

from __future__ import annotations

import csv
import json
import subprocess
from importlib.metadata import version
from pathlib import Path

import docx
import duckdb
import matplotlib.image
import pytest
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import run_estimates
from dealer_limits.estimation.specification_curve import draw_curve
from dealer_limits.exhibits.ours import write_tables
from dealer_limits.provenance import (
    MARKER,
    project_commit,
    sentence_of,
    sentence_on,
    world_of_raw_data,
    write_marker,
)
from dealer_limits.quality.report import write_json, write_page
from dealer_limits.sources.files import find_files
from estimate_warehouse import make_world, write_warehouse
from inference_inputs import curve_points
from report_inputs import write_inputs
from report_writing import write
from workspace import Workspace

SENTENCE = sentence_on("paper")
# pixels of the right edge that nothing is drawn in but the sentence, at 200 dots per inch
EDGE = 6


def pseudo_raw(folder: Path, world: str = "null") -> Path:
    folder.mkdir(parents=True)
    write_marker(folder, world, seed=1, scale=0.1)
    return folder


def test_raw_files_beside_a_marker_are_of_the_world_that_it_names(tmp_path: Path) -> None:
    raw = pseudo_raw(tmp_path / "raw")

    assert world_of_raw_data(["soma", "trace"], {"RAW_DATA": str(raw)}) == "null"
    assert json.loads((raw / MARKER).read_text())["what"] == sentence_on("null")


def test_marker_of_the_same_world_is_the_same_to_the_byte_and_is_no_file_of_a_source(tmp_path: Path) -> None:
    one, other = (pseudo_raw(tmp_path / name) for name in ("one", "other"))
    (one / "soma").mkdir()

    assert (one / MARKER).read_bytes() == (other / MARKER).read_bytes()
    assert find_files("soma", one / "soma", []) == []


def test_raw_files_without_a_marker_are_real(tmp_path: Path) -> None:
    assert world_of_raw_data(["soma", "trace"], {"RAW_DATA": str(tmp_path)}) == "real"


@pytest.mark.parametrize("how", ["named", "linked"])
def test_one_source_of_a_pseudo_world_makes_all_of_it_pseudo(tmp_path: Path, how: str) -> None:
    pseudo = pseudo_raw(tmp_path / "pseudo") / "trace"
    pseudo.mkdir()
    real = tmp_path / "real"
    real.mkdir()
    environment = {"RAW_DATA": str(real)}
    if how == "named":
        environment["RAW_DATA_TRACE"] = str(pseudo)
    else:
        (real / "trace").symlink_to(pseudo)

    assert world_of_raw_data(["soma", "trace"], environment) == "null"
    assert world_of_raw_data(["soma"], environment) == "real"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"seed": 1'])
def test_marker_that_names_no_world_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / MARKER).write_text(content)

    with pytest.raises(DealerLimitsError, match=f"bad input: {MARKER}: it names no world"):
        world_of_raw_data(["soma"], {"RAW_DATA": str(tmp_path)})


def test_commit_is_that_of_the_project_and_says_where_files_differ(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=x", "-c", "user.email=x@x")
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    (tmp_path / "dbt_project.yml").write_text("name: x\n")
    assert project_commit(tmp_path) == "unknown"
    git("init", "--quiet")
    assert project_commit(tmp_path) == "unknown"
    git("add", "dbt_project.yml")
    git("commit", "--quiet", "--message", "x")
    git("tag", "v1")
    commit = git("rev-parse", "HEAD")
    assert project_commit(tmp_path) == commit
    (tmp_path / "dbt_project.yml").write_text("name: y\n")
    assert project_commit(tmp_path) == f"{commit}-dirty"
    # a copy that the repository around it does not track
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/dbt_project.yml").write_text("name: x\n")
    assert project_commit(tmp_path / "copy") == "unknown"


def test_warehouse_that_does_not_say_where_it_comes_from_is_refused() -> None:
    with duckdb.connect() as connection:
        with pytest.raises(DealerLimitsError, match=r"no table about\.build: run `dbt build` first"):
            sentence_of(connection)
        connection.execute("create schema about; create table about.build (world varchar)")
        with pytest.raises(DealerLimitsError, match=r"no table about\.build"):
            sentence_of(connection)


def test_build_says_when_it_was_and_what_it_was_made_with(warehouse: Workspace) -> None:
    with warehouse.connect() as connection:
        rows = connection.execute("select * from about.build").fetchall()
        names = [name for name, *_ in connection.description]
        variables = dict(connection.execute("select variable, value from quality.qc_variables").fetchall())
        warned = connection.execute("select distinct gate from quality.qc_gates where verdict = 'warning'").fetchall()
        recent = connection.execute("select started_at < now() at time zone 'UTC' from about.build").fetchone()

    assert len(rows) == 1
    build = dict(zip(names, rows[0], strict=True))
    assert recent == (True,)
    assert build["seconds"] > 0
    assert build["world"] == "paper"
    assert build["project_commit"]
    for package in ("dealer-limits", "duckdb"):
        assert build[f"{package.replace('-', '_')}_version"] == version(package)
    assert build["dbt_version"] == version("dbt-core")
    assert json.loads(build["variables"]) == {name: json.loads(value) for name, value in variables.items()}
    assert sorted(line.partition(":")[0] for line in build["gate_warnings"]) == sorted(gate for (gate,) in warned)


def test_build_says_which_bytes_it_read_and_what_became_of_their_rows(warehouse: Workspace) -> None:
    with warehouse.connect() as connection:
        told = connection.execute(
            "select raw_file, sha256, rows_read from about.raw_file where raw_file is not null order by all"
        ).fetchall()
        known = connection.execute(
            "select raw_file, sha256, rows_read from quality.qc_raw_files where raw_file is not null order by all"
        ).fetchall()
        lost = connection.execute(
            "select count(*) from about.raw_file where rows_read <> rows_staged + rows_rejected"
        ).fetchone()

    assert told == known
    assert len(told) > 100
    assert lost == (0,)


def test_tables_about_the_build_and_their_columns_carry_comments(warehouse: Workspace) -> None:
    with warehouse.connect() as connection:
        comments = connection.execute(
            """
            select table_name, comment from duckdb_tables() where schema_name = 'about'
            union all
            select column_name, comment from duckdb_columns() where schema_name = 'about'
            """
        ).fetchall()

    assert len(comments) == 2 + 9 + 7
    assert all(comment for _, comment in comments)


@pytest.fixture(scope="module", params=["paper", "real"])
def exports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Path]]:
    """What all commands export of a warehouse that says that it is of this world, and the sentence on it."""
    world = request.param
    folder = tmp_path_factory.mktemp(world)
    quiet = Console(quiet=True)
    estimated = write_warehouse(folder / "e.duckdb", make_world(days=40), world)
    run_estimates(estimated, folder / "estimates", ["2", "14"], quiet, Bootstrap(draws=2))
    write_tables(estimated, folder / "estimates", ["2"], quiet)
    warehouse = write_inputs(folder, tables=("2",))
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"update about.build set world = '{world}'")
        sentence = sentence_of(connection)
    draw_curve(curve_points(), folder, sentence)
    write(folder)
    write_page(folder / "quality.html", [], sentence)
    write_json(folder / "quality.json", [], sentence)
    kinds = (".csv", ".tex", ".docx", ".svg", ".png", ".html")
    files = [path for path in folder.rglob("*") if path.suffix in kinds]
    assert {path.suffix for path in files} == set(kinds)
    return sentence, [*files, folder / "quality.json"]


def says(path: Path, sentence: str) -> bool:
    """Whether a file has the sentence, where a reader sees it: a CSV in every row, a PNG along its edge."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return all(row.get("pseudo_data") == sentence for row in csv.DictReader(file))
    if path.suffix == ".docx":
        document = docx.Document(str(path))
        texts = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
        return any(sentence in text for text in (*texts, *(each.text for each in document.paragraphs)))
    if path.suffix == ".png":
        return bool((matplotlib.image.imread(path)[:, -EDGE:, :3] < 1).any())
    return sentence in path.read_text(encoding="utf-8")


def test_every_export_of_pseudo_data_says_so_and_none_of_real_data_does(exports: tuple[str, list[Path]]) -> None:
    sentence, files = exports

    told = {path.name: says(path, SENTENCE) for path in files}

    assert set(told.values()) == {bool(sentence)}, told


def test_export_of_real_data_has_no_column_for_it(exports: tuple[str, list[Path]]) -> None:
    sentence, files = exports
    texts = [path.read_text(encoding="utf-8") for path in files if path.suffix in (".csv", ".json")]

    assert all(("pseudo_data" in text) == bool(sentence) for text in texts)
