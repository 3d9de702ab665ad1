"""`dealer_limits.estimate`: estimates as a pandas frame, for notebooks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import estimate as fits
from dealer_limits.estimation.specifications import check_names, load_registry, specification_of
from dealer_limits.warehouse import open_warehouse

COLUMNS = (
    *("table", "panel", "column", "dependent", "horizon", "term"),
    *("coef", "se", "t", "p", "ci_low", "ci_high", "nobs"),
)


def estimate(
    *tables: str | int,
    specifications: str | Path | None = None,
    warehouse: str | Path | None = None,
    engine: str = "auto",
    draws: int = 1000,
    results: bool = False,
    **regression: Any,
) -> pd.DataFrame | tuple[pd.DataFrame, dict[tuple[str, str, str], Any]]:
    """Estimate tables, or one regression of your own, and return a row per coefficient.

    `tables` are numbers, such as 2; without any, those of `specifications`, a CSV file laid out as
    `seeds/specifications.csv`, else all of the registry. Or name one regression, as a row of that file:
    `estimate(dependent="d_log_net_position", regressors=["log_limit_usage"], horizon=5,
    sample="is_prime_treasury_desk", absorb=["desk_id", "business_date"])`; `observations` is
    `obs_desk_horizon` unless named, lists may be given as text with semicolons. `warehouse` is the published
    file, by default that of the current folder or of WAREHOUSE_DIR.

    Columns: table, panel, column, dependent, horizon, term (text or number), coef, se, t, p, ci_low, ci_high
    (95%), nobs, and measures of the fit, such as r2.

    `engine` is `packages`, `arrays`, `sql` or `auto`: packages, and sql from two million rows on. With
    `results=True` the packages' own results come along, as a second value: a dictionary by (table, panel, column),
    ("1", "", "1") for a regression of your own, of AbsorbingLSResults or IVResults of linearmodels or
    RegressionResults of statsmodels, with residuals, covariance, tests and summary; None where a column was not
    estimated by packages. Coefficients go by the names of the terms. Of a quantile they are those of QuantReg, a
    little beside the frame's, which are exact.

    Raises DealerLimitsError where a name is not there, with the nearest, or a regression cannot be estimated.
    """
    path = Path(warehouse or Path(os.environ.get("WAREHOUSE_DIR", "warehouse")) / "dealer_limits.duckdb")
    own = Path(specifications) if specifications is not None else None
    with open_warehouse(path) as connection:
        if regression:
            named = {"table": "1", "column": "1", "observations": "obs_desk_horizon"} | regression
            text = {name: _as_text(value) for name, value in named.items()}
            registry = check_names(connection, [specification_of(text, "estimate")])
            specs = registry.specifications
        else:
            registry = load_registry(connection, own)
            chosen = [str(table) for table in tables] or list(registry.own_tables)
            specs = registry.of_tables(registry.choose_tables(chosen))
        rows, own_results = [], {}
        for spec, fit in fits(connection, registry, specs, Bootstrap(draws=draws), engine):
            if isinstance(fit, str):
                raise DealerLimitsError(f"specifications, {spec.label}: {fit}")
            if results:
                own_results[spec.key] = fit.results
            place = (*spec.key, spec.dependent, spec.horizon)
            for position, term in enumerate(spec.coefficients):
                numbers = (getattr(fit, name)[position] for name in COLUMNS[6:12])
                rows.append(
                    dict(zip(COLUMNS, (*place, term, *map(float, numbers), fit.nobs), strict=True)) | dict(fit.measures)
                )
    order = {spec.key: place for place, spec in enumerate(specs)}
    rows.sort(key=lambda row: order[row["table"], row["panel"], row["column"]])
    frame = pd.DataFrame(rows)
    return (frame, {spec.key: own_results[spec.key] for spec in specs}) if results else frame


def _as_text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ";".join(map(str, value))
    return "" if value is None else str(value)
