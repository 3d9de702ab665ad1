"""Commands one after the other in one process, so that packages are imported once and nothing is worked out twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from rich.console import Console

from dealer_limits.estimation.display import new_table
from dealer_limits.history import History, line_of, new_id


@dataclass(frozen=True)
class Step:
    """A command by its name; `run` raises what ends the run."""

    name: str
    run: Callable[[], None]


def run_steps(steps: Iterable[Step], console: Console, history: History) -> None:
    """Run the steps in their order; once all are done, print the seconds of each, by the clock and of processors.

    Each goes into the history as it ends.
    """
    run = new_id()
    history.write("run started", run)
    clocks = (time.perf_counter, time.process_time)
    table = new_table("Run", "step", ("seconds", "of processors"))
    first = start = [clock() for clock in clocks]
    for step in steps:
        try:
            step.run()
        except BaseException as error:
            # what a command says in one line, typer has printed and made an exit of
            line = line_of(error.__context__ or error)
            seconds = round(time.perf_counter() - start[0], 1)
            history.write("step", run, step=step.name, seconds=seconds, outcome="failed", line=line)
            all_seconds = round(time.perf_counter() - first[0], 1)
            history.write("run ended", run, seconds=all_seconds, outcome=f"failed: {step.name}", line=line)
            raise
        end = [clock() for clock in clocks]
        history.write("step", run, step=step.name, seconds=round(end[0] - start[0], 1), outcome="done")
        table.add_row(step.name, *_differences(start, end))
        start = end
    table.add_row("all", *_differences(first, start))
    history.write("run ended", run, seconds=round(start[0] - first[0], 1), outcome="done")
    console.print(table)


def _differences(start: Iterable[float], end: Iterable[float]) -> list[str]:
    return [f"{after - before:.1f}" for before, after in zip(start, end, strict=True)]


def leave_dbt(build: Callable[[], None]) -> None:
    """Build, and close the database after it."""
    try:
        build()
    finally:
        close_database()


def close_database() -> None:
    """What dbt otherwise keeps open, with its memory, to the end of the process."""
    environment = DuckDBConnectionManager._ENV
    if environment is not None:
        environment.close()
    DuckDBConnectionManager.close_all_connections()
