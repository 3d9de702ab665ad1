"""Estimate what the registry lists, write the estimates and set them beside the printed numbers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import track

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.compare import KEYS, LongRow, compare, read_printed, sort_by_key
from dealer_limits.estimation.display import show_comparison
from dealer_limits.estimation.engines import SQL_MEASURES, choose_engine, fit_column_in_database
from dealer_limits.estimation.extensions import Extension, load_extensions
from dealer_limits.estimation.limit_events import TABLE as LIMIT_EVENTS
from dealer_limits.estimation.limit_events import estimate_limit_events
from dealer_limits.estimation.mart import publish_estimates
from dealer_limits.estimation.observations import complete_rows, read_rows, variables_of
from dealer_limits.estimation.panel import CollinearError, Fit, Variables, fit_linear, stars
from dealer_limits.estimation.quantile import Bootstrap, fit_quantile
from dealer_limits.estimation.shadow_cost import UNITS, shadow_costs
from dealer_limits.estimation.shadow_cost_over_time import TABLE as OVER_TIME
from dealer_limits.estimation.shadow_cost_over_time import estimate_over_time
from dealer_limits.estimation.specifications import Registry, Specification, load_registry
from dealer_limits.estimation.threads import one_blas_thread
from dealer_limits.provenance import marked, sentence_of
from dealer_limits.warehouse import identity, open_warehouse

# What the terminal shows where no tables are asked for by number, beside a user's own.
HEADLINE_TABLES = ["2"]

# Appendix A is an exhibit without a number of its own, made from this table.
SHADOW_COSTS, SHADOW_COSTS_FROM = "A", "14"

_EXTENSIONS: dict[str, Callable[[duckdb.DuckDBPyConnection, Registry], Extension]] = {
    LIMIT_EVENTS: estimate_limit_events,
    OVER_TIME: estimate_over_time,
}

# What a run leaves in its output for the report: a user's own specifications, and their labels.
OWN_SPECIFICATIONS, OWN_LABELS = "own_specifications.csv", "own_labels.yml"


@one_blas_thread()
def run_estimates(
    warehouse: Path,
    output: Path,
    tables: list[str] | None,
    console: Console,
    bootstrap: Bootstrap | None = None,
    engine: str = "auto",
    own: Path | None = None,
    into_warehouse: bool = False,
) -> pd.DataFrame:
    """Estimate tables on a warehouse and return the estimates in long form.

    `tables` are numbers as text; None stands for everything. `own` is a CSV file of specifications beside
    those of the paper. Writes `estimates.parquet` and `comparison.csv`, of the tables of this run, to the folder
    `output`, with Table 14 also `shadow_cost.csv`, with the extensions `limit_events.csv` and
    `shadow_cost_over_time.csv`, and shows tables on the console, ours and the printed
    numbers where there are any: those asked for, or Table 2 and the user's own. A column that cannot be
    estimated is left out, with a line that says why. The same warehouse gives the same bytes. `engine` says
    by what (see `choose_engine`). With `into_warehouse` they are also published as its `marts.fct_estimate`.

    The estimates have columns table, panel, column, term, statistic (text) and value (float), sorted.
    Table 1 has its variable as term and no column; Appendix A is table "A", with the panels and columns of
    Table 14. Columns of the sql engine also have the statistics `SQL_MEASURES`.

    Raises DealerLimitsError where the warehouse lacks what is read or a table asked for does not exist; after
    all others have been written and shown, also where a column names what is not there, or one asked for
    cannot be estimated.
    """
    costs = None
    seen = identity(warehouse)
    with open_warehouse(warehouse) as connection:
        sentence = sentence_of(connection)
        registry = load_registry(connection, own)
        extensions = load_extensions(connection)
        # Table 1 is no regression
        chosen = registry.choose_tables(tables, ("1", *registry.tables, *extensions.tables))
        specs = registry.of_tables(chosen)
        rows, reasons = _estimate_all(connection, registry, specs, bootstrap or Bootstrap(), console, engine)
        if "1" in chosen:
            rows += summary_statistics(connection)
        if SHADOW_COSTS_FROM in chosen:
            estimated = [spec for spec in registry.of_tables([SHADOW_COSTS_FROM]) if spec not in reasons]
            costs = estimate_shadow_costs(connection, estimated)
            rows += _shadow_cost_rows(costs)
        found = [
            estimator(connection, extensions)
            for table, estimator in _EXTENSIONS.items()
            if table in chosen and table in extensions.tables
        ]
        rows += [row for extension in found for row in extension.long]
        printed = read_printed(connection, chosen)
    estimates = _as_frame(rows)
    comparison = compare(printed, estimates, specs)
    _write(output, estimates, marked(comparison, sentence), None if costs is None else marked(costs, sentence))
    for extension in found:
        of_extension = marked(extension.rows, sentence)
        of_extension.to_csv(output / f"{extension.table}.csv", index=False, float_format="%.10g", lineterminator="\n")
    keep_own(output, own)
    if into_warehouse:
        publish_estimates(warehouse, seen, output, console)
    not_printed = set(registry.tables) - set(printed["table"])
    shown = tables or [*HEADLINE_TABLES, *registry.own_tables, *not_printed]
    show_comparison(console, comparison[comparison["table"].isin(shown)], registry.coefficients)
    lines = [line for extension in found for line in extension.lines]
    for line in (*_account(comparison, reasons), *_engines_used(estimates, engine), *lines):
        console.print(line, highlight=False, markup=False)
    for spec, reason in reasons.items():
        if spec in registry.problems or tables:
            raise DealerLimitsError(f"specifications, {spec.label}: {reason}")
    return estimates


def keep_own(output: Path, own: Path | None) -> None:
    """Copy a user's specifications, and labels of the same name, to the output; remove another run's."""
    sources = {OWN_SPECIFICATIONS: own, OWN_LABELS: own.with_suffix(".yml") if own else None}
    for name, source in sources.items():
        if source is not None and source.is_file():
            shutil.copyfile(source, output / name)
        else:
            (output / name).unlink(missing_ok=True)


def _estimate_all(
    connection: duckdb.DuckDBPyConnection,
    registry: Registry,
    specifications: tuple[Specification, ...],
    bootstrap: Bootstrap,
    console: Console,
    engine: str,
) -> tuple[list[LongRow], dict[Specification, str]]:
    """Rows of the estimates, and the reason for each column that could not be estimated."""
    rows: list[LongRow] = []
    reasons: dict[Specification, str] = {}
    results = estimate(connection, registry, specifications, bootstrap, engine)
    for spec, result in track(results, "Estimating", total=len(specifications), console=console, transient=True):
        if isinstance(result, str):
            reasons[spec] = result
        else:
            rows += long_rows(spec, result)
    return rows, {spec: reasons[spec] for spec in specifications if spec in reasons}


def estimate(
    connection: duckdb.DuckDBPyConnection,
    registry: Registry,
    specifications: Iterable[Specification],
    bootstrap: Bootstrap,
    engine: str = "auto",
) -> Iterator[tuple[Specification, Fit | str]]:
    """Estimate columns: each with its fit, or with the reason why it could not be estimated.

    Columns of one sample and horizon are read together, and those that count the same rows share variables
    from which the effects have been taken out once; so they come in another order than that given.
    """
    able = []
    for spec in specifications:
        if spec in registry.problems:
            yield spec, registry.problems[spec]
        elif choose_engine(connection, engine, spec) == "sql":
            yield spec, _fit_in_database_or_reason(connection, spec)
        else:
            able.append(spec)
    prepare = _engine_on_arrays(engine)
    for sharing in same_rows(able):
        yield from _estimate_sample(connection, sharing, lambda variables: prepare(variables, bootstrap))


def _engine_on_arrays(engine: str) -> Callable[[Variables, Bootstrap], Callable[[Specification], Fit]]:
    """Of the two engines that are given variables, the one that fits what is not left in the database.

    It takes the variables that specifications share, and returns what fits each of them.
    """
    if engine == "arrays":
        return lambda variables, bootstrap: lambda spec: fit_column(variables, spec, bootstrap)
    # the packages take a second to load: only who estimates with them waits for it
    from dealer_limits.estimation.packages import prepare_packages

    return prepare_packages


def same_rows(specs: Iterable[Specification]) -> Iterator[list[Specification]]:
    """Specifications in groups that read the same rows: of one model, sample and horizon."""
    return _grouped(specs, lambda spec: (spec.observations, spec.sample, spec.horizon or 0))


def same_variables(
    specs: Iterable[Specification], complete: dict[Specification, np.ndarray]
) -> Iterator[list[Specification]]:
    """Of those, in groups that count the same rows and take out the same effects."""
    return _grouped(specs, lambda spec: (spec.absorb, spec.transform, complete[spec].tobytes()))


def _estimate_sample(
    connection: duckdb.DuckDBPyConnection,
    specs: list[Specification],
    prepare: Callable[[Variables], Callable[[Specification], Fit]],
) -> Iterator[tuple[Specification, Fit | str]]:
    try:
        rows = read_rows(connection, specs)
    except DealerLimitsError as error:
        if len(specs) == 1:
            yield specs[0], str(error)
            return
        # one column has values that cannot be: the others are estimated without it
        for spec in specs:
            yield from _estimate_sample(connection, [spec], prepare)
        return
    complete = {spec: complete_rows(rows, spec) for spec in specs}
    for sharing in same_variables(specs, complete):
        counted = complete[sharing[0]]
        if not counted.any():
            for spec in sharing:
                yield (
                    spec,
                    f"no row of {spec.observations}{f' where {spec.sample}' if spec.sample else ''} has "
                    f"{' and '.join(spec.variables)}",
                )
            continue
        variables = variables_of(rows, sharing, counted)
        fit = prepare(variables)
        for spec in sharing:
            yield spec, _fit_or_reason(fit, variables, spec)


def _grouped(specs: Iterable[Specification], key: Callable[[Specification], Any]) -> Iterator[list[Specification]]:
    for _, group in groupby(sorted(specs, key=key), key):
        yield list(group)


def _fit_in_database_or_reason(connection: duckdb.DuckDBPyConnection, spec: Specification) -> Fit | str:
    try:
        return fit_column_in_database(connection, spec)
    except DealerLimitsError as error:
        return str(error)


def _fit_or_reason(fit: Callable[[Specification], Fit], variables: Variables, spec: Specification) -> Fit | str:
    try:
        return fit(spec)
    except CollinearError as error:
        rows = len(variables.levels[spec.dependent])
        if not error.within_effects:
            return f"{', '.join(error.terms)} are collinear in {rows} rows"
        within = f" within {' and '.join(spec.absorb)}" if spec.absorb else ""
        return f"{' or '.join(error.terms)} does not vary{within} in {rows} rows"
    except ValueError as error:
        return f"{len(variables.levels[spec.dependent])} rows: {error}"


def fit_column(variables: Variables, spec: Specification, bootstrap: Bootstrap) -> Fit:
    """Fit one specification to the variables of its sample by the engine `arrays`: exact, and without overhead.

    It is the engine of everything that estimates many times, or needs the `parts` of a fit. See `fit_linear` and
    `fit_quantile`.
    """
    if spec.kind == "quantile":
        return fit_quantile(variables, spec.dependent, spec.regressors, spec.quantile, bootstrap)
    return fit_linear(
        variables,
        spec.dependent,
        spec.regressors,
        endogenous=spec.endogenous,
        instruments=spec.instruments,
        constant=spec.report_constant,
    )


def estimate_shadow_costs(connection: duckdb.DuckDBPyConnection, specs: Iterable[Specification]) -> pd.DataFrame:
    """Appendix A on the columns of Table 14: both readings of λ (see `shadow_costs`).

    Columns: panel, column, outcome, horizon, reading, usage (missing where the reading has none),
    shadow_cost, se and unit. The outcome's own column of the observations is P&L over VaR on the day; with
    the change that Table 14 explains it gives the average of the horizon.
    """
    results = []
    for sharing in same_rows(specs):
        rows = read_rows(connection, sharing, also=[spec.outcome for spec in sharing])
        for spec in sharing:
            complete = complete_rows(rows, spec)
            fit = fit_column(variables_of(rows, [spec], complete), spec, Bootstrap())
            profit = (rows.values[spec.outcome] + rows.values[spec.dependent])[complete]
            for cost in shadow_costs(fit, profit):
                results.append(
                    {
                        "panel": spec.panel,
                        "column": spec.column,
                        "outcome": spec.outcome,
                        "horizon": spec.horizon,
                        "reading": cost.reading,
                        "usage": cost.usage,
                        "shadow_cost": cost.cost,
                        "se": cost.se,
                        "unit": UNITS[cost.reading],
                    }
                )
    return pd.DataFrame(results).sort_values(["panel", "column"], kind="stable").reset_index(drop=True)


def long_rows(spec: Specification, fit: Fit) -> list[LongRow]:
    """Everything that a fit says of a printed column, in long form."""
    column = spec.key
    rows = [(*column, "", "nobs", float(fit.nobs))]
    rows += [(*column, "", name, value) for name, value in fit.measures.items()]
    for position, term in enumerate(spec.coefficients):
        for statistic in ("coef", "se", "t", "p", "ci_low", "ci_high"):
            rows.append((*column, term, statistic, float(getattr(fit, statistic)[position])))
        for statistic, errors in fit.other_errors.items():
            rows.append((*column, term, statistic, float(errors[position])))
        rows.append((*column, term, "stars", float(stars(fit.p[position]))))
    return rows


def _shadow_cost_rows(costs: pd.DataFrame) -> list[LongRow]:
    rows: list[LongRow] = []
    for cost in costs.itertuples():
        usage = "" if cost.usage != cost.usage else f"_at_usage_{cost.usage:.2f}"
        key = (SHADOW_COSTS, cost.panel, cost.column, f"{cost.reading}{usage}")
        rows += [(*key, "coef", cost.shadow_cost), (*key, "se", cost.se)]
    return rows


def summary_statistics(connection: duckdb.DuckDBPyConnection) -> list[LongRow]:
    """Table 1 in long form, its variable as term."""
    return connection.execute(
        """
        select "table", panel, '' as "column", outcome as term, statistic, value
        from marts.fct_summary_statistics
        """
    ).fetchall()


def _as_frame(rows: list[LongRow]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[*KEYS, "value"]).astype({"value": float})
    return sort_by_key(frame)


def _write(output: Path, estimates: pd.DataFrame, comparison: pd.DataFrame, costs: pd.DataFrame | None) -> None:
    output.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([*((key, pa.string()) for key in KEYS), ("value", pa.float64())])
    pq.write_table(
        pa.Table.from_pandas(estimates, schema=schema, preserve_index=False).replace_schema_metadata(),
        output / "estimates.parquet",
    )
    comparison.to_csv(output / "comparison.csv", index=False, float_format="%.10g", lineterminator="\n")
    if costs is not None:
        costs.to_csv(output / "shadow_cost.csv", index=False, float_format="%.10g", lineterminator="\n")


def _account(comparison: pd.DataFrame, reasons: dict[Specification, str]) -> Iterator[str]:
    """Lines that account for every printed column: how many were estimated, and why the others were not."""
    regressions = comparison[comparison["table"] != "1"]
    estimated = regressions.loc[regressions["ours"].notna(), ["table", "panel", "column"]].drop_duplicates()
    both = regressions["ours"].notna() & regressions["printed"].notna()
    coefficients = regressions[regressions["statistic"].eq("coef") & both]
    same_sign = (coefficients["ours"] * coefficients["printed"] >= 0).sum()
    yield (
        f"{len(estimated)} of {len(estimated) + len(reasons)} columns estimated; "
        f"{same_sign} of {len(coefficients)} coefficients have the printed sign"
    )
    for reason in dict.fromkeys(reasons.values()):
        columns = [spec for spec, given in reasons.items() if given == reason]
        tables = ", ".join(dict.fromkeys(spec.table for spec in columns))
        yield f"not estimated: {len(columns)} columns of Table {tables}: {reason}"


def _engines_used(estimates: pd.DataFrame, engine: str) -> Iterator[str]:
    """Lines that say by what the columns were estimated, and how well the sql engine did."""
    columns = int((estimates["statistic"].eq("nobs") & ~estimates["table"].isin(_EXTENSIONS)).sum())
    of_sql = [estimates.loc[estimates["statistic"] == name, "value"] for name in SQL_MEASURES]
    iterations, errors, singletons = of_sql
    if columns > len(iterations):
        yield f"engine {'arrays' if engine == 'arrays' else 'packages'}: {columns - len(iterations)} columns"
    if len(iterations):
        yield (
            f"engine sql: {len(iterations)} columns in up to {iterations.max():.0f} iterations, demeaned "
            f"variables known to {errors.max():.0e}, up to {singletons.max():.0f} singletons kept"
        )
