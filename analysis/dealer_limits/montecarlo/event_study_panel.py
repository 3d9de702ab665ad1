"""The event study in memory: dealers' true sales and trades with customers, without files and without a match.

What the true sales give for Tables 1(b), 11 and 13 and for Figure 5. The fit of the trade parameters reads it; what
the match leaves of it is measured in whole worlds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dealer_limits.estimation.panel import take_out_effects
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import fit_column
from dealer_limits.estimation.specifications import Specification, read_specifications, seed_file
from dealer_limits.montecarlo.desk_panel_moments import Key, summary_moments
from dealer_limits.pseudo.event_study import deal_sizes, plan_customer_trades, plan_dealer_days
from dealer_limits.pseudo.parameters import Parameters
from dealer_limits.pseudo.soma import MEAN_AWARD_USD_MN, PURCHASED_CUSIP_DAYS, daily_purchases, event_days
from dealer_limits.pseudo.trades import lagged_log_usage, stream

OBSERVATIONS = "obs_dealer_day"
MILLION, THOUSAND = 1e6, 1e3


@dataclass(frozen=True)
class EventStudy:
    """One world's event study. log_usage, of the business day before, and every column: (days, dealers); nan where
    a variable is not defined. Columns are named as in the mart; sales_usd_mn are to the Fed."""

    log_usage: np.ndarray
    sales_usd_mn: np.ndarray
    columns: Mapping[str, np.ndarray]


def simulate_event_study(seed: int, firm_usage: pd.DataFrame, parameters: Parameters) -> EventStudy:
    """The event study of a seed. `firm_usage`: of its desks, as `simulate_trade_world` takes it.

    Dealers' days are drawn as the files' are, from other random numbers: files need those of awards in between.
    """
    log_usage = lagged_log_usage(firm_usage).to_numpy()
    is_march = np.asarray(event_days().month == 3)
    log_size = deal_sizes(stream(seed, "sizes"), log_usage)
    rng = stream(seed, "soma")
    purchases = daily_purchases(rng, len(is_march), parameters)
    purchases *= MEAN_AWARD_USD_MN * PURCHASED_CUSIP_DAYS / purchases.sum()
    log_purchases = np.log(purchases) - np.log(purchases).mean()
    plan = plan_dealer_days(rng, log_usage, is_march, log_size, log_purchases, parameters)
    weight = np.where(plan.sells, np.exp(plan.log_weight), 0.0)
    share = parameters["sale_share_of_sample"]
    of_others = (1 - share) / share * weight.sum() / len(weight)
    sales = purchases[:, None] * weight / (weight.sum(axis=1, keepdims=True) + of_others)
    trades = plan_customer_trades(stream(seed, "buys"), log_usage, is_march, log_size, log_purchases, sales, parameters)

    def dollars(values: np.ndarray) -> np.ndarray:
        return np.where(plan.is_idle, np.nan, values)

    buys_in, buys_out = dollars(trades.buys_in), dollars(trades.buys_out)
    columns = {
        "soma_sale_indicator": plan.sells.astype(float),
        "log_soma_sale_amount": np.log(np.where(plan.sells, sales, np.nan)),
        "soma_sales_to_customer_sales": sales / (sales + dollars(trades.other_sales_in) / MILLION),
        "soma_sales_to_customer_buys": sales / (buys_in / MILLION),
        "log_customer_buys_in_soma": np.log(buys_in / THOUSAND),
        "log_customer_buys_not_in_soma": np.log(buys_out / THOUSAND),
        "log_customer_buys_total": np.log((buys_in + buys_out) / THOUSAND),
        "log_limit_usage_lag": log_usage,
    }
    for name in ("log_limit_usage_lag", "log_soma_sale_amount"):
        columns[f"march_1_x_{name}"] = np.where(is_march[:, None], columns[name], np.minimum(columns[name], 0) * 0)
        columns[f"march_0_x_{name}"] = np.where(is_march[:, None], np.minimum(columns[name], 0) * 0, columns[name])
    return EventStudy(log_usage, sales, columns)


def event_study_specifications() -> tuple[Specification, ...]:
    """The rows of the registry that lie in it: Tables 11 and 13."""
    return tuple(spec for spec in read_specifications(seed_file("specifications")) if spec.observations == OBSERVATIONS)


def event_study_moments(study: EventStudy, rows: tuple[Specification, ...]) -> dict[Key, float]:
    """Tables 11 and 13 and Table 1(b) in long form."""
    moments: dict[Key, float] = {}
    for spec in rows:
        names = (spec.dependent, *spec.regressors)
        mask = np.logical_and.reduce([np.isfinite(study.columns[name]) for name in names])
        day, dealer = np.nonzero(mask)
        groups = {"firm_rssd": dealer, "business_date": day}
        effects = np.column_stack([groups[effect] for effect in spec.absorb])
        fit = fit_column(
            take_out_effects({name: study.columns[name][mask] for name in names}, effects), spec, Bootstrap()
        )
        moments[*spec.key, "", "nobs"] = float(fit.nobs)
        moments[*spec.key, "", "r2"] = fit.measures["r2"]
        for place, term in enumerate(spec.coefficients):
            moments[*spec.key, term, "coef"] = float(fit.coef[place])
            moments[*spec.key, term, "se"] = float(fit.se[place])
    named = {name: values for name, values in study.columns.items() if not name.startswith("march")}
    del named["log_limit_usage_lag"]
    return moments | summary_moments("b", named)


def high_and_low(study: EventStudy) -> dict[str, float]:
    """Figure 5 at its end: cumulative sales ($ billions) of the groups, and their mean fractions over the window."""
    dealers = study.log_usage.shape[1]
    is_high = np.argsort(np.argsort(-study.log_usage[0], kind="stable"), kind="stable") < dealers // 2
    found = {}
    for name, members in (("high", is_high), ("low", ~is_high)):
        found[f"{name}_sales_usd_bn"] = float(study.sales_usd_mn[:, members].sum() / THOUSAND)
        fractions = np.nanmean(study.columns["soma_sales_to_customer_sales"][:, members], axis=1)
        found[f"{name}_fraction"] = float(fractions.mean())
    return found
