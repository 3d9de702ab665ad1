"""Can these estimates be believed? Diagnostics on any data, beside what they give where the truth is known.

`seeds/diagnostics.csv` has one row per regression, laid out as `specifications.csv`, with three columns more:
the term that is tested, whether the specification is corrected (nothing mechanical is left in it, so that its
coefficient is zero in a world without reactions to limits), and the question that it asks.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy.special import stdtrit

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.covariance import cluster_jackknife_covariance
from dealer_limits.estimation.indirect_inference import reaction_rows
from dealer_limits.estimation.observations import FIRM, complete_rows, read_rows, variables_of
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import fit_column
from dealer_limits.estimation.specifications import Specification, load_registry
from dealer_limits.estimation.threads import one_blas_thread
from dealer_limits.provenance import marked, sentence_of
from dealer_limits.warehouse import open_warehouse

KEYS = ["table", "panel", "column"]
WORLD_COLUMNS = ["population", "population_error", "effect_lasting", "mean", "coverage_95", "rejection"]


@one_blas_thread()
def run_diagnostics(warehouse: Path, output: Path, console: Console) -> pd.DataFrame:
    """Estimate the diagnostics on a warehouse and write `diagnostics.csv` and `.parquet` to `output`.

    One row per regression and regressor: coef, se (jackknife by firm), t, its critical value at 5% and
    whether t is beyond it, nobs, and for each world the population value with its Monte Carlo error, the planted
    effect of usage that stays up, the mean estimate and the share of samples in which the test rejects at 5%
    (`null_population`, ..., `strong_rejection`), from the committed Monte Carlo.

    A regression that these data do not identify is left out and named. Beside them `reaction.csv`, the reaction that
    these and the paper's regressions lead back to, where the data give all of them.

    Raises DealerLimitsError where the warehouse, a mart or the registry is missing, or none can be estimated.
    """
    with open_warehouse(warehouse) as connection:
        registry = load_registry(connection, seed="diagnostics")
        sentence = sentence_of(connection)
        # before anything is estimated: what stands in the way is said at once
        output.mkdir(parents=True, exist_ok=True)
        rows = []
        for spec in registry.specifications:
            try:
                if spec in registry.problems:
                    raise ValueError(registry.problems[spec])
                rows.extend(_estimate(connection, spec))
            except ValueError as error:
                console.print(f"{spec.label} is not estimated: {error}", highlight=False)
        worlds = connection.execute("select * from seeds.montecarlo").df()
        try:
            reaction = reaction_rows(connection)
        except DealerLimitsError as error:
            console.print(f"no reaction by indirect inference: {error}", highlight=False)
            reaction = None
    if not rows:
        raise DealerLimitsError("no diagnostic can be estimated")
    worlds["panel"] = worlds["panel"].fillna("")
    estimates = pd.DataFrame(rows)
    for world, found in worlds.groupby("world", sort=True):
        found = found[[*KEYS, "term", *WORLD_COLUMNS]]
        found = found.rename(columns={name: f"{world}_{name}" for name in WORLD_COLUMNS})
        estimates = estimates.merge(found, on=[*KEYS, "term"], how="left", validate="1:1")
    shown = marked(estimates, sentence)
    shown.to_csv(output / "diagnostics.csv", index=False, float_format="%.10g", lineterminator="\n")
    estimates.to_parquet(output / "diagnostics.parquet", index=False)
    _show(console, estimates)
    if reaction is None:
        # of an earlier run, it would be of other data
        (output / "reaction.csv").unlink(missing_ok=True)
    else:
        shown = marked(reaction, sentence)
        shown.to_csv(output / "reaction.csv", index=False, float_format="%.10g", lineterminator="\n")
        _show_reaction(console, reaction)
    return estimates


def _estimate(connection: duckdb.DuckDBPyConnection, spec: Specification) -> list[dict[str, object]]:
    rows = read_rows(connection, [spec], clusters=(FIRM,))
    complete = complete_rows(rows, spec)
    if not complete.any():
        raise ValueError("no complete observations")
    fit = fit_column(variables_of(rows, [spec], complete), spec, Bootstrap())
    covariance = cluster_jackknife_covariance(fit.parts, rows.levels[FIRM][complete])
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
            "is_corrected": spec.is_corrected,
            "question": spec.question,
            "is_tested": term == spec.tested_term,
        }
        for term, coef, error in zip(spec.terms, fit.coef, errors, strict=True)
    ]


def _show(console: Console, estimates: pd.DataFrame) -> None:
    """The tested terms: ours, and the mean estimate and rejections of each world."""
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


def _show_reaction(console: Console, reaction: pd.DataFrame) -> None:
    """The strengths with their intervals, and the test of fit."""
    table = Table(title="Reaction by indirect inference, times that of the world paper (docs/reaction.md)")
    for name in ("", "estimate", "se", "95% interval"):
        table.add_column(name, justify="left" if not name else "right")
    for row in reaction[reaction["kind"] == "strength"].to_dict("records"):
        interval = f"{row['ci_low']:.2f} to {row['ci_high']:.2f}"
        table.add_row(row["name"], f"{row['estimate']:.2f}", f"{row['se']:.2f}", interval)
    console.print(table)
    fit = reaction[reaction["kind"] == "fit"].iloc[0]
    console.print(f"test that any strengths give these coefficients: p = {fit['estimate']:.3f}", highlight=False)
