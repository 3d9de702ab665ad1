"""Commands one after the other in one process, so that packages are imported once and nothing is worked out twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import chdir
from dataclasses import dataclass

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from rich.console import Console

from dealer_limits.estimation.display import new_table


@dataclass(frozen=True)
class Step:
    """A command by its name; `run` raises what ends the run."""

    name: str
    run: Callable[[], None]


def run_steps(steps: Iterable[Step], console: Console) -> None:
    """Run the steps in their order, and print the seconds of each once all are done."""
    seconds = {}
    for step in steps:
        start = time.perf_counter()
        step.run()
        seconds[step.name] = time.perf_counter() - start
    table = new_table("Run", "step", ("seconds",))
    for name, each in seconds.items():
        table.add_row(name, f"{each:.1f}")
    table.add_row("all", f"{sum(seconds.values()):.1f}")
    console.print(table)


def leave_dbt(build: Callable[[], None]) -> None:
    """Build, and undo what dbt otherwise leaves to the end of its process: its folder, and its open database."""
    try:
        with chdir("."):
            build()
    finally:
        environment = DuckDBConnectionManager._ENV
        if environment is not None:
            environment.close()
        DuckDBConnectionManager.close_all_connections()
