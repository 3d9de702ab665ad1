"""Can these estimates be believed? Diagnostics on any data, beside what they give where the truth is known.

`seeds/diagnostics.csv` has one row per regression, laid out as `specifications.csv`, with three columns more:
the term that is tested, whether the specification is corrected (nothing mechanical is left in it, so that its
coefficient is zero in a world without reactions to limits), and the question that it asks.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimate.covariance import cluster_jackknife_covariance
from dealer_limits.estimate.observations import complete_rows, read_rows, variables_of
from dealer_limits.estimate.quantile import Bootstrap
from dealer_limits.estimate.run import fit_column
from dealer_limits.estimate.specifications import Registry, Specification, load_registry
from dealer_limits.warehouse import open_warehouse

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb
    import pandas as pd
    from rich.console import Console

KEYS = ["table", "panel", "column"]
WORLD_COLUMNS = ["population", "population_error", "mean", "coverage_95", "rejection"]
_LISTS = ("regressors", "also_observed", "absorb", "endogenous", "instruments")


def run_diagnostics(warehouse: Path, output: Path, console: Console) -> pd.DataFrame:
    """Estimate the diagnostics on a warehouse and write `diagnostics.csv` and `.parquet` to `output`.

    One row per regression and regressor: coef, se (jackknife by firm), t, its critical value at 5% and
    whether t is beyond it, nobs, and for each world the population value with its Monte Carlo error, the mean
    estimate and the share of samples in which the test rejects at 5% (`null_population`, ...,
    `strong_rejection`), from the committed Monte Carlo.

    A regression that these data do not identify is left out and named.

    Raises DealerLimitsError where the warehouse, a mart or the registry is missing, or none can be estimated.
    """
    import pandas as pd

    with open_warehouse(warehouse) as connection:
        registry = load_registry(connection)
        rows = []
        for spec in load_diagnostics(connection):
            try:
                rows.extend(_estimate(connection, spec, registry))
            except ValueError as error:
                console.print(f"{spec.label} is not estimated: {error}", highlight=False)
        questions = connection.execute(
            'select "table", panel, "column", tested_term, is_corrected, question from seeds.diagnostics'
        ).df()
        worlds = connection.execute("select * from seeds.montecarlo").df()
    if not rows:
        raise DealerLimitsError("no diagnostic can be estimated")
    questions["panel"] = questions["panel"].fillna("")
    worlds["panel"] = worlds["panel"].fillna("")
    estimates = pd.DataFrame(rows).merge(questions, on=KEYS, validate="m:1")
    estimates["is_tested"] = estimates["term"] == estimates.pop("tested_term")
    for world, found in worlds.groupby("world", sort=True):
        found = found[[*KEYS, "term", *WORLD_COLUMNS]]
        found = found.rename(columns={name: f"{world}_{name}" for name in WORLD_COLUMNS})
        estimates = estimates.merge(found, on=[*KEYS, "term"], how="left", validate="1:1")
    output.mkdir(parents=True, exist_ok=True)
    estimates.to_csv(output / "diagnostics.csv", index=False, float_format="%.10g", lineterminator="\n")
    estimates.to_parquet(output / "diagnostics.parquet", index=False)
    _show(console, estimates)
    return estimates


def load_diagnostics(connection: duckdb.DuckDBPyConnection) -> tuple[Specification, ...]:
    """The rows of the seed `diagnostics` as specifications, in the order of the file's keys.

    Raises DealerLimitsError where the warehouse has no such seed.
    """
    import duckdb

    names = [field.name for field in fields(Specification)]
    try:
        rows = connection.execute(
            f"""
            select {", ".join(f'"{name}"' for name in names)} from seeds.diagnostics
            order by "table", coalesce(panel, ''), cast("column" as integer)
            """
        ).fetchall()
    except duckdb.CatalogException:
        raise DealerLimitsError(
            "the warehouse has no table seeds.diagnostics: run `dbt build` first"
        ) from None
    return tuple(
        Specification(
            **{
                name: tuple(value.split(";")) if name in _LISTS and value else () if name in _LISTS else value
                for name, value in zip(names, row, strict=True)
                if name not in ("panel", "transform", "report_constant")
            },
            panel=row[names.index("panel")] or "",
            transform=row[names.index("transform")] or "",
            report_constant=False,
        )
        for row in rows
    )


def _estimate(
    connection: duckdb.DuckDBPyConnection, spec: Specification, registry: Registry
) -> list[dict[str, object]]:
    import numpy as np
    from scipy.special import stdtrit

    rows = read_rows(connection, [spec], registry, clusters=("firm",))
    complete = complete_rows(rows, spec)
    if not complete.any():
        raise ValueError("no complete observations")
    fit = fit_column(variables_of(rows, [spec], complete), spec, Bootstrap())
    covariance = cluster_jackknife_covariance(fit.parts, rows.levels["firm"][complete])
    critical = float(stdtrit(covariance.df, 0.975))
    errors = np.sqrt(np.diag(covariance.matrix))
    return [
        {
            "table": spec.table,
            "panel": spec.panel,
            "column": spec.column,
            "outcome": spec.outcome,
            "horizon": spec.horizon,
            "term": term,
            "coef": float(coef),
            "se": float(error),
            "t": float(coef / error),
            "critical_95": critical,
            "rejects": bool(abs(coef / error) > critical),
            "nobs": fit.nobs,
        }
        for term, coef, error in zip(spec.regressors, fit.coef, errors, strict=True)
    ]


def _show(console: Console, estimates: pd.DataFrame) -> None:
    """The tested terms: ours, and the mean estimate and rejections of each world."""
    from rich.table import Table

    table = Table(title="Diagnostics: ours, then the mean estimate in each world (rejections at 5%)")
    worlds = ("null", "paper", "strong")
    for name in ("", "outcome", "h", "corrected", "ours", "se", *worlds):
        table.add_column(name, justify="left" if name in ("", "outcome", "corrected") else "right")
    for row in estimates[estimates["is_tested"]].to_dict("records"):
        known = [
            f"{row[f'{world}_mean']:.3f} ({row[f'{world}_rejection']:.0%})"
            if row.get(f"{world}_mean") is not None
            else ""
            for world in worlds
        ]
        corrected = "yes" if row["is_corrected"] else "no"
        table.add_row(
            f"{row['table']} {row['panel']}", row["outcome"], str(row["horizon"]), corrected,
            f"{row['coef']:.3f}", f"{row['se']:.3f}", *known,
        )  # fmt: skip
    console.print(table)
