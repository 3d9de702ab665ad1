"""Check the published warehouse against the suites, and report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.provenance import sentence_of
from dealer_limits.quality.ahead import validate_beside
from dealer_limits.quality.report import extent, show_results, write_json, write_page
from dealer_limits.quality.suites import CRITICAL, ROW_COUNT, Suite, load_suites
from dealer_limits.quality.validate import SuiteResult, validate
from dealer_limits.variables import WORDS, built_with
from dealer_limits.warehouse import identity, open_build_of, open_warehouse

# a suite, and what has the table that it reads
Placed = tuple[Suite, duckdb.DuckDBPyConnection]

# What a file was found to be before it was published, by what it keeps when it is renamed: what this process has
# judged it need not check again.
_judged: dict[tuple[int, ...], dict[str, SuiteResult]] = {}


def run_checks(warehouse: Path, output: Path, console: Console) -> bool:
    """Check a warehouse against all suites; True if no critical rule is violated.

    Suites over what is not published are checked in the file of the build, while it is of this build; else one line
    says which are not. Prints a row per suite and a line per violated rule, and writes `quality/index.html` and
    `quality/results.json` to the folder `output`: rules and counts, never a value of a row. The same warehouse
    gives the same bytes.

    Raises DealerLimitsError where the warehouse, or a table or column that a suite reads, is missing.
    """
    folder = output / "quality"
    with open_warehouse(warehouse) as published, open_build_of(warehouse) as build:
        suites = load_suites(built_with(published))
        sentence = sentence_of(published)
        placed = _place(suites, published, build)
        _check_tables(placed)
        # before the checks: what stands in the way is said at once
        folder.mkdir(parents=True, exist_ok=True)
        results = _judge(warehouse, placed)
    unchecked = _unchecked(suites, results)
    write_json(folder / "results.json", results, sentence, unchecked)
    write_page(folder / "index.html", results, sentence, unchecked)
    show_results(console, results)
    if unchecked:
        console.print(unchecked, highlight=False, soft_wrap=True)
    console.print(f"every rule: {folder / 'index.html'}", highlight=False, soft_wrap=True)
    return not any(result.failed for result in results)


def _unchecked(suites: Sequence[Suite], results: Sequence[SuiteResult]) -> str:
    """What is not checked, in words; empty where all is."""
    left = len(suites) - len(results)
    if not left:
        return ""
    return f"Not checked: {left} suites over what is not published: the file of this build is not beside, or is in use."


def refuse_violated(
    build: duckdb.DuckDBPyConnection,
    tolerated: float = 0,
    changed: Mapping[str, str] | None = None,
    unchanged: Collection[str] = (),
) -> list[SuiteResult]:
    """Raise DealerLimitsError, in one line, where more critical rules than tolerated are violated.

    `build` is what is about to be published, with all its tables. `changed`: of staged tables that a load changed,
    what has the files that did; rows of others were judged before. `unchanged`: tables that a load left as they were
    published, judged then; where some violations are tolerated, all count again. Returns what became of each suite.
    """
    placed = [
        (replace(suite, rules=critical), build)
        for suite in (_of_changed_files(suite, changed or {}) for suite in load_suites(built_with(build)))
        if (tolerated or suite.table not in unchanged)
        and (critical := tuple(rule for rule in suite.rules if rule.severity == CRITICAL))
    ]
    _check_tables(placed)
    results = _validate(placed)
    violated = [(result, verdict) for result in results for verdict in result.failed]
    if len(violated) > tolerated:
        result, verdict = violated[0]
        raise DealerLimitsError(
            f"implausible: critical_rules: {result.suite.name}: {verdict.rule.meaning} violated by "
            f"{extent(result, verdict)}, the first of {len(violated)} rules; expected at most {tolerated:g} "
            f"(to publish all the same, --vars '{{gate_bounds: {{critical_rules: {len(violated)}}}}}')"
        )
    return results


def remember(warehouse: Path, results: Sequence[SuiteResult]) -> None:
    """Note of a file that is about to be published what `refuse_violated` found of the build that it is copied from."""
    _judged[identity(warehouse)] = {result.suite.name: result for result in results}


def check_suite(connection: duckdb.DuckDBPyConnection, suite: Suite) -> SuiteResult:
    """Read what a suite checks, and check it."""
    return validate(suite, _answer(connection, suite, suite.query))


def _of_changed_files(suite: Suite, changed: Mapping[str, str]) -> Suite:
    """What a contract says, asked of the rows of files that changed; there may be none left."""
    if suite.table not in changed or not suite.is_of_contract:
        return suite
    rules = tuple(rule for rule in suite.rules if ROW_COUNT not in rule.columns)
    return replace(suite, rules=rules, where=f"raw_file in (select raw_file from {changed[suite.table]})")


def _place(
    suites: Iterable[Suite],
    published: duckdb.DuckDBPyConnection,
    build: duckdb.DuckDBPyConnection | None,
) -> list[Placed]:
    """Suites with what has the tables that they read; those that are in neither are left out."""
    # a file that an earlier version published has them all
    schemas = built_with(published).get("published_schemas", WORDS["published_schemas"])
    placed = ((suite, published if suite.table.split(".")[0] in schemas else build) for suite in suites)
    return [(suite, connection) for suite, connection in placed if connection]


def _judge(warehouse: Path, placed: Sequence[Placed]) -> list[SuiteResult]:
    """What becomes of each suite, of those that this process has judged already what became of them."""
    results = dict(_judged.get(identity(warehouse), {}))
    new = [pair for pair in placed if pair[0].name not in results or results[pair[0].name].suite != pair[0]]
    results |= {result.suite.name: result for result in _validate(new)}
    return [results[suite.name] for suite, _ in placed]


def _validate(placed: Sequence[Placed]) -> list[SuiteResult]:
    return validate_beside([(suite, _answer(connection, suite, suite.query)) for suite, connection in placed])


def _answer(connection: duckdb.DuckDBPyConnection, suite: Suite, query: str) -> pd.DataFrame:
    try:
        return connection.execute(query).df()
    except duckdb.BinderException as error:
        raise DealerLimitsError(f"{suite.table}: {str(error).splitlines()[0]}") from error
    except duckdb.Error as error:
        # what else goes wrong does so on values, which its message would show
        raise DealerLimitsError(f"{suite.table} cannot be read: {type(error).__name__}") from error


def _check_tables(placed: Sequence[Placed]) -> None:
    """Raise DealerLimitsError for a table or column that a suite reads and the warehouse has not."""
    of_name = "from information_schema.tables where table_catalog = current_database()"
    for suite, connection in placed:
        if not connection.execute(f"{of_name} and table_schema || '.' || table_name = ?", [suite.table]).fetchall():
            raise DealerLimitsError(f"the warehouse has no table {suite.table}: run `dbt build` first")
    for suite, connection in placed:
        # binds the columns and reads no row
        _answer(connection, suite, f"describe {suite.query}")
