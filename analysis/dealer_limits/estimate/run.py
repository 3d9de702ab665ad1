"""Estimate what the registry lists, write the estimates and set them beside the printed numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimate.compare import KEYS, compare, read_printed, sort_by_key
from dealer_limits.estimate.display import show_comparison
from dealer_limits.estimate.observations import SOURCES, check_marts, read_observations
from dealer_limits.estimate.panel import Fit, fit_absorbing, stars
from dealer_limits.estimate.specifications import Registry, Specification, load_registry
from dealer_limits.warehouse import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb
    import pandas as pd
    from rich.console import Console

ESTIMATORS = {"ols": fit_absorbing}

# What the terminal shows where no tables are asked for by number.
HEADLINE_TABLES = ["2"]

# A row of the long form: table, panel, column, term, statistic, value.
Row = tuple[str, str, str, str, str, float]


def run_estimates(warehouse: Path, output: Path, tables: list[str] | None, console: Console) -> pd.DataFrame:
    """Estimate printed tables on a warehouse and return the estimates in long form.

    `tables` are numbers as text; None stands for everything that can be estimated, with a line for each
    reason why columns are left out. Writes `estimates.parquet` and `comparison.csv`, of the tables of this
    run, to the folder `output`, and shows tables side by side on the console: those asked for, or Table 2.
    The same warehouse gives the same bytes.

    The estimates have columns table, panel, column, term, statistic (text) and value (float), sorted.
    Table 1 has its variable as term and no column.

    Raises DealerLimitsError where the warehouse or a mart is missing, or where a table asked for does not
    exist or cannot be estimated.
    """
    with open_warehouse(warehouse) as connection:
        check_marts(connection)
        registry = load_registry(connection)
        chosen = _choose_tables(registry, tables)
        rows, reasons = _estimate_all(connection, registry.of_tables(chosen), registry, console)
        if tables and reasons:
            spec, reason = next(iter(reasons.items()))
            raise DealerLimitsError(f"{spec.label} cannot be estimated: {reason}")
        if "1" in chosen:
            rows += _summary_statistics(connection)
        printed = read_printed(connection, chosen)
    estimates = _as_frame(rows)
    comparison = compare(printed, estimates)
    _write(output, estimates, comparison)
    shown = comparison[comparison["table"].isin(tables or HEADLINE_TABLES)]
    show_comparison(console, shown, registry.coefficients)
    for line in _account(comparison, reasons):
        console.print(line, highlight=False)
    return estimates


def _choose_tables(registry: Registry, tables: list[str] | None) -> list[str]:
    known = ["1", *dict.fromkeys(spec.table for spec in registry.specifications)]
    for table in tables or []:
        if table not in known:
            raise DealerLimitsError(f"the paper has no Table {table}: choose from {', '.join(known)}")
    return tables or known


def _estimate_all(
    connection: duckdb.DuckDBPyConnection,
    specifications: tuple[Specification, ...],
    registry: Registry,
    console: Console,
) -> tuple[list[Row], dict[Specification, str]]:
    """Rows of the estimates, and the reason for each column that could not be estimated."""
    from rich.progress import track

    rows: list[Row] = []
    reasons: dict[Specification, str] = {}
    for spec in track(specifications, "Estimating", console=console, transient=True):
        reason = lacking(spec, registry)
        if reason is None:
            try:
                rows += estimate(connection, spec, registry)
            except DealerLimitsError as error:
                reason = str(error)
        if reason is not None:
            reasons[spec] = reason
    return rows, reasons


def lacking(spec: Specification, registry: Registry) -> str | None:
    """What a specification needs that estimation does not have, or None."""
    if spec.estimator not in ESTIMATORS:
        return f"estimation has no {spec.estimator.partition(':')[0]} estimator"
    if registry.mart(spec) not in SOURCES:
        return f"estimation does not read {registry.mart(spec)}"
    if spec.covariance != "robust" or spec.transform:
        return "estimation has robust covariance only, and no transforms"
    return None


def estimate(connection: duckdb.DuckDBPyConnection, spec: Specification, registry: Registry) -> list[Row]:
    """Estimate one printed column: rows (table, panel, column, term, statistic, value).

    Raises DealerLimitsError where the column has too few observations or a regressor no variation of its own.
    """
    from linearmodels.panel.utility import AbsorbingEffectError

    observations = read_observations(connection, spec, registry)
    try:
        fit = ESTIMATORS[spec.estimator](observations)
    except AbsorbingEffectError as error:
        raise DealerLimitsError(
            f"{' or '.join(spec.regressors)} does not vary within {' and '.join(spec.absorb)} "
            f"in {len(observations.dependent)} rows"
        ) from error
    except ValueError as error:
        raise DealerLimitsError(
            f"{len(observations.dependent)} rows: {str(error).splitlines()[0]}"
        ) from error
    return _long_rows(spec, fit)


def _long_rows(spec: Specification, fit: Fit) -> list[Row]:
    column = (spec.table, spec.panel, spec.column)
    rows = [(*column, "", "nobs", float(fit.nobs)), (*column, "", "r2", fit.r2)]
    for position, term in enumerate(spec.coefficients):
        for statistic in ("coef", "se", "t", "p", "ci_low", "ci_high"):
            rows.append((*column, term, statistic, float(getattr(fit, statistic)[position])))
        rows.append((*column, term, "stars", float(stars(fit.p[position]))))
    return rows


def _summary_statistics(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    return connection.execute(
        """
        select "table", panel, '' as "column", outcome as term, statistic, value
        from marts.fct_summary_statistics
        """
    ).fetchall()


def _as_frame(rows: list[Row]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=[*KEYS, "value"]).astype({"value": float})
    return sort_by_key(frame)


def _write(output: Path, estimates: pd.DataFrame, comparison: pd.DataFrame) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    output.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([*((key, pa.string()) for key in KEYS), ("value", pa.float64())])
    pq.write_table(
        pa.Table.from_pandas(estimates, schema=schema, preserve_index=False).replace_schema_metadata(),
        output / "estimates.parquet",
    )
    comparison.to_csv(output / "comparison.csv", index=False, float_format="%.10g", lineterminator="\n")


def _account(comparison: pd.DataFrame, reasons: dict[Specification, str]) -> Iterator[str]:
    """Lines that account for every printed column: how many were estimated, and why the others were not."""
    regressions = comparison[comparison["table"] != "1"]
    estimated = regressions.loc[regressions["ours"].notna(), ["table", "panel", "column"]].drop_duplicates()
    coefficients = regressions[regressions["statistic"].eq("coef") & regressions["ours"].notna()]
    same_sign = (coefficients["ours"] * coefficients["printed"] >= 0).sum()
    yield (
        f"{len(estimated)} of {len(estimated) + len(reasons)} columns estimated; "
        f"{same_sign} of {len(coefficients)} coefficients have the printed sign"
    )
    for reason in dict.fromkeys(reasons.values()):
        columns = [spec for spec, given in reasons.items() if given == reason]
        tables = ", ".join(dict.fromkeys(spec.table for spec in columns))
        yield f"not estimated: {len(columns)} columns of Table {tables}: {reason}"
