"""Check the published warehouse against the suites, and report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.provenance import sentence_of
from dealer_limits.quality.report import extent, show_results, write_json, write_page
from dealer_limits.quality.suites import CRITICAL, Suite, load_suites
from dealer_limits.quality.validate import SuiteResult, validate, validate_all
from dealer_limits.variables import built_with
from dealer_limits.warehouse import identity, open_warehouse

# What a file was found to be before it was published, by what it keeps when it is renamed: what this process has
# judged it need not check again.
_judged: dict[tuple[int, ...], dict[str, SuiteResult]] = {}


def run_checks(warehouse: Path, output: Path, console: Console) -> bool:
    """Check a warehouse against all suites; True if no critical rule is violated.

    Prints a row per suite and a line per violated rule, and writes `quality/index.html` and
    `quality/results.json` to the folder `output`: rules and counts, never a value of a row. The same
    warehouse gives the same bytes.

    Raises DealerLimitsError where the warehouse, or a table or column that a suite reads, is missing.
    """
    folder = output / "quality"
    with open_warehouse(warehouse) as connection:
        suites = load_suites(built_with(connection))
        sentence = sentence_of(connection)
        _check_tables(connection, suites)
        # before the checks: what stands in the way is said at once
        folder.mkdir(parents=True, exist_ok=True)
        results = _judge(connection, warehouse, suites)
    write_json(folder / "results.json", results, sentence)
    write_page(folder / "index.html", results, sentence)
    show_results(console, results)
    console.print(f"every rule: {folder / 'index.html'}", highlight=False, soft_wrap=True)
    return not any(result.failed for result in results)


def refuse_violated(warehouse: Path, tolerated: float = 0) -> None:
    """Raise DealerLimitsError, in one line, where more critical rules than tolerated are violated."""
    with open_warehouse(warehouse) as connection:
        suites = [
            replace(suite, rules=critical)
            for suite in load_suites(built_with(connection))
            if (critical := tuple(rule for rule in suite.rules if rule.severity == CRITICAL))
        ]
        _check_tables(connection, suites)
        results = _judge(connection, warehouse, suites)
    _judged[identity(warehouse)] = {result.suite.name: result for result in results}
    violated = [(result, verdict) for result in results for verdict in result.failed]
    if len(violated) > tolerated:
        result, verdict = violated[0]
        raise DealerLimitsError(
            f"implausible: critical_rules: {result.suite.name}: {verdict.rule.meaning} violated by "
            f"{extent(result, verdict)}, the first of {len(violated)} rules; expected at most {tolerated:g} "
            f"(to publish all the same, --vars '{{gate_bounds: {{critical_rules: {len(violated)}}}}}')"
        )


def check_suite(connection: duckdb.DuckDBPyConnection, suite: Suite) -> SuiteResult:
    """Read what a suite checks, and check it."""
    return validate(suite, _answer(connection, suite, suite.query))


def _judge(connection: duckdb.DuckDBPyConnection, warehouse: Path, suites: Iterable[Suite]) -> list[SuiteResult]:
    """What becomes of each suite, of those that this process has judged already what became of them."""
    results = dict(_judged.get(identity(warehouse), {}))
    asked = list(suites)
    new = [suite for suite in asked if suite.name not in results or results[suite.name].suite != suite]
    checked = validate_all([(suite, _answer(connection, suite, suite.query)) for suite in new])
    results |= {result.suite.name: result for result in checked}
    return [results[suite.name] for suite in asked]


def _answer(connection: duckdb.DuckDBPyConnection, suite: Suite, query: str) -> pd.DataFrame:
    try:
        return connection.execute(query).df()
    except duckdb.BinderException as error:
        raise DealerLimitsError(f"{suite.table}: {str(error).splitlines()[0]}") from error
    except duckdb.Error as error:
        # what else goes wrong does so on values, which its message would show
        raise DealerLimitsError(f"{suite.table} cannot be read: {type(error).__name__}") from error


def _check_tables(connection: duckdb.DuckDBPyConnection, suites: Sequence[Suite]) -> None:
    """Raise DealerLimitsError for a table or column that a suite reads and the warehouse has not."""
    present = {
        f"{schema}.{name}"
        for schema, name in connection.execute(
            "select table_schema, table_name from information_schema.tables"
        ).fetchall()
    }
    for suite in suites:
        if suite.table not in present:
            raise DealerLimitsError(f"the warehouse has no table {suite.table}: run `dbt build` first")
    for suite in suites:
        # binds the columns and reads no row
        _answer(connection, suite, f"describe {suite.query}")
