"""`dealer-limits build`: `dbt build` with a progress bar, one line for each failure and clean exit codes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dealer_limits.errors import DealerLimitsError, in_one_line
from dealer_limits.variables import read_variables

_REFUSAL = re.compile(r"(bad input|implausible): .*")
_FAILURES = ("error", "fail", "runtime error")


def build_warehouse(console: Console, arguments: Sequence[str] = (), variables: str | None = None) -> None:
    """Build, test and publish the warehouse from the raw files that RAW_DATA names.

    `variables` is the text of `--vars`. Raises DealerLimitsError, with one line, for what is no variable, for
    input that cannot be read and for models or tests that fail: the published warehouse stays as it was.
    Messages of the engine are neither printed nor logged: they may quote raw values.
    """
    if variables is not None:
        given = read_variables(variables, Path(os.environ.get("DBT_PROJECT_DIR", "")))
        arguments = [*arguments, "--vars", json.dumps(given)]

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
            if event.info.name == "JinjaLogInfo":
                said.append(event.info.msg)
            elif event.info.name == "LogStartLine":
                progress.update(task, total=event.data.total)
            elif event.info.name == "NodeFinished" and event.data.node_info.resource_type != "operation":
                progress.advance(task)

        result = dbtRunner(callbacks=[watch]).invoke(["--log-level", "none", "build", *arguments])

    for line in said:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if result.exception is not None:
        raise DealerLimitsError(_one_line(result.exception))
    failed = [node for node in result.result.results if node.status in _FAILURES]
    for node in failed:
        console.print(f"{node.node.name}: {node.status}", markup=False)
    if failed or not result.success:
        raise DealerLimitsError(f"{len(failed)} models or tests failed; `dbt build --select <name>` says why")


def _one_line(error: BaseException) -> str:
    if refusal := _REFUSAL.search(str(error)):
        return refusal.group()
    if isinstance(error, OSError):
        return in_one_line(error)
    # of dbt's errors the first line says only of which kind they are
    first, *others = (line.strip() for line in str(error).strip().splitlines())
    return others[0] if others and first.endswith("Error") else first
