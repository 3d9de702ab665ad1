"""A folder of its own for a build, so that no test writes into the checkout's."""

from __future__ import annotations

import fcntl
import hashlib
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner as ClickRunner
from dbt.cli.main import cli as dbt_cli
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from rich.console import Console
from typer.testing import CliRunner

from dealer_limits import build
from dealer_limits.cli import app
from dealer_limits.publish import publish
from dealer_limits.sources.ledger import Ledger
from dealer_limits.steps import close_database

ROOT = Path(__file__).resolve().parents[2]

# what dbt has parsed of the checkout, kept between runs: it parses again what has changed
_PARSED = ROOT / ".pytest_cache" / "dbt"
# variables that no file is parsed with
_READ_WHEN_RUN = {"gate_bounds", "most_awards_per_cusip_day"}

# of a copy of the project
_COPIED = (
    "dbt_project.yml",
    "profiles.yml",
    "selectors.yml",
    "models",
    "macros",
    "seeds",
    "tests",
    "docs",
    "README.md",
    "analysis",
)


def copy_project(folder: Path) -> Path:
    """A copy of the project, to be edited."""
    folder.mkdir(parents=True)
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("python", "__pycache__"))
        else:
            shutil.copy(ROOT / name, folder)
    return folder


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file that this process writes may grow beyond `size` bytes, as at the end of a disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@cache
def parsed_checkout() -> Manifest:
    """What dbt makes of the project as it is, for all builds of this process that set no variable."""
    _PARSED.mkdir(parents=True, exist_ok=True)
    with (_PARSED / "lock").open("w") as lock:
        # the other process of the tests finds it parsed
        fcntl.flock(lock, fcntl.LOCK_EX)
        workspace = Workspace(_PARSED, _PARSED)
        with workspace._as_environment():
            parsed = dbtRunner().invoke(["--log-level", "none", "--no-write-json", "parse"])
    assert parsed.success, parsed.exception
    return parsed.result


@cache
def contract_columns(project: Path = ROOT) -> dict[str, tuple[str, ...]]:
    """The columns of the observation models of a project, from their contracts."""
    models = (
        model
        for path in sorted((project / "models/observations").glob("*.yml"))
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    )
    return {model["name"]: tuple(column["name"] for column in model["columns"]) for model in models}


@dataclass(frozen=True)
class Workspace:
    """Raw files `raw` (of SOMA, `soma`, if given), and in `folder` all that a build of them writes."""

    folder: Path
    raw: Path
    project: Path = ROOT
    soma: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What the dbt project and dbt read from the environment."""
        return {
            "RAW_DATA": str(self.raw),
            "WAREHOUSE_DIR": str(self.folder / "warehouse"),
            "DBT_TARGET_PATH": str(self.folder / "target"),
            "DBT_LOG_PATH": str(self.folder / "logs"),
            "DBT_PROJECT_DIR": str(self.project),
            "DBT_PROFILES_DIR": str(self.project),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        } | ({"RAW_DATA_SOMA": str(self.soma)} if self.soma else {})

    @property
    def published(self) -> Path:
        return self.folder / "warehouse" / "dealer_limits.duckdb"

    @property
    def build_file(self) -> Path:
        return self.folder / "warehouse" / "build" / "dealer_limits.duckdb"

    @property
    def beside_published(self) -> set[str]:
        """Names in the folder of the published warehouse."""
        return {path.name for path in self.published.parent.iterdir()}

    @property
    def build_size(self) -> int:
        """Bytes of the unfinished warehouse with its write-ahead log."""
        return sum(path.stat().st_size for path in self.build_file.parent.glob(f"{self.build_file.name}*"))

    def with_raw(self, raw: Path) -> Workspace:
        """The same workspace over other raw files: dbt has parsed the project already."""
        return replace(self, raw=raw)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """`dealer-limits` or `dbt`, as a user starts it in the project's folder."""
        program, *arguments = command
        return subprocess.Popen(
            [Path(sys.executable).with_name(program), *arguments],
            cwd=self.project,
            env=_without_raw_data(os.environ) | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start_parsed(self, *command: str) -> subprocess.Popen[str]:
        """`run_here` in a process of its own: what has a process, a zone or an end of its own need not parse again."""
        here = (str(Path(__file__)), str(self.folder), str(self.raw))
        return subprocess.Popen(
            [sys.executable, *here, *command],
            env=_without_raw_data(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*command)
        stdout, stderr = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)

    def dbt(self, *arguments: str) -> dbtRunnerResult:
        """dbt in this process: quicker than a process of its own."""
        with self._as_environment():
            return self._runner(arguments).invoke(["--log-level", "none", *arguments])

    def build(self, *arguments: str) -> None:
        """`dealer-limits build` in this process, of a part; raises what it shows on standard error."""
        with self._as_environment(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(build, "dbtRunner", lambda **options: self._runner(("build", *arguments), **options))
            build.build_warehouse(Console(quiet=True), arguments)

    def run_here(self, *command: str) -> subprocess.CompletedProcess[str]:
        """As `run`, in this process: what takes long there is to import packages and to parse.

        What dbt says once its process ends is not there.
        """
        program, *arguments = command
        with self._as_environment(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(build, "dbtRunner", lambda **options: self._runner(("build", *arguments), **options))
            if program == "dbt":
                parsed = {"manifest": parsed_checkout(), "callbacks": [], "dbt_runner_command_args": arguments}
                shown = ClickRunner().invoke(dbt_cli, arguments, obj=parsed)
            else:
                shown = CliRunner().invoke(app, arguments)
        if shown.exception is not None and not isinstance(shown.exception, SystemExit):
            raise shown.exception
        return subprocess.CompletedProcess(command, shown.exit_code, shown.stdout, shown.stderr)

    def _runner(self, arguments: Sequence[str], **options: Any) -> dbtRunner:
        """A runner that need not parse the checkout; a whole build with other variables does, as a user's."""
        is_whole = arguments[0] == "build" and "--select" not in arguments
        given = yaml.safe_load(arguments[arguments.index("--vars") + 1]) if "--vars" in arguments else {}
        is_parsed = self.project == ROOT and not (is_whole and given.keys() - _READ_WHEN_RUN)
        return dbtRunner(manifest=parsed_checkout() if is_parsed else None, **options)

    def inspect(self, source: str = "") -> Ledger:
        """The check of the raw files alone, of one source or all; raises what a build would show."""
        ledger = Ledger(self.build_file.parent, self.environment)
        ledger.inspect(name for name in ledger.contracts if name.startswith(source))
        return ledger

    def connect(self) -> duckdb.DuckDBPyConnection:
        """The published warehouse, as an analyst opens it."""
        return duckdb.connect(self.published, read_only=True)

    def connect_unpublished(self) -> duckdb.DuckDBPyConnection:
        """What the last run built, published or not: all schemas."""
        return duckdb.connect(self.build_file, read_only=True)

    @contextmanager
    def _as_environment(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in os.environ.keys() - _without_raw_data(os.environ).keys():
                patch.delenv(name)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            # which takes long, and hardly any test reads it
            patch.setenv("DBT_WRITE_JSON", "false")
            # dbt changes to the folder of its project
            patch.chdir(self.project)
            yield
        close_database()


@dataclass(frozen=True)
class FailedBuild:
    """A published warehouse before and after a build that failed, and what the build left beside it."""

    digest_before: str
    digest_after: str
    left: set[str]
    output: str


@dataclass(frozen=True)
class SecondBuild:
    """A build made while an analyst had the warehouse before it open."""

    workspace: Workspace
    old_rows_before: int
    old_rows_after: int


def publish_file(
    build_file: Path, schemas: Sequence[str] = ("about",), judge: Callable[[Path], None] = lambda incoming: None
) -> str:
    """`publish` of a file of a build that nobody has open."""
    with duckdb.connect(build_file) as build:
        return publish(build, schemas, judge)


def failed_nodes(finished: dbtRunnerResult) -> list[str]:
    """Names of the models and tests that failed in a run of dbt."""
    return [result.node.name for result in finished.result.results if result.status in ("error", "fail")]


def _without_raw_data(environment: Mapping[str, str]) -> dict[str, str]:
    """Without RAW_DATA, RAW_DATA_SOMA, TRUTH_DATA and the like, which would mix other data in."""
    return {name: value for name, value in environment.items() if not name.startswith(("RAW_DATA", "TRUTH_DATA"))}


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    folder, raw, *command = sys.argv[1:]
    # what the program is called, which says what comes last
    sys.argv[:] = command
    finished = Workspace(Path(folder), Path(raw)).run_here(*command)
    sys.stdout.write(finished.stdout)
    sys.stderr.write(finished.stderr)
    sys.exit(finished.returncode)
