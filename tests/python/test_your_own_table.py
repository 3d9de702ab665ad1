"""The walk of `docs/your_own_table.md`, done: its commands, rows, labels and edits are taken from the page."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from dealer_limits.cli import app
from dealer_limits.variables import read_variables
from workspace import ROOT, Workspace, copy_project

PAGE = (ROOT / "docs/your_own_table.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
# line, file and the text that goes above it
EDITS = re.findall(r"Above `([^`]+)` in\s+`([^`]+)`:\n\n```\w+\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [shlex.split(line) for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
BUILDS = [command for command in COMMANDS if command[:2] == ["dealer-limits", "build"]]
RESULTS = [shlex.split(line) for line in PAGE.partition("## Where the results are")[2].split("```")[1].splitlines()[1:]]
ROWS = "".join(text for kind, text in BLOCKS if kind == "csv")
MISSPELT, GATE = (text.strip() for kind, text in BLOCKS if kind == "text")
VARIABLES, EVENT = (read_variables(BUILDS[place][3], ROOT) for place in (0, 2))
# what publishes a build without awards
BOUNDS = read_variables("{" + re.search(r"`(gate_bounds: .*?)` among", PAGE)[1] + "}", ROOT)
KEYS = ["table", "panel", "column"]


def block(kind: str, beginning: str) -> str:
    (found,) = (text for each, text in BLOCKS if each == kind and text.startswith(beginning))
    return found


class Walk:
    """A copy of the project in which the page is followed, its warehouse beside it."""

    def __init__(self, folder: Path, raw: Path) -> None:
        self.project = copy_project(folder / "project")
        self.workspace = Workspace(folder, raw, self.project)
        self.output = self.project / "output"

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command as one types it in the project's folder."""
        program = Path(sys.executable).with_name(command[0])
        environment = os.environ | self.workspace.environment | {"PYTHONPATH": str(self.project / "analysis")}
        return subprocess.run(
            [program, *command[1:]], cwd=self.project, env=environment, capture_output=True, text=True
        )


@pytest.fixture(scope="module")
def walk(gate_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """The page with its builds in one: the event is another, the tables are of the desk panel. No unit tests."""
    folder = tmp_path_factory.mktemp("own")
    walk = Walk(folder, gate_base)
    (walk.project / "my.csv").write_text(ROWS, encoding="utf-8")
    (walk.project / "my.yml").write_text(block("yaml", "# my.yml"), encoding="utf-8")
    for line, name, text in EDITS:
        file = walk.project / name
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        place = next(place for place, each in enumerate(lines) if each.strip().startswith(line))
        file.write_text("".join([*lines[:place], text, *lines[place:]]), encoding="utf-8")
    finished = walk.workspace.run_here("dealer-limits", "build", "--vars", json.dumps(VARIABLES | EVENT | BOUNDS))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return walk


@pytest.fixture(scope="module")
def shown(walk: Walk) -> str:
    """What the terminal shows of the commands in "Where the results are"."""
    assert {program for program, *_ in RESULTS} == {"dealer-limits"}
    # one after the other in one process, which imports the packages once
    program = "import json, sys; from dealer_limits.cli import app\n"
    program += "for arguments in json.loads(sys.argv[1]): app(arguments, standalone_mode=False)"
    finished = walk.run("python", "-c", program, json.dumps([arguments for _, *arguments in RESULTS]))
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.fixture
def in_its_folder(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one who works in the project's folder."""
    monkeypatch.chdir(walk.project)
    for name, value in walk.workspace.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def rows(walk: Walk) -> pd.DataFrame:
    return pd.read_csv(walk.project / "my.csv", dtype=str, keep_default_na=False)


def test_page_shows_every_step() -> None:
    assert len(EDITS) == 4
    assert [command[:2] for command in BUILDS] == [["dealer-limits", "build"]] * 3
    # one build after the other with the same variables, then another event
    assert BUILDS[0] == BUILDS[1] != BUILDS[2]
    assert EVENT.keys() <= set(re.findall(r"`(\w+)`", PAGE.partition("| variable | what moves |")[2]))


def test_what_there_is_to_name_can_be_asked(walk: Walk) -> None:
    with walk.workspace.connect() as connection:
        found = {row[1] for row in connection.execute(block("sql", "select table_name")).fetchall()}
    assert {"log_var", "d_log_var", "is_prime_treasury_desk_before_2020"} <= found


def test_own_tables_are_shown_and_every_column_has_finite_coefficients(
    walk: Walk, shown: str, rows: pd.DataFrame
) -> None:
    assert {"Table 2 (a)", "Table 16", "Table 17 (a)", "Table 17 (b)"} <= set(
        re.findall(r"Table \d+(?: \([ab]\))?", shown)
    )
    estimates = pd.read_parquet(walk.output / "estimates.parquet")
    found = estimates[estimates["statistic"].isin(["coef", "se"])].groupby([*KEYS, "term"])["value"]
    for row in rows.itertuples():
        for term in row.regressors.split(";"):
            values = found.get_group((row.table, row.panel, row.column, term))
            assert len(values) == 2 and np.isfinite(values).all()
    counted = estimates[estimates["statistic"].eq("nobs") & estimates["table"].eq("16")].set_index("column")["value"]
    # VaR is there wherever its usage is; longer changes and shorter samples have fewer rows
    assert counted["2"] == counted["1"] > counted["3"] > counted["4"] > 0


def test_other_results_have_them_too(walk: Walk, shown: str) -> None:
    comparison = pd.read_csv(walk.output / "comparison.csv", dtype={"table": str})
    own = comparison[comparison["table"].isin(["16", "17"])]
    assert own["ours"].notna().all() and own["printed"].isna().all() and len(own) > 0
    for name in ("inference", "inference_summary"):
        assert {"16", "17"} <= set(pd.read_parquet(walk.output / f"{name}.parquet")["table"])


def test_tables_of_ours_alone_are_written(walk: Walk, shown: str) -> None:
    kinds = ("16.docx", "16.tex", "17.docx", "17.tex", "16_coefficients.svg", "17_coefficients.png")
    assert {f"table_{kind}" for kind in kinds} <= {path.name for path in (walk.output / "tables").iterdir()}


def test_report_has_them_under_their_labels(walk: Walk, shown: str) -> None:
    labels = yaml.safe_load(block("yaml", "# my.yml"))
    page = (walk.output / "report/index.html").read_text(encoding="utf-8")
    for table, meta in labels["tables"].items():
        assert meta["title"] in page
        as_csv, as_latex = (
            (walk.output / f"report/tables/table_{table}.{kind}").read_text(encoding="utf-8") for kind in ("csv", "tex")
        )
        assert labels["labels"]["log_limit_usage"] in as_csv
        assert meta["title"] in as_latex
    for label in ("Log of VaR on the day", "Prime desks, before 2020", "VaR held fixed"):
        assert label in page


def test_name_that_is_not_there_is_said_with_the_nearest(walk: Walk, in_its_folder: None) -> None:
    (walk.project / "misspelt.csv").write_text(ROWS.replace(";log_var,", ";log_vr,", 1), encoding="utf-8")

    places = ("--warehouse", str(walk.workspace.published), "--output", "elsewhere")
    finished = CliRunner().invoke(app, ["estimate", "--specifications", "misspelt.csv", "--table", "16", *places])

    assert finished.exit_code == 2
    assert finished.stderr.strip() == MISSPELT
    estimates = pd.read_parquet(walk.project / "elsewhere/estimates.parquet")
    assert set(estimates["column"]) == {"1", "3", "4"}


def test_python_returns_a_row_for_each_coefficient(in_its_folder: None) -> None:
    found: dict[str, pd.DataFrame] = {}
    exec(block("python", "import dealer_limits"), found)
    frame, alone = found["frame"], found["alone"]
    assert len(frame) == 5 + 3
    assert np.isfinite(frame[["coef", "se", "nobs"]]).all(axis=None)
    second = frame[(frame["table"] == "16") & (frame["column"] == "2")]
    assert list(alone["coef"]) == list(second["coef"])


def test_another_event_has_firm_days_and_in_the_pseudo_world_no_award(walk: Walk) -> None:
    with walk.workspace.connect() as connection:
        (awards,) = connection.execute("select count(*) from marts.fct_soma_award").fetchone()
        first, last, march = connection.execute(
            """
            select
                min(business_date),
                max(business_date),
                max(business_date) filter (march_1_x_log_limit_usage_lag <> 0)
            from observations.obs_dealer_day
            """
        ).fetchone()
    assert awards == 0
    assert [str(day) for day in (first, last, march)] == [
        EVENT[name] for name in ("event_start", "event_end", "march_last_day")
    ]


def test_build_without_awards_is_not_published_but_by_its_bounds(walk: Walk) -> None:
    with walk.workspace.connect() as connection:
        empty = [
            subject
            for (subject,) in connection.execute(
                "select subject from quality.qc_gates where gate = 'mart_empty' and measured = 1 order by subject"
            ).fetchall()
        ]
    assert GATE.startswith(f"mart_empty: {empty[0]}, the worst of {len(empty)}: ")
