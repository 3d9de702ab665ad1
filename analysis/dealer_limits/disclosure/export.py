"""`dealer-limits export`: a folder of aggregates that may leave, and a manifest of what was kept and withheld."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from rich.console import Console

from dealer_limits.disclosure.cells import (
    Cell,
    Contributions,
    Key,
    SalesDay,
    event_contributions,
    figure_cells,
    match_cells,
    period_contributions,
    regression_contributions,
    sales_days,
    summary_cells,
)
from dealer_limits.disclosure.rules import COMPLEMENT, Rules, firms_behind
from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.display import new_table
from dealer_limits.estimation.extensions import load_extensions
from dealer_limits.estimation.limit_events import TABLE as LIMIT_EVENTS
from dealer_limits.estimation.run import OWN_SPECIFICATIONS, SHADOW_COSTS, SHADOW_COSTS_FROM
from dealer_limits.estimation.shadow_cost_over_time import TABLE as OVER_TIME
from dealer_limits.estimation.specifications import Registry, load_registry
from dealer_limits.exhibits.result_files import DIAGNOSTICS, IMPUTED, ResultFile, read_result
from dealer_limits.provenance import marked, sentence_of
from dealer_limits.variables import built_with
from dealer_limits.warehouse import open_warehouse

MANIFEST = "manifest.json"
KEYS = ("exhibit", "panel", "column", "term", "statistic")
COLUMNS = (*KEYS, "value", "firms", "withheld")
ESTIMATES = ResultFile("estimates.parquet", "estimate", ("table", "panel", "column", "term", "statistic", "value"))

_COUNTS = ("nobs", "count", "awards", "stars")


@dataclass(frozen=True)
class Judged:
    """A cell and why it is withheld, "" where it is kept."""

    key: Key
    value: float
    firms: int
    reason: str
    whole: str = ""


def export_disclosure(
    warehouse: Path, output: Path, folder: Path, rules: Rules, console: Console
) -> dict[str, list[Judged]]:
    """Write what may leave to a new folder: each cell of estimates, diagnostics, Table 1, figures and match.

    Estimates and diagnostics are those in `output`. Each file has the columns COLUMNS: of a withheld cell only
    its key and the reason. Returns the judged cells by file. The same input gives the same bytes.

    Raises DealerLimitsError where the folder holds something, results are missing or are not of this
    warehouse, or a table of the warehouse is missing.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DealerLimitsError(f"bad input: --disclosure {folder}: expected a folder that is new or empty")
    estimates = read_result(output, ESTIMATES)
    if estimates is None:
        raise DealerLimitsError(f"{output / ESTIMATES.name} is not there: run `dealer-limits estimate` first")
    own = output / OWN_SPECIFICATIONS
    with open_warehouse(warehouse) as connection:
        variables = built_with(connection)
        sentence = sentence_of(connection)
        judge = _judge_with(rules)
        registry = load_registry(connection, own if own.is_file() else None)
        diagnostics, imputed = read_result(output, DIAGNOSTICS), read_result(output, IMPUTED)
        files = {"estimates.csv": list(map(judge, _estimates(connection, registry, _regressions(estimates))))}
        if diagnostics is not None:
            of_diagnostics = _diagnostics(connection, diagnostics)
            files["diagnostics.csv"] = list(map(judge, of_diagnostics))
        if imputed is not None:
            files["imputed.csv"] = list(map(judge, _imputed(connection, registry, estimates, imputed)))
        files["summary_statistics.csv"] = list(map(judge, summary_cells(connection)))
        figures = list(map(judge, figure_cells(connection, variables)))
        figures += _figure_5(sales_days(connection, variables), rules)
        files["figures.csv"] = figures
        files["match.csv"] = list(map(judge, match_cells(connection, variables)))
    files = {name: withhold_complements(cells) for name, cells in files.items()}
    if diagnostics is None:
        console.print("without diagnostics: `dealer-limits diagnostics` has not been run", highlight=False)
    _write(folder, files, rules, variables, sentence)
    _show(console, folder, files)
    return files


def withhold_complements(cells: list[Judged]) -> list[Judged]:
    """Where one cell of a whole is withheld, the rest would tell it: the smallest that is kept goes with it."""
    goes: set[Key] = set()
    wholes: dict[str, list[Judged]] = {}
    for cell in cells:
        if cell.whole:
            wholes.setdefault(cell.whole, []).append(cell)
    for parts in wholes.values():
        kept = [cell for cell in parts if not cell.reason]
        if kept and len(kept) == len(parts) - 1:
            goes.add(min(kept, key=lambda cell: (abs(cell.value), cell.key)).key)
    return [
        Judged(cell.key, cell.value, cell.firms, COMPLEMENT, cell.whole) if cell.key in goes else cell for cell in cells
    ]


def _judge_with(rules: Rules) -> Callable[[Cell], Judged]:
    # cells of one regression share their contributions, which are kept so that none other has their identity
    known: dict[int, tuple[Contributions | None, int, str]] = {}

    def judge(cell: Cell) -> Judged:
        place = id(cell.contributions)
        if place not in known:
            firms = firms_behind(cell.contributions or {})
            known[place] = cell.contributions, firms, rules.reason(cell.contributions)
        _, firms, reason = known[place]
        return Judged(cell.key, cell.value, firms, reason, cell.whole)

    return judge


def _regressions(estimates: pd.DataFrame) -> pd.DataFrame:
    # Table 1 is told with its percentiles as means of rows
    return estimates[estimates["table"] != "1"]


def _estimates(connection: duckdb.DuckDBPyConnection, registry: Registry, estimates: pd.DataFrame) -> Iterator[Cell]:
    """The estimates as cells. Appendix A has the fate of the columns of Table 14 that it is made from."""
    is_extension = estimates["table"].isin((LIMIT_EVENTS, OVER_TIME))
    yield from _extensions(connection, estimates[is_extension])
    estimates = estimates[~is_extension]
    counts = {
        (row.table, row.panel, row.column): row.value
        for row in estimates[estimates["statistic"] == "nobs"].itertuples()
    }
    known = _contributions(connection, registry, counts)
    for row in estimates.itertuples():
        place = (SHADOW_COSTS_FROM if row.table == SHADOW_COSTS else row.table, row.panel, row.column)
        if place not in known:
            raise _foreign()
        # the first term of Table 14 is what the cost is made from
        terms = list(known[place])
        term = terms[1] if row.table == SHADOW_COSTS else row.term
        yield Cell((row.table, row.panel, row.column, row.term, row.statistic), row.value, known[place][term])


def _extensions(connection: duckdb.DuckDBPyConnection, estimates: pd.DataFrame) -> Iterator[Cell]:
    """Limit events and the shadow cost by period as cells; of the former all of a path has one fate."""
    if estimates.empty:
        return
    registry = load_extensions(connection)
    known = event_contributions(connection, registry) | period_contributions(connection, registry)
    for row in estimates.itertuples():
        place = (row.table, row.panel, row.column)
        counted, by_term = known.get(place, (0, {}))
        if place not in known or (row.statistic == "nobs" and row.value != counted):
            raise _foreign()
        term = "" if row.table == LIMIT_EVENTS else row.term
        yield Cell((*place, row.term, row.statistic), row.value, by_term[term])


def _diagnostics(connection: duckdb.DuckDBPyConnection, diagnostics: pd.DataFrame) -> Iterator[Cell]:
    counts = {(row.table, row.panel, row.column): row.nobs for row in diagnostics.itertuples()}
    known = _contributions(connection, load_registry(connection, seed="diagnostics"), counts)
    for place, count in counts.items():
        yield Cell((f"diagnostics {place[0]}", *place[1:], "", "nobs"), count, known[place][""])
    for row in diagnostics.itertuples():
        for statistic in ("coef", "se"):
            key = (f"diagnostics {row.table}", row.panel, row.column, row.term, statistic)
            yield Cell(key, getattr(row, statistic), known[row.table, row.panel, row.column][row.term])


def _imputed(
    connection: duckdb.DuckDBPyConnection, registry: Registry, estimates: pd.DataFrame, imputed: pd.DataFrame
) -> Iterator[Cell]:
    """Estimates on draws of the match, with the fate of the same coefficients as matched."""
    values = {
        (*row[:4], row[4]): row[5] for row in estimates[list(ESTIMATES.columns)].itertuples(index=False, name=None)
    }
    rows = [row for row in imputed.itertuples() if (row.table, row.panel, row.column, "", "nobs") in values]
    if any(not np.isclose(row.coef, values[row.table, row.panel, row.column, row.term, "coef"]) for row in rows):
        raise _foreign()
    counts = {place: values[*place, "", "nobs"] for place in {(row.table, row.panel, row.column) for row in rows}}
    known = _contributions(connection, registry, counts)
    for row in rows:
        for statistic in ("imputed_coef", "imputed_se", "missing"):
            key = (row.table, row.panel, row.column, row.term, statistic)
            yield Cell(key, getattr(row, statistic), known[row.table, row.panel, row.column][row.term])


def _contributions(
    connection: duckdb.DuckDBPyConnection, registry: Registry, counts: Mapping[tuple[str, str, str], float]
) -> dict[tuple[str, str, str], dict[str, Contributions | None]]:
    """What firms contribute to columns; DealerLimitsError where a column has another N than its results say."""
    found = regression_contributions(connection, [spec for spec in registry.specifications if spec.key in counts])
    if {place: rows for place, (rows, _) in found.items()} != counts:
        raise _foreign()
    return {place: by_term for place, (_, by_term) in found.items()}


def _figure_5(days: list[SalesDay], rules: Rules) -> Iterator[Judged]:
    """Cumulative sales and mean shares of the two groups of Figure 5.

    Two cumulative points tell what lies between them, and both groups together what the Fed has published:
    a day is kept where, in both groups, the total and what has come since the last kept day may leave.
    """
    total: dict[str, np.ndarray] = {}
    since: dict[str, np.ndarray] = {}
    for day in days:
        for group, sold in day.sold.items():
            total[group] = total.get(group, 0) + sold
            since[group] = since.get(group, 0) + sold
        reasons = [rules.reason({"amounts": amounts}) for sums in (total, since) for amounts in sums.values()]
        reason = next((found for found in reasons if found), "")
        for group, value in day.cumulative_usd_bn.items():
            firms = firms_behind({"total": total[group], "since": since[group]})
            yield Judged(("figure_5", group, day.day, "", "cumulative_soma_sales_usd_bn"), value, firms, reason)
        if not reason:
            since = {}
        for group, value in day.mean_fraction.items():
            fractions = day.fractions[group][~np.isnan(day.fractions[group])]
            measures = {"observations": np.ones(len(fractions)), "amounts": fractions}
            if value is not None:
                key = ("figure_5", group, day.day, "", "mean_soma_fraction")
                yield Judged(key, value, firms_behind(measures), rules.reason(measures))


def _foreign() -> DealerLimitsError:
    return DealerLimitsError(
        "the results are not of this warehouse: run `dealer-limits estimate` (and diagnostics) again"
    )


def _write(
    folder: Path, files: dict[str, list[Judged]], rules: Rules, variables: dict[str, object], sentence: str
) -> None:
    """Write all beside the folder and rename: a folder that is there is whole."""
    incoming = folder.with_name(f".{folder.name}.incoming")
    shutil.rmtree(incoming, ignore_errors=True)
    incoming.mkdir(parents=True)
    described = []
    for name, cells in files.items():
        with (incoming / name).open("w", encoding="utf-8", newline="") as file:
            cells_of_file = pd.DataFrame(map(_as_text, cells), columns=list(COLUMNS), dtype=str)
            marked(cells_of_file, sentence).to_csv(file, index=False, lineterminator="\n")
        digest = hashlib.sha256((incoming / name).read_bytes()).hexdigest()
        described.append({"name": name, "sha256": digest, **_counts(cells)})
    everything = [cell for cells in files.values() for cell in cells]
    manifest = {
        "files": described,
        **({"pseudo_data": sentence} if sentence else {}),
        "rules": asdict(rules),
        **_counts(everything),
        "versions": {name: version(name) for name in ("dealer-limits", "duckdb", "linearmodels", "statsmodels")},
        # whether two exports were built alike can be told, and not how: patterns of names are among the variables
        "variables_sha256": hashlib.sha256(json.dumps(variables, sort_keys=True).encode()).hexdigest(),
    }
    (incoming / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    if folder.exists():
        folder.rmdir()
    incoming.replace(folder)


def _as_text(cell: Judged) -> tuple[str, ...]:
    if cell.reason:
        return (*cell.key, "", "", cell.reason)
    # six digits: no more is printed anywhere, and fewer can be traced back
    value = f"{cell.value:.0f}" if cell.key[-1] in _COUNTS else f"{cell.value:.6g}"
    return (*cell.key, value, str(cell.firms), "")


def _counts(cells: Iterable[Judged]) -> dict[str, object]:
    reasons = Counter(cell.reason for cell in cells)
    kept = reasons.pop("", 0)
    return {"kept": kept, "withheld": dict(sorted(reasons.items()))}


def _show(console: Console, folder: Path, files: dict[str, list[Judged]]) -> None:
    reasons = sorted({cell.reason for cells in files.values() for cell in cells if cell.reason})
    table = new_table("Cells", "file", ("kept", *(reason.replace("_", " ") for reason in reasons)))
    for name, cells in files.items():
        counts = Counter(cell.reason for cell in cells)
        table.add_row(name, *(f"{counts[reason]:,}" for reason in ("", *reasons)))
    console.print(table)
    console.print(f"in {folder}: read it before it leaves", highlight=False, markup=False, soft_wrap=True)
