"""The shadow cost λ of the VaR limit by quarter and state, and what relief and purchases would have bought in usage.

Equation 17 of Appendix A is L = E(W) + λ (limit - VaR): at an optimum λ is dE(W) / dVaR, P&L per dollar of VaR. Over
the limit, which does not move with VaR, that is the slope of P&L / limit in usage U. With P&L over the limit of the
next day linear in log U, β its coefficient with usage of the day before held fixed, it is

    λ = β / U    at the mean of log U of the period

by the regression that the diagnostics find corrected: zero where limits change nothing. Errors are the jackknife by
firm.

Relief of a share r multiplies every limit by 1 + r, so that log usage falls by log(1 + r). The Fed's purchases of B are
taken from the desks in proportion to what they hold, and lower both net and gross positions by B, so that log usage
moves by

    κ_net log(1 - B / N) + κ_gross log(1 - B / G)

with N and G what desks hold in the period, and κ the elasticities of usage on tomorrow's change of positions, given
today's positions and usage: what desks do because of usage is in those, and what is left is VaR that moves with the
position.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import duckdb
import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from dealer_limits.estimation.compare import LongRow
from dealer_limits.estimation.covariance import cluster_jackknife_covariance
from dealer_limits.estimation.extensions import STATISTICS, Extension
from dealer_limits.estimation.observations import (
    DAY,
    FIRM,
    Rows,
    complete_rows,
    read_rows,
    sample_condition,
    variables_of,
)
from dealer_limits.estimation.panel import fit_linear
from dealer_limits.estimation.specifications import Registry, Specification

TABLE = "shadow_cost_over_time"
# a share of every limit, and $ billions
RELIEF, PURCHASES_BN = 0.10, 10.0
LEAST_FIRMS = 5
# states of the mart
MARCH, OTHER_DAYS = "march", "other_days"
COLUMNS = (
    *("period_kind", "period", "first_day", "last_day", "average_move", "average_log_limit_usage_index"),
    *(
        "average_net_position_usd_bn",
        "average_gross_position_usd_bn",
        "usage",
        "slope",
        "slope_se",
        "shadow_cost",
        "se",
        "p",
    ),
    *("ci_low", "ci_high", "relief_pct", "purchases_pct", "purchases_se", "nobs", "firms", "text"),
)


def estimate_over_time(connection: duckdb.DuckDBPyConnection, registry: Registry) -> Extension:
    """A row per period of `marts.fct_market_period`, of the registry's two rows of `TABLE`.

    The first is the regression of λ, whose first regressor is log usage; the second that of the elasticities, whose
    first two are changes of net and gross positions. Columns of the rows: COLUMNS; changes of usage in percent of it, λ
    in dollars of P&L per dollar of VaR. What cannot be estimated is missing, with the reason as `text`.

    Raises DealerLimitsError where values of the observations cannot be read.
    """
    profit, usage = registry.of_tables([TABLE])
    if problems := [registry.problems[spec] for spec in (profit, usage) if spec in registry.problems]:
        return Extension(TABLE, pd.DataFrame(columns=list(COLUMNS)), (), (f"shadow cost over time: {problems[0]}",))
    rows = read_rows(connection, [profit], clusters=(DAY, FIRM))
    lines = []
    try:
        kappa = elasticities(read_rows(connection, [usage], clusters=(FIRM,)), usage)
    except ValueError as error:
        kappa = None
        lines.append(f"usage on positions: {error}")
    found, long = [], []
    for period, inside in periods(connection, profit, rows):
        own: dict[str, object] = dict(period) | {"relief_pct": 100 * (1 / (1 + RELIEF) - 1), "text": ""}
        try:
            own |= cost_of(rows, profit, inside)
        except ValueError as error:
            own["text"] = str(error)
            lines.append(f"shadow cost in {period['period']}: {error}")
        if kappa is not None:
            own |= purchases(*kappa[:2], own["average_net_position_usd_bn"], own["average_gross_position_usd_bn"])
        found.append(own)
        long += _long_rows(own)
    estimated = sum("shadow_cost" in own for own in found)
    lines.insert(0, f"shadow cost over time: {estimated} of {len(found)} periods estimated")
    return Extension(TABLE, pd.DataFrame(found).reindex(columns=list(COLUMNS)), tuple(long), tuple(lines))


def periods(
    connection: duckdb.DuckDBPyConnection, spec: Specification, rows: Rows
) -> Iterator[tuple[dict[str, object], np.ndarray]]:
    """Each period with what the mart says of it, and which rows (n,) of a specification lie in it."""
    of_sample = connection.execute(
        f"select distinct {DAY} from observations.{spec.observations} where {sample_condition(spec)} order by {DAY}"
    ).fetchnumpy()
    days = of_sample[DAY].astype("datetime64[D]")[rows.levels[DAY] - 1]
    march = np.zeros(len(days), dtype=bool)
    # the other days are read after March, which they leave out
    found = connection.execute("select * from marts.fct_market_period order by period_kind, period").df()
    for period in found.to_dict("records"):
        inside = (days >= np.datetime64(period["first_day"])) & (days <= np.datetime64(period["last_day"]))
        if period["period"] == MARCH:
            march = inside
        yield period, ~march if period["period"] == OTHER_DAYS else inside


def cost_of(rows: Rows, spec: Specification, inside: np.ndarray) -> dict[str, float]:
    """λ of the rows `inside` (n,) a period, with its error and interval, by name.

    Raises ValueError where fewer than `LEAST_FIRMS` firms are there or it is not identified.
    """
    counted = complete_rows(rows, spec) & inside
    firm = rows.levels[FIRM][counted]
    firms = len(np.unique(firm))
    if firms < LEAST_FIRMS:
        raise ValueError(f"{firms} firms, at least {LEAST_FIRMS} are needed")
    fit = fit_linear(variables_of(rows, [spec], counted), spec.dependent, spec.regressors)
    covariance = cluster_jackknife_covariance(fit.parts, firm)
    usage = float(np.exp(rows.values[spec.regressors[0]][counted].mean()))
    slope, slope_se = float(fit.coef[0]), float(np.sqrt(covariance.matrix[0, 0]))
    reach = float(stdtrit(covariance.df, 0.975)) * slope_se
    return {
        "usage": usage,
        "slope": slope,
        "slope_se": slope_se,
        "shadow_cost": slope / usage,
        "se": slope_se / usage,
        "p": float(2 * stdtr(covariance.df, -abs(slope / slope_se))),
        "ci_low": (slope - reach) / usage,
        "ci_high": (slope + reach) / usage,
        "nobs": fit.nobs,
        "firms": firms,
    }


def elasticities(rows: Rows, spec: Specification) -> tuple[np.ndarray, np.ndarray, int]:
    """κ (2,) of net and gross positions, their covariance (2, 2) by the jackknife over firms, and its degrees of
    freedom."""
    counted = complete_rows(rows, spec)
    if not counted.any():
        raise ValueError("no complete observations")
    fit = fit_linear(variables_of(rows, [spec], counted), spec.dependent, spec.regressors)
    covariance = cluster_jackknife_covariance(fit.parts, rows.levels[FIRM][counted])
    return fit.coef[:2], covariance.matrix[:2, :2], covariance.df


def purchases(kappa: np.ndarray, covariance: np.ndarray, net: float, gross: float) -> dict[str, float]:
    """What purchases of `PURCHASES_BN` do to usage, percent, with the error that κ gives; missing beyond what is
    held."""
    if not min(net, gross) > PURCHASES_BN:
        return {}
    moves = np.log1p(-PURCHASES_BN / np.array([net, gross]))
    share = float(np.exp(kappa @ moves))
    return {
        "purchases_pct": 100 * (share - 1),
        "purchases_se": 100 * share * float(np.sqrt(moves @ covariance @ moves)),
    }


def _long_rows(period: Mapping[str, object]) -> list[LongRow]:
    """What was estimated of a period in long form."""
    key = (TABLE, str(period["period_kind"]), str(period["period"]))
    long: list[LongRow] = []
    if "shadow_cost" in period:
        long.append((*key, "", "nobs", float(period["nobs"])))
        names = ("shadow_cost", *STATISTICS[1:])
        long += [
            (*key, "shadow_cost", statistic, float(period[name]))
            for statistic, name in zip(STATISTICS, names, strict=True)
        ]
    if "purchases_pct" in period:
        long += [(*key, "purchases_pct", "coef", period["purchases_pct"])]
        long += [(*key, "purchases_pct", "se", period["purchases_se"])]
    return long
