"""The pseudo world and the warehouse that the integration tests share, written and built once.

`make test` runs the files of tests in two processes (pytest-xdist): each file in one of them, the longest
first, and what is built once is built by the process that needs it first while the other waits.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from dealer_limits.pseudo.world import DEFAULT_SEED, write_world
from other_forms import write_other_forms
from workspace import FailedBuild, SecondBuild, Workspace, digest

# enough for trades and operations of every kind; Treasury desks and the calendar are complete at any scale
SCALE = 0.02
# of the daily desk tables in `small_raw`
SMALL_ROWS = 200
# a build has staged some tables and not all marts when its file has this size
MIDWAY_BYTES = 8_000_000
SECONDS_TO_MIDWAY = 60

# files of tests that share a build which is not shared between processes run in one process
TOGETHER = {"test_determinism": "second build", "test_publish": "second build"}
# by measured processor time, so that both processes end together; the others follow as they are
LONGEST_FIRST = (
    "test_gates",
    "test_determinism",
    "test_publish",
    "test_bad_input",
    "test_variables",
    "test_mutations",
    "test_your_own_table",
    "test_hostile_inputs",
    "test_report",
    "test_montecarlo_whole_worlds",
    "test_quality_report",
    "test_confidential",
    "test_trace_layouts",
    "test_pseudo_montecarlo",
    "test_estimate_in_database",
    "test_matching_oracle",
    "test_quality_rules",
    "test_montecarlo_covariances",
    "test_cli",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        """Whole files in the order of collection, those of TOGETHER as one."""

        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return TOGETHER.get(Path(file).stem, file)

    # else: by number of tests
    config.option.loadscopereorder = False
    return Scheduling(config, log)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` of this run, which `make` fills once for all of its processes."""
    base = factory.getbasetemp()
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, made = run / name, run / f"{name}.made"
    with (run / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            make(folder)
            made.touch()
    return folder


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds raw/ and truth/."""
    return made_once(
        tmp_path_factory,
        "world",
        lambda folder: write_world(folder, DEFAULT_SEED, SCALE, lambda step: None),
    )


@pytest.fixture(scope="session")
def warehouse(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A complete build, published, with all unit tests."""

    def build(folder: Path) -> None:
        finished = Workspace(folder, world / "raw").run("dbt", "build", "--selector", "everything")
        assert finished.returncode == 0, finished.stdout + finished.stderr

    return Workspace(made_once(tmp_path_factory, "first_build", build), world / "raw")


@pytest.fixture(scope="session")
def small_raw(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw files of every source and format, few of each and with few rows."""

    def write(folder: Path) -> None:
        raw = folder / "raw"
        shutil.copytree(world / "raw", raw)
        for pattern, kept in {
            "fr_y9c/*.txt": 2,
            "trace/*.parquet": 1,
            "trace/*.psv": 1,
            "trace/*.txt": 1,
            "soma/*.json": 2,
        }.items():
            for file in sorted(raw.glob(pattern))[kept:]:
                file.unlink()
        for file in raw.glob("fr_vv1/*.parquet"):
            pq.write_table(pq.read_table(file).slice(0, SMALL_ROWS), file)

    return made_once(tmp_path_factory, "small", write) / "raw"


@pytest.fixture(scope="session")
def small_workspace(small_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """For runs of part of the project on variants of `small_raw`."""
    return Workspace(tmp_path_factory.mktemp("small_build"), small_raw)


@pytest.fixture(scope="session")
def second_workspace(world: Path, warehouse: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The rows of `warehouse` in other forms of files, and a published warehouse that says that it is old."""
    folder = tmp_path_factory.mktemp("second_build")
    workspace = Workspace(folder, folder / "elsewhere" / "raw")
    write_other_forms(warehouse.raw, workspace.raw)
    shutil.copytree(world / "truth", workspace.raw.parent / "truth")
    workspace.published.parent.mkdir()
    with duckdb.connect(workspace.published) as connection:
        connection.execute("create table main.last_good as select 1")
    return workspace


@pytest.fixture(scope="session")
def killed_build(second_workspace: Workspace) -> FailedBuild:
    """A build killed with SIGKILL while it writes."""
    before = digest(second_workspace.published)
    process = second_workspace.start("dealer-limits", "build")
    deadline = time.monotonic() + SECONDS_TO_MIDWAY
    while second_workspace.build_size < MIDWAY_BYTES and time.monotonic() < deadline:
        assert process.poll() is None, "the build ended before it could be killed"
        time.sleep(0.05)
    process.kill()
    _, stderr = process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert second_workspace.build_size >= MIDWAY_BYTES
    return FailedBuild(before, digest(second_workspace.published), second_workspace.beside_published, stderr)


@pytest.fixture(scope="session")
def failed_build(second_workspace: Workspace, killed_build: FailedBuild) -> FailedBuild:
    """A build that allows the matching one operation per CUSIP and day where there are more: a test fails."""
    before = digest(second_workspace.published)
    # what is parsed with other variables lies apart, so that the next build need not parse anew
    apart = ("--target-path", str(second_workspace.folder / "failed_target"))
    finished = second_workspace.run("dbt", "build", "--vars", "{most_awards_per_cusip_day: 1}", "--fail-fast", *apart)
    assert finished.returncode == 1
    return FailedBuild(before, digest(second_workspace.published), second_workspace.beside_published, finished.stdout)


@pytest.fixture(scope="session")
def second_build(second_workspace: Workspace, failed_build: FailedBuild) -> SecondBuild:
    """After a killed and a failed one, a build by one thread on the other side of the world."""
    old_rows = "select count(*) from main.last_good"
    with second_workspace.connect() as analyst:
        before = analyst.execute(old_rows).fetchone()[0]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", "Asia/Tokyo")
            finished = second_workspace.run("dbt", "--log-level", "none", "build", "--threads", "1")
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return SecondBuild(second_workspace, before, analyst.execute(old_rows).fetchone()[0])
