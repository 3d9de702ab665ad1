"""The command line: what --help shows, that it loads nothing heavy, and that mistakes cost one line."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import duckdb
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from dealer_limits.cli import app
from estimate_warehouse import make_world, write_warehouse
from workspace import Workspace

HEAVY = (
    "dbt",
    "duckdb",
    "great_expectations",
    "great_tables",
    "linearmodels",
    "matplotlib",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "statsmodels",
)

# what needs neither a warehouse nor the folder of the project
ANYWHERE = {"pseudo", "dictionary", "query", "montecarlo", "coverage", "calibrate"}
# ask for arguments before they look for anything
WITH_ARGUMENTS = {"compare", "export", "fetch"}


def test_help_lists_the_commands() -> None:
    shown = CliRunner().invoke(app, ["--help"])

    assert shown.exit_code == 0
    commands = ("pseudo", "build", "estimate", "verify", "check", "report")
    assert all(command in shown.stdout for command in commands)


def test_importing_the_command_line_loads_no_heavy_package() -> None:
    program = f"import sys, dealer_limits.cli; print([name for name in {HEAVY!r} if name in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert loaded.stdout == "[]\n"


def test_version_is_that_of_the_package() -> None:
    shown = CliRunner().invoke(app, ["--version"])

    assert (shown.exit_code, shown.stdout) == (0, f"dealer-limits {version('dealer-limits')}\n")


@pytest.mark.parametrize("command", sorted(set(get_command(app).commands) - ANYWHERE - WITH_ARGUMENTS))
def test_command_in_a_folder_without_a_project_says_so_in_one_line_with_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)

    shown = CliRunner().invoke(app, [command])

    assert shown.exit_code == 2
    assert shown.stderr.count("\n") == 1
    assert f"there is no project in {tmp_path}: go to its folder, or name it in DBT_PROJECT_DIR" in shown.stderr
    assert not list(tmp_path.iterdir())


def test_folder_named_as_the_project_that_is_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBT_PROJECT_DIR", str(tmp_path))

    shown = CliRunner().invoke(app, ["check"])

    assert shown.exit_code == 2
    assert shown.stderr == f"there is no project in {tmp_path}: go to its folder, or name it in DBT_PROJECT_DIR\n"


def test_command_in_another_folder_works_on_the_project_that_is_named_and_paths_given_are_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    (project / "warehouse").mkdir(parents=True)
    (project / "dbt_project.yml").touch()
    write_warehouse(project / "warehouse/dealer_limits.duckdb", make_world(days=40))
    elsewhere.mkdir()
    # as a shell in `elsewhere` has it
    monkeypatch.setenv("DBT_PROJECT_DIR", "../project")

    for output in ((), ("--output", "mine")):
        monkeypatch.chdir(elsewhere)
        monkeypatch.setenv("DBT_PROJECT_DIR", "../project")
        shown = CliRunner().invoke(app, ["estimate", "--table", "2", *output])
        assert shown.exit_code == 0, shown.output

    estimates = "estimates.parquet"
    assert (project / "output" / estimates).read_bytes() == (elsewhere / "mine" / estimates).read_bytes()
    assert {path.name for path in elsewhere.iterdir()} == {"mine"}


@pytest.mark.parametrize("program", ["dbt --log-level none", "dealer-limits"])
def test_no_log_is_kept_where_none_is_asked_for(small_workspace: Workspace, tmp_path: Path, program: str) -> None:
    """`dealer-limits build` asks for none, since a log may quote what stands in rows."""
    workspace = Workspace(tmp_path, small_workspace.raw)
    # variables that are none end a build once dbt has set up its log
    shown = workspace.run_here(*program.split(), "build", "--vars", "{gate_bounds: {nowhere: x}}")

    assert shown.returncode == 2
    assert not [path for path in (tmp_path / "logs").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["pseudo", "--scale", "0"], "--scale 0.0: expected a number above 0 and at most 100"),
        (["pseudo", "--scale", "-1"], "--scale -1.0: expected a number above 0 and at most 100"),
        (["estimate", "--warehouse", "nowhere.duckdb"], "nowhere.duckdb"),
        (["verify", "--warehouse", "nowhere.duckdb"], "nowhere.duckdb"),
        (["check", "--warehouse", "nowhere.duckdb"], "nowhere.duckdb"),
        (["report"], "run `dealer-limits estimate` first"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistake_costs_one_line_on_standard_error_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], line: str
) -> None:
    monkeypatch.chdir(tmp_path)

    shown = CliRunner().invoke(app, arguments)

    assert shown.exit_code == 2
    assert shown.stderr.count("\n") == 1
    assert line in shown.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("inference --table 99", "there is no Table 99: choose from 2, 3"),
        ("estimate --table 99", "there is no Table 99: choose from 1, 2"),
        ("verify --table 99", "there is no Table 99: choose from 2, 3"),
        ("estimate --table 2 --output file", "file: File exists"),
        ("diagnostics --output file", "file: File exists"),
        ("check --output file", "file/quality: Not a directory"),
        ("diagnostics --warehouse foreign.duckdb", "the warehouse has no table seeds.diagnostics"),
        ("estimate --warehouse foreign.duckdb", "the warehouse has no table "),
        ("check --warehouse foreign.duckdb", "the warehouse has no table "),
        ("check --warehouse torn.duckdb", "cannot open torn.duckdb: "),
        (
            "report --output results",
            "results/estimates.parquet cannot be read: run `dealer-limits estimate` again",
        ),
        ("pseudo --out file", "file/.incoming/raw: Not a directory"),
    ],
)
def test_what_stands_in_the_way_costs_one_line_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warehouse: Workspace, arguments: str, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("where a folder should be")
    with warehouse.published.open("rb") as whole:
        (tmp_path / "torn.duckdb").write_bytes(whole.read(100_000))
    with duckdb.connect(tmp_path / "foreign.duckdb") as connection:
        connection.execute("create table others (a integer)")
    (tmp_path / "results").mkdir()
    (tmp_path / "results/estimates.parquet").write_bytes(b"PAR1 half of it")
    named = [] if "--warehouse" in arguments or "pseudo" in arguments else ["--warehouse", str(warehouse.published)]

    shown = CliRunner().invoke(app, arguments.split() + named)

    assert shown.exit_code == 2
    assert shown.stderr.count("\n") == 1
    assert line in shown.stderr


def test_program_ends_with_its_exit_code_what_it_printed_and_what_was_to_run_at_its_end(tmp_path: Path) -> None:
    program = "import atexit; from dealer_limits.cli import program; atexit.register(print, 'at its end'); program()"

    ended = [
        subprocess.run([sys.executable, "-c", program, *arguments], cwd=tmp_path, capture_output=True, text=True)
        for arguments in (["--version"], ["history"])
    ]

    assert [finished.returncode for finished in ended] == [0, 2]
    assert ended[0].stdout.splitlines() == [f"dealer-limits {version('dealer-limits')}", "at its end"]
    assert ended[1].stdout == "at its end\n"
    assert ended[1].stderr.count("\n") == 1
