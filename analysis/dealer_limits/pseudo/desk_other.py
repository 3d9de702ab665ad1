"""Desks of the same firms, and of a few others, that trade no Treasuries: equities, currencies, credit.

They matter as the pool of limits behind the instruments of eq. 11-12 and as names that a text search must
pass over. Their risk is exogenous: nothing here reacts to usage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dealer_limits.pseudo.desk_paths import AppetiteEvent, autoregression, simulate_limits, stream
from dealer_limits.pseudo.desk_roster import DECOY_NAMES, OTHER_NAMES
from dealer_limits.pseudo.desk_treasury import cents
from dealer_limits.pseudo.firms import SAMPLE_FIRMS, Firm
from dealer_limits.pseudo.parameters import Parameters

# firms that report desks but none that trades Treasuries
FURTHER_FIRMS: tuple[Firm, ...] = (
    Firm(9900116, "KESTREL BANCSHARES, INC.", "KSTR", False),
    Firm(9900125, "LOCHMERE FINANCIAL CORPORATION", "LCHM", False),
    Firm(9900134, "MERIDEN HOLDINGS CORPORATION", "MRDN", False),
)
ALL_FIRMS = SAMPLE_FIRMS + FURTHER_FIRMS
DESKS_AT_FULL_SCALE = 264
FEWEST_DESKS = len(DECOY_NAMES)
REGIONS = ("New York", "London", "Americas", "EMEA", "Asia", "Global", "Structured", "Flow", "Electronic")


@dataclass(frozen=True)
class OtherDesks:
    """firm: (D,) index into ALL_FIRMS. names, descriptions, exclusions: (D,). first_day, last_day: (D,) day
    indices, both included. The rest: (T, D) dollars, nan where the desk does not exist or did not report."""

    firm: np.ndarray
    names: list[str]
    descriptions: list[str]
    exclusions: list[str]
    first_day: np.ndarray
    last_day: np.ndarray
    exists: np.ndarray
    limit: np.ndarray
    var: np.ndarray
    securities_long: np.ndarray
    securities_short: np.ndarray
    derivatives_long: np.ndarray
    derivatives_short: np.ndarray
    pnl_existing: np.ndarray
    pnl_new: np.ndarray
    pnl_residual: np.ndarray
    customer_value: np.ndarray
    non_customer_value: np.ndarray


@dataclass(frozen=True)
class OtherLimits:
    """What the instruments of eq. 11-12 are made of, for D desks: firm (index into ALL_FIRMS), first_day and
    last_day (both included), base_limit (dollars); exists and limit (dollars) are (T, D)."""

    firm: np.ndarray
    first_day: np.ndarray
    last_day: np.ndarray
    exists: np.ndarray
    base_limit: np.ndarray
    limit: np.ndarray


def simulate_other_limits(
    seed: int, scale: float, days: pd.DatetimeIndex, appetite: list[AppetiteEvent], parameters: Parameters
) -> OtherLimits:
    """VaR limits of the desks that trade no Treasuries, and when the desks exist."""
    rng = stream(seed, "other limits")
    count = max(FEWEST_DESKS, round(DESKS_AT_FULL_SCALE * scale))
    firm = np.arange(count) % len(ALL_FIRMS)
    late, early = rng.random(count) < 0.3, rng.random(count) < 0.3
    first_day = np.where(late, rng.integers(60, len(days) // 2, count), 0)
    last_day = np.where(early, rng.integers(len(days) // 2 + 60, len(days) - 30, count), len(days) - 1)
    day = np.arange(len(days))[:, None]
    exists = (day >= first_day) & (day <= last_day) & (rng.random((len(days), count)) >= 0.001)
    base_limit = np.exp(rng.normal(np.log(6e6), 0.9, count))
    delay = round(parameters["appetite_delay"])
    limit = simulate_limits(rng, days, appetite, firm, base_limit, returning=0.0, delay=delay)
    return OtherLimits(firm, first_day, last_day, exists, base_limit, limit)


def simulate_other_desks(
    seed: int, scale: float, days: pd.DatetimeIndex, appetite: list[AppetiteEvent], parameters: Parameters
) -> OtherDesks:
    """`scale` times 264 desks, at least the six whose names nearly match the search for Treasury desks."""
    limits = simulate_other_limits(seed, scale, days, appetite, parameters)
    rng = stream(seed, "other desks")
    exists, firm, base_limit, limit = limits.exists, limits.firm, limits.base_limit, limits.limit
    shape = exists.shape
    count = len(firm)
    ordinary = [
        (f"{name} {REGIONS[index // len(OTHER_NAMES) % len(REGIONS)]}", description, exclusions)
        for index in range(count - FEWEST_DESKS)
        for name, description, exclusions in [OTHER_NAMES[index % len(OTHER_NAMES)]]
    ]
    identities = [*DECOY_NAMES, *ordinary]
    market = autoregression(rng, len(days), 1, 0.97, 0.25)
    norm = rng.normal(np.log(0.3), 0.4, count)
    fast = autoregression(rng, *shape, 0.6, 0.2)
    slow = autoregression(rng, *shape, 0.985, 0.25)
    var = base_limit * np.exp(norm + market + fast + slow)
    gross = base_limit * np.exp(rng.normal(6.5, 1.0, count) + slow)
    long_share = rng.uniform(0.3, 0.7, count)
    derivatives = gross * np.exp(rng.normal(1.0, 1.5, count) + 0.5 * market)
    profit = 0.15 + 0.4 * rng.standard_normal(shape)
    trades = gross * np.exp(-1.5 + fast)

    def reported(values: np.ndarray) -> np.ndarray:
        return np.where(exists, cents(values), np.nan)

    return OtherDesks(
        firm=firm,
        names=[name for name, _, _ in identities],
        descriptions=[description for _, description, _ in identities],
        exclusions=[exclusions for _, _, exclusions in identities],
        first_day=limits.first_day,
        last_day=limits.last_day,
        exists=exists,
        limit=limit,
        var=reported(var),
        securities_long=reported(gross * long_share),
        securities_short=reported(gross * (1 - long_share)),
        derivatives_long=reported(derivatives * 0.52),
        derivatives_short=reported(derivatives * 0.48),
        pnl_existing=reported(0.4 * profit * var),
        pnl_new=reported(0.6 * profit * var),
        pnl_residual=reported(0.02 * fast * var),
        customer_value=reported(trades),
        non_customer_value=reported(0.8 * trades),
    )
