"""The pseudo world and the warehouse that the integration tests share, written and built once.

`make test` runs the files of tests in two processes (pytest-xdist): each file in one of them, the longest
first, and what is built once is built by the process that needs it first while the other waits.
"""

from __future__ import annotations

import fcntl
import gc
import hashlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from dealer_limits.pseudo.world import DEFAULT_SEED, write_world
from gate_worlds import (
    Judged,
    break_desks,
    break_trades,
    judge,
    odd_desks,
    odd_trades,
    plant_sentinel,
    write_base,
)
from other_forms import write_other_forms
from workspace import ROOT, FailedBuild, SecondBuild, Workspace, digest, failed_nodes

# what dbt makes of a project is large and lives long: looking for cycles in it, over and over, takes a tenth of a build
gc.set_threshold(100_000, 20, 50)

# enough for trades and operations of every kind; Treasury desks and the calendar are complete at any scale
SCALE = 0.02
# of the daily desk tables in `small_raw`
SMALL_ROWS = 200
# a build has staged some tables and not all marts when its file has this size
MIDWAY_BYTES = 8_000_000
SECONDS_TO_MIDWAY = 240

# what the pseudo world hangs on, and what a build of it hangs on beside
PSEUDO = (
    *("analysis/dealer_limits/pseudo/**/*", "analysis/dealer_limits/*.py", "dbt_project.yml"),
    *("seeds/bond_market_holidays.csv", "requirements.lock", "tests/python/conftest.py"),
)
PROJECT = (
    *("analysis/dealer_limits/**/*", "models/**/*", "macros/**/*", "seeds/*", "tests/*.sql", "tests/generic/*"),
    *("profiles.yml", "selectors.yml", "tests/python/workspace.py"),
)

# files of tests that share what is not shared between processes run in one process
TOGETHER = {
    **dict.fromkeys(("test_determinism", "test_publish"), "second build"),
    **dict.fromkeys(("test_gates", "test_history"), "gates"),
    **dict.fromkeys(("test_report", "test_report_inference"), "reports"),
    **dict.fromkeys(("test_matching_oracle", "test_matching_adversarial"), "matching"),
}
# by measured processor time, so that both processes end together; the others follow as they are
LONGEST_FIRST = (
    "test_gates",
    "test_determinism",
    "test_publish",
    "test_history",
    "test_your_own_table",
    "test_variables",
    "test_mutations",
    "test_bad_input",
    "test_hostile_inputs",
    "test_report",
    "test_report_inference",
    "test_steps",
    "test_confidential",
    "test_disclosure",
    "test_estimate_in_database",
    "test_estimate_engines",
    "test_montecarlo_whole_worlds",
    "test_quality_report",
    "test_matching_oracle",
    "test_matching_adversarial",
    "test_trace_layouts",
    "test_pseudo_montecarlo",
    "test_quality_rules",
    "test_pseudo_trades",
    "test_montecarlo_covariances",
    "test_trace_messages",
    "test_pseudo_desks",
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
    return _made(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base, name, make)


def kept(name: str, content: Iterable[str], make: Callable[[Path], None]) -> Path:
    """A folder that `make` fills once for all runs in which these files of the project hold the same."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in content for path in ROOT.glob(pattern)):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    base = ROOT / ".pytest_cache" / "kept"
    base.mkdir(parents=True, exist_ok=True)
    folder = f"{name}-{digest.hexdigest()[:16]}"
    for other in base.glob(f"{name}-*"):
        if not other.name.startswith(folder):
            # the other process of the tests may be at it too
            shutil.rmtree(other, ignore_errors=True) if other.is_dir() else other.unlink(missing_ok=True)
    return _made(base, folder, make)


def _made(base: Path, name: str, make: Callable[[Path], None]) -> Path:
    folder, made = base / name, base / f"{name}.made"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            make(folder)
            made.touch()
    return folder


@pytest.fixture(scope="session")
def world() -> Path:
    """The folder that holds raw/ and truth/."""
    return kept("world", PSEUDO, lambda folder: write_world(folder, DEFAULT_SEED, SCALE, lambda step: None))


@pytest.fixture(scope="session")
def warehouse(world: Path) -> Workspace:
    """A complete build, published, with all unit tests."""

    def build(folder: Path) -> None:
        finished = Workspace(folder, world / "raw").dbt("build", "--selector", "everything", "--write-json")
        assert finished.success, failed_nodes(finished)

    return Workspace(kept("warehouse", (*PSEUDO, *PROJECT), build), world / "raw")


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
def gate_base(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw files of fewer days, to be copied by who changes them."""
    return made_once(tmp_path_factory, "gate_base", lambda folder: write_base(world, folder / "raw")) / "raw"


@pytest.fixture(scope="session")
def good_build(gate_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """A whole build by the command, of raw data with oddities and planted values: the last good one of what comes."""
    folder = tmp_path_factory.mktemp("gates")
    raw = folder / "raw"
    shutil.copytree(gate_base, raw)
    odd_desks(raw)
    odd_trades(raw)
    plant_sentinel(raw)
    return judge(Workspace(folder, raw))


@pytest.fixture(scope="session")
def claimed(good_build: Judged, gate_base: Path) -> dict[str, tuple[str, str, str]]:
    """What must stop each claim; all that is implausible comes in the folder of the last good build."""
    raw = good_build.workspace.raw
    shutil.rmtree(raw)
    shutil.copytree(gate_base, raw)
    plant_sentinel(raw)
    return break_trades(raw) | break_desks(raw)


@pytest.fixture(scope="session")
def bad_build(good_build: Judged, claimed: dict[str, tuple[str, str, str]]) -> Judged:
    """A build of all that, which is not published."""
    return judge(good_build.workspace)


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
    process = second_workspace.start_parsed("dealer-limits", "build")
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
    finished = second_workspace.dbt("build", "--fail-fast", "--vars", "{most_awards_per_cusip_day: 1}")
    assert not finished.success and finished.exception is None
    output = " ".join(failed_nodes(finished))
    return FailedBuild(before, digest(second_workspace.published), second_workspace.beside_published, output)


@pytest.fixture(scope="session")
def second_build(second_workspace: Workspace, failed_build: FailedBuild) -> SecondBuild:
    """After a killed and a failed one, a build by one thread on the other side of the world."""
    old_rows = "select count(*) from main.last_good"
    with second_workspace.connect() as analyst:
        before = analyst.execute(old_rows).fetchone()[0]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", "Asia/Tokyo")
            process = second_workspace.start_parsed("dbt", "--log-level", "none", "build", "--threads", "1")
            stdout, stderr = process.communicate()
        assert process.returncode == 0, stdout + stderr
        return SecondBuild(second_workspace, before, analyst.execute(old_rows).fetchone()[0])
