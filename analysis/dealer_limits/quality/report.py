"""What the checks found: a table on the terminal, a JSON file and a page. Rules and counts, never a value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from rich.console import Console
from rich.markup import escape

from dealer_limits.estimation.display import new_table
from dealer_limits.quality.validate import SuiteResult, Verdict


def show_results(console: Console, results: Sequence[SuiteResult]) -> None:
    """Print a row per suite, and a line per violated rule."""
    table = new_table("Data quality", "suite", ("expectations", "failed", "warned", "rows"))
    for result in results:
        table.add_row(
            result.suite.name,
            str(len(result.verdicts)),
            f"[red]{len(result.failed)}[/]" if result.failed else "0",
            f"[yellow]{len(result.warned)}[/]" if result.warned else "0",
            f"{result.rows:,}",
        )
    console.print(table)
    for label, colour, name in (("failed", "red", "failed"), ("warning", "yellow", "warned")):
        for result in results:
            for verdict in getattr(result, name):
                console.print(
                    f"[{colour}]{label}[/] {escape(result.suite.name)}: {escape(verdict.rule.meaning)} "
                    f"({extent(result, verdict)})",
                    highlight=False,
                )


def extent(result: SuiteResult, verdict: Verdict) -> str:
    """How much of what was checked violates a rule, in words."""
    if verdict.violating is None:
        return f"{verdict.checked:,} {result.suite.unit}"
    return f"{verdict.violating:,} of {verdict.checked:,} {result.suite.unit}"


def write_json(path: Path, results: Sequence[SuiteResult], sentence: str, unchecked: str = "") -> None:
    """Write every suite, rule and count; of pseudo data also the sentence that says so, and what is not checked."""
    said = {"pseudo_data": sentence, "unchecked": unchecked}
    record = {name: text for name, text in said.items() if text} | {
        "passed": not any(result.failed for result in results),
        "suites": [_suite_record(result) for result in results],
    }
    path.write_text(json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def write_page(path: Path, results: Sequence[SuiteResult], sentence: str, unchecked: str = "") -> None:
    """Write a page that stands alone: style within, no scripts, nothing fetched; what is to be said is on its top."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = files(__package__).joinpath("page.html.j2").read_text(encoding="utf-8")
    template = environment.from_string(source)
    path.write_text(
        template.render(
            sentences=[text for text in (sentence, unchecked) if text],
            results=results,
            layers=list(dict.fromkeys(result.suite.table.partition(".")[0] for result in results)),
            rule_count=sum(len(result.verdicts) for result in results),
            failed=[(result, verdict) for result in results for verdict in result.failed],
            warned=[(result, verdict) for result in results for verdict in result.warned],
            extent=extent,
        ),
        encoding="utf-8",
    )


def _suite_record(result: SuiteResult) -> dict[str, Any]:
    return {
        "suite": result.suite.name,
        "table": result.suite.table,
        "query": result.suite.query,
        "unit": result.suite.unit,
        "units": result.units,
        "rows": result.rows,
        "rules": [
            {
                "meaning": verdict.rule.meaning,
                "expectation": verdict.rule.expectation,
                "arguments": verdict.rule.arguments,
                "severity": verdict.rule.severity,
                "checked": verdict.checked,
                "violating": verdict.violating,
                "passed": verdict.passed,
            }
            for verdict in result.verdicts
        ],
    }
