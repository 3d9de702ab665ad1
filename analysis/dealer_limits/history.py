"""What happened to builds and runs, as JSON lines in the folder of the build file: counts, seconds and names, never a
value of a row.
 It is beside the warehouse that it is of, whatever becomes of dbt's logs, and its owner's alone to read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from dealer_limits.errors import MissingError, in_one_line
from dealer_limits.kept import ID_FORMAT

NAME = "history.jsonl"
SLOWEST = 10

# what the messages of failed nodes may be quoted with: they name columns and SQL, or say that they name nothing
_SAFE = re.compile(
    r"(Constraint Error: a key is repeated or a value is missing|IO Error: the disk is full"
    r"|(Catalog|Binder|Parser) Error: [^\n]*|\w+: its message may quote a value and is not shown)"
)


@dataclass(frozen=True)
class History:
    """The file; each line of it is one event, with the id of its build or run."""

    file: Path

    @classmethod
    def beside(cls, warehouse: Path) -> History:
        """The history of a published warehouse."""
        return cls(warehouse.parent / "build" / NAME)

    def write(self, event: str, build: str, **facts: Any) -> None:
        """Add a line. A full disk, which the build says itself, must not hide how it ended."""
        record = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, "id": build, **facts}
        line = json.dumps({name: value for name, value in record.items() if value not in (None, [], {})})
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
                handle.write(line + "\n")
        except OSError:
            return

    def read(self) -> list[dict[str, Any]]:
        """The events, in their order; a line that was cut short by a full disk is left out."""
        if not self.file.is_file():
            raise MissingError(f"there is no {self.file}: run `dealer-limits build` first")
        events = []
        for line in self.file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                events.append(json.loads(line))
            except ValueError:
                continue
        return events


def new_id() -> str:
    return datetime.now(UTC).strftime(ID_FORMAT)


def line_of(error: BaseException) -> str:
    """What a step ended with; of a fault of the program its kind alone, since its message may quote anything."""
    said = in_one_line(error) if isinstance(error, Exception) else None
    return said or type(error).__name__


def facts_of_nodes(results: Iterable[Any]) -> dict[str, Any]:
    """How many nodes ended in which way, which failed, hooks included, and the slowest ten."""
    results = list(results)
    nodes = [result for result in results if result.node.resource_type != "operation"]
    counts: dict[str, int] = {}
    for result in nodes:
        counts[str(result.status)] = counts.get(str(result.status), 0) + 1
    slowest = sorted(nodes, key=lambda result: -result.execution_time)[:SLOWEST]
    return {
        "nodes": counts,
        "failed_nodes": [
            {"node": result.node.name, "rows": result.failures, "why": why_failed(result.message)}
            for result in results
            if result.status in ("error", "fail", "runtime error")
        ],
        "slowest": [{"node": result.node.name, "seconds": round(result.execution_time, 2)} for result in slowest],
    }


def why_failed(message: object) -> str | None:
    """What a message of a failed node says of names; nothing of one that might quote a value."""
    found = _SAFE.search(str(message or ""))
    return found.group() if found else None


def facts_of_rows(build_file: Path, build: str) -> dict[str, Any]:
    """Of a build whose models are all built: rows by raw table, and the gates that warn or stop, by name."""
    try:
        with duckdb.connect(str(build_file), read_only=True) as connection:
            ((started_at, commit, world),) = connection.execute(
                "select started_at, project_commit, world from about.build"
            ).fetchall()
            if started_at.strftime(ID_FORMAT) != build:
                # of an earlier build: this one did not come so far
                return {}
            rows = connection.execute(
                "select source_table, sum(rows_read)::bigint, sum(rows_staged)::bigint, sum(rows_rejected)::bigint"
                " from quality.qc_row_counts group by source_table order by source_table"
            ).fetchall()
            gates = connection.execute(
                "select distinct verdict, gate from quality.qc_gates where verdict <> 'ok' order by all"
            ).fetchall()
    except (duckdb.Error, ValueError):
        return {}
    return {
        "commit": commit,
        "world": world,
        "rows": {
            table: {"read": read, "staged": staged, "rejected": rejected} for table, read, staged, rejected in rows
        },
        "warnings": [gate for verdict, gate in gates if verdict == "warning"],
        "stops": [gate for verdict, gate in gates if verdict == "stop"],
    }


def show_history(warehouse: Path, last: int, console: Console) -> None:
    """Print the last builds, runs and rollbacks as a table, and what each ended with below it."""
    entries = _ended(History.beside(warehouse).read())[-last:]
    table = Table("started, UTC", "what", "outcome", "seconds", "rows read", "rejected", "warnings")
    for entry in entries:
        rows = entry.get("rows", {}).values()
        table.add_row(
            entry["id"],
            entry["what"],
            entry.get("outcome", "running or killed"),
            f"{entry['seconds']:.0f}" if "seconds" in entry else "",
            *(str(sum(counts[name] for counts in rows)) if rows else "" for name in ("read", "rejected")),
            str(len(entry.get("warnings", []))) if rows else "",
        )
    console.print(table)
    for entry in entries:
        if line := entry.get("line"):
            console.print(f"{entry['id']}: {line}", markup=False, highlight=False, soft_wrap=True)
        for node in entry.get("failed_nodes", []):
            rows = f", {node['rows']} rows" if node.get("rows") else ""
            why = f": {node['why']}" if node.get("why") else ""
            console.print(f"  {node['node']}{rows}{why}", markup=False, highlight=False, soft_wrap=True)


def _ended(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry per build, run and rollback, with what is known of its end."""
    entries: dict[tuple[str, str, str], dict[str, Any]] = {}
    for event in events:
        match event.get("event"), event.get("id"):
            case ("build started" | "run started") as name, str(build):
                what = name.removesuffix(" started")
                entries[what, build, ""] = {**event, "what": what}
            case ("build ended" | "run ended") as name, str(build):
                what = name.removesuffix(" ended")
                entries.setdefault((what, build, ""), {}).update(event, what=what)
            case "rollback", str(build):
                entries["rollback", build, event["at"]] = {**event, "what": "rollback", "outcome": "put back"}
    return list(entries.values())
