"""`dealer-limits build`: `dbt build` with a progress bar, one line for each failure and clean exit codes."""

from __future__ import annotations

import errno
import json
import os
import re
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dbt.tracking
from dbt.cli.main import dbtRunner, dbtRunnerResult
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dealer_limits.errors import DealerLimitsError, in_one_line
from dealer_limits.history import History, facts_of_nodes, facts_of_rows, new_id
from dealer_limits.kept import ID_FORMAT
from dealer_limits.loads import Load, current, plan_load
from dealer_limits.sources.ledger import Ledger
from dealer_limits.steps import close_database
from dealer_limits.variables import in_effect, read_variables
from dealer_limits.warehouse import open_build_of

_REFUSAL = re.compile(r"(bad input|implausible): .*")
DISK_IS_FULL = "IO Error: the disk is full"
_FAILURES = ("error", "fail", "runtime error")


def build_warehouse(
    console: Console,
    arguments: Sequence[str] = (),
    variables: str | None = None,
    is_full: bool = True,
    trusts_times: bool = True,
    target: str = "duckdb",
) -> None:
    """Build, test and publish the warehouse from the raw files that RAW_DATA names.

    `variables` is the text of `--vars`. `is_full`: all is built; else what follows from the files that changed
    since the last build, where that can be told. `trusts_times`: files of the same size and time are taken to
    be the same; else each is read. `target`: the engine that makes the tables.

    Raises DealerLimitsError, with one line, for what is no variable, for input that cannot be read and for
    models or tests that fail: the published warehouse stays as it was. Messages of the engine are neither
    printed nor logged: they may quote raw values.
    """
    arguments = [*arguments, *_of_target(target)]
    history = History.beside(_published())
    build = new_id()
    start = time.perf_counter()
    project = Path(os.environ.get("DBT_PROJECT_DIR", ""))
    given: dict[str, Any] = {}
    try:
        if variables is not None:
            given = read_variables(variables, project)
            arguments = [*arguments, "--vars", json.dumps(given)]
        load = _load(is_full, trusts_times, in_effect(given, project), target)
    except DealerLimitsError as error:
        seconds = round(time.perf_counter() - start, 1)
        history.write("build ended", build, seconds=seconds, outcome="refused", line=str(error))
        raise
    if not is_full:
        console.print(load.in_words, markup=False, highlight=False, soft_wrap=True)
    if not load.is_full and not load.tables:
        history.write("build ended", build, seconds=round(time.perf_counter() - start, 1), outcome="up to date")
        return
    if not load.is_full:
        # what dbt writes of the whole project takes longer than many a model
        left_out = ("--exclude-resource-type", "unit_test", "--no-write-json")
        arguments = [*arguments, *left_out, "--select", *(f"source:{table}+" for table in load.tables)]
    said: list[str] = []

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=False,
    ) as progress:
        task = progress.add_task("dbt build", total=None)

        def watch(event: Any) -> None:
            nonlocal build
            if event.info.name == "MainReportVersion":
                # as about.build has it
                build = dbt.tracking.active_user.run_started_at.strftime(ID_FORMAT)
                history.write("build started", build, project=version("dealer-limits"))
            elif event.info.name == "JinjaLogInfo":
                said.append(event.info.msg)
            elif event.info.name == "LogStartLine":
                progress.update(task, total=event.data.total)
            elif event.info.name == "NodeFinished" and event.data.node_info.resource_type != "operation":
                progress.advance(task)

        current.load = load
        try:
            result = dbtRunner(callbacks=[watch]).invoke(["--log-level", "none", "build", *arguments])
        finally:
            current.load = Load()
    close_database()

    for line in said:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    results = getattr(result.result, "results", [])
    facts = facts_of_nodes(results)
    for node in results:
        if node.status in _FAILURES:
            console.print(f"{node.node.name}: {node.status}", markup=False)
    outcome, line = _ending(result, facts, said)
    history.write(
        "build ended",
        build,
        seconds=round(time.perf_counter() - start, 1),
        outcome=outcome,
        line=line,
        **facts,
        **facts_of_rows(_published().parent / "build" / _published().name, build),
    )
    if outcome in ("refused", "failed"):
        raise DealerLimitsError(line)


def _ending(result: dbtRunnerResult, facts: dict[str, Any], said: Sequence[str]) -> tuple[str, str | None]:
    """How a build ended, and the line that says why it is not published."""
    failed = facts["failed_nodes"]
    full = (DISK_IS_FULL, os.strerror(errno.ENOSPC))
    if any(said in str(message) for said in full for message in (result.exception, *(node["why"] for node in failed))):
        return "failed", "the disk is full: the published warehouse stays as it was"
    if result.exception is not None:
        return "refused", _one_line(result.exception)
    if failed or not result.success:
        return "failed", f"{len(failed)} models or tests failed; `dbt build --select <name>` says why"
    if any(line.startswith("Published ") for line in said):
        return "published", None
    return "not published", next((line for line in said if line.startswith("Part of the project built")), None)


def _load(is_full: bool, trusts_times: bool, variables: dict[str, Any], target: str) -> Load:
    """What the build has to do. Raw files are looked at for it, which bad input does not survive."""
    why_full = "it was asked for" if is_full else ""
    if why_full and trusts_times:
        return Load(why_full)
    build_file = _published().parent / "build" / _published().name
    ledger = Ledger(build_file.parent, trusts_times=trusts_times)
    try:
        if why_full:
            ledger.inspect(ledger.contracts)
            return Load(why_full)
        load = plan_load(build_file, ledger, variables, target)
        if target == "spark" and not (_published().parent / "spark").is_dir():
            return Load("the tables of Spark are gone")
        return load if load.is_full or load.tables or _is_of_build() else Load("the published file is of another one")
    finally:
        ledger.remove_copies()


def _of_target(target: str) -> list[str]:
    """What tells dbt of a target; raises DealerLimitsError where it is none or its packages are not there."""
    if target == "duckdb":
        return []
    if target != "spark":
        raise DealerLimitsError(f"there is no target {target}: expected duckdb or spark")
    try:
        from dealer_limits.spark import use_spark
    except ImportError:
        raise DealerLimitsError("Spark is not in this environment: `make setup-spark` makes one that has it") from None
    use_spark()
    return ["--target", target]


def _is_of_build() -> bool:
    """Whether what is published is what the build file holds: none may be there, or one that was put back."""
    if not _published().is_file():
        return False
    with open_build_of(_published()) as build:
        return build is not None


def _published() -> Path:
    return Path(os.environ.get("WAREHOUSE_DIR", "warehouse")) / "dealer_limits.duckdb"


def _one_line(error: BaseException) -> str:
    if refusal := _REFUSAL.search(str(error)):
        return refusal.group()
    if isinstance(error, OSError):
        return in_one_line(error)
    # of dbt's errors the first line says only of which kind they are
    first, *others = (line.strip() for line in str(error).strip().splitlines())
    return others[0] if others and first.endswith("Error") else first
