"""The limits that desks report: which limits a desk has, what they are called, how much of them is used.

Every desk has one VaR limit whose usage is its reported VaR. Some desks have further limits whose names
contain VaR (other horizons, confidence levels, stress), some have names that merely look alike, and 11 of the
prime desks have DV01 limits (section 5.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dealer_limits.pseudo.desk_paths import autoregression, round_limit

VAR, POSITION, SENSITIVITY, STRESS, OTHER = ("VaR", "Position Limit", "Sensitivity Limit", "Stress Scenario", "Other")
VAR_NAMES = ("1-day 99% VaR", "VaR 99% 1d", "Desk VaR", "Management VaR (99%, 1-day)", "Total VaR", "VAR limit")
DV01_NAMES = ("DV01", "Net DV01 limit", "IR DV01 - total", "PV01 parallel")
DV01_BUCKETS = ("DV01 0y-2y", "DV01 2y-5y", "DV01 5y-10y", "DV01 10y+")
# further limits: name, category, usage as a multiple of VaR, size as a multiple of the VaR limit
FURTHER_VAR_LIMITS: tuple[tuple[str, str, float, float], ...] = (
    ("Stressed VaR", VAR, 2.4, 3.0),
    ("10-day VaR", VAR, 3.1, 3.2),
    ("Desk VaR (95%)", VAR, 0.68, 0.7),
    ("SVaR", VAR, 2.1, 2.5),
)
LOOKALIKE_LIMITS: tuple[tuple[str, str, float, float], ...] = (
    ("Variance Swap Notional", POSITION, 40.0, 200.0),
    ("Covariance Stress", STRESS, 5.0, 12.0),
)
PLAIN_LIMITS: tuple[tuple[str, str, float, float], ...] = (
    ("Gross Market Value", POSITION, 900.0, 2500.0),
    ("Stress Loss - 2008 Scenario", STRESS, 7.0, 20.0),
    ("Inventory Age over 180 Days", OTHER, 30.0, 150.0),
)
FURTHER_LIMITS = FURTHER_VAR_LIMITS + LOOKALIKE_LIMITS + PLAIN_LIMITS
# which of FURTHER_LIMITS a desk has depends on its place in the list
FURTHER_LIMIT_SETS = ((6,), (0, 7), (), (1, 4), (2, 6), (8,), (0, 2), (5,), (3, 7), (6, 7), (4,), ())


@dataclass(frozen=True)
class DeskLimits:
    """limits: one row per limit, in the order of the arrays' columns, which is that of desk and limit id.

    desk: (limits,) column of the limit's desk. size, usage: (T, limits) dollars. reported: (T, limits).
    """

    limits: pd.DataFrame
    desk: np.ndarray
    size: np.ndarray
    usage: np.ndarray
    reported: np.ndarray


@dataclass(frozen=True)
class _Limit:
    name: str
    category: str
    source: str
    size: np.ndarray
    usage: np.ndarray
    reported: np.ndarray


def build_limits(
    rng: np.random.Generator,
    rssd_ids: np.ndarray,
    var_limit: np.ndarray,
    var: np.ndarray,
    reported: np.ndarray,
    dv01: dict[int, tuple[np.ndarray, float]],
    replaced: dict[int, int],
) -> DeskLimits:
    """All limits of desks 0..D-1 in the order of their ids.

    var_limit, var, reported: (T, D). dv01: by desk, the (T,) DV01 and the size of its limit, dollars.
    replaced: by desk, the day from which its VaR limit has a new id.
    """
    days = len(var)
    rows, columns = [], []
    for desk in range(var.shape[1]):
        # firms report usage to the dollar, some to the hundred dollars
        unit = 100.0 if desk % 9 == 4 else 1.0
        usage = np.rint(np.nan_to_num(var[:, desk]) / unit) * unit
        name = VAR_NAMES[desk % len(VAR_NAMES)]
        start = replaced.get(desk)
        own = [_Limit(name, VAR, "Risk Appetite", var_limit[:, desk], usage, reported[:, desk])]
        if start is not None:
            before = np.arange(days) < start
            own = [
                _Limit(name, VAR, "Risk Appetite", var_limit[:, desk], usage, reported[:, desk] & before),
                _Limit(f"{name} (new model)", VAR, "Risk Appetite", var_limit[:, desk], usage,
                       reported[:, desk] & ~before),
            ]  # fmt: skip
        for choice in FURTHER_LIMIT_SETS[desk % len(FURTHER_LIMIT_SETS)]:
            label, category, of_var, of_limit = FURTHER_LIMITS[choice]
            noise = np.exp(autoregression(rng, days, 1, 0.9, 0.12)[:, 0])
            size = round_limit(np.full(days, of_limit * var_limit[0, desk]))
            used = np.rint(of_var * usage * noise)
            own.append(_Limit(label, category, "RENTD", size, used, reported[:, desk]))
        if desk in dv01:
            path, total = dv01[desk]
            label = DV01_NAMES[len(own) % len(DV01_NAMES)]
            full = np.full(days, total)
            own.append(_Limit(label, SENSITIVITY, "Risk Reducing", full, path, reported[:, desk]))
            if desk % 2 == 0:
                shares = rng.dirichlet(np.full(len(DV01_BUCKETS), 4.0), days)
                own += [
                    _Limit(bucket, SENSITIVITY, "Risk Reducing", round_limit(full * 0.4),
                           np.rint(path * shares[:, place]), reported[:, desk])
                    for place, bucket in enumerate(DV01_BUCKETS)
                ]  # fmt: skip
        for limit in own:
            rows.append((int(rssd_ids[desk]), desk, limit))
            columns.append(limit)
    limits = pd.DataFrame(
        {
            "rssd_id": [rssd for rssd, _, _ in rows],
            "limit_id": [f"L{number:05d}" for number in range(1, len(rows) + 1)],
            "limit_name": [limit.name for limit in columns],
            "limit_description": [f"{limit.name}, end of day, in dollars" for limit in columns],
            "unit_of_measurement": "USD",
            "limit_category": [limit.category for limit in columns],
            "limit_source": [limit.source for limit in columns],
        }
    )
    return DeskLimits(
        limits=limits,
        desk=np.array([desk for _, desk, _ in rows]),
        size=np.stack([limit.size for limit in columns], axis=1),
        usage=np.stack([limit.usage for limit in columns], axis=1),
        reported=np.stack([limit.reported for limit in columns], axis=1),
    )
