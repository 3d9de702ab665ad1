"""The desk panel of one pseudo world in memory: what the marts hold, as (day, desk) arrays, without files.

The columns are those of `obs_desk_horizon` and `obs_market_day`, under their names; a test holds every
estimate on them equal to the one on the warehouse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.specifications import nearest
from dealer_limits.project import PROJECT
from dealer_limits.pseudo.bank_capital import QUARTERS, simulate_leverage_ratios
from dealer_limits.pseudo.desk_other import ALL_FIRMS, simulate_other_limits
from dealer_limits.pseudo.desk_paths import round_limit
from dealer_limits.pseudo.desk_roster import PRIME_DESKS, TREASURY_DESKS
from dealer_limits.pseudo.desk_treasury import LAST_AGING_DAY, TreasuryDesks, simulate_treasury_desks
from dealer_limits.pseudo.desks import LATE_AGING
from dealer_limits.pseudo.market import limit_usage_index, simulate_market_series
from dealer_limits.pseudo.parameters import Parameters
from dealer_limits.variables import documented

OBSERVATIONS = "obs_desk_horizon"
CONSTANTS = documented(PROJECT)
# P&L over VaR is a decimal in the marts
PNL_DECIMALS = 10


@dataclass(frozen=True)
class DeskPanel:
    """terms, outcomes: (T, 40) arrays by name, outcomes also by horizon; nan where there is null in SQL.

    is_prime, firm: (40,), firm as whole numbers. market: (T,) arrays by name. The first 18 desks are the
    prime ones.
    """

    days: pd.DatetimeIndex
    is_prime: np.ndarray
    firm: np.ndarray
    terms: dict[str, np.ndarray]
    outcomes: dict[tuple[str, int], np.ndarray]
    market: dict[str, np.ndarray]

    def column(self, name: str, horizon: int | None) -> np.ndarray:
        """(T, 40) values of a column of the observations: a term of the day, or what belongs to the horizon.

        Raises DealerLimitsError where there is none of that name.
        """
        found = self.outcomes.get((name, horizon or 0), self.terms.get(name))
        if found is None:
            known = {*self.terms, *(outcome for outcome, _ in self.outcomes)}
            raise DealerLimitsError(f"the desk panel in memory has no column {name}, {nearest(name, sorted(known))}")
        return found

    def sample(self, flag: str) -> np.ndarray:
        """(T, D) rows of a sample by its flag; of the prime desks, which come first, D is their number.

        Raises DealerLimitsError where there is none of that name.
        """
        prime = int(self.is_prime.sum())
        samples = {
            "": (len(self.is_prime), self.days >= self.days[0]),
            "is_prime_treasury_desk": (prime, self.days >= self.days[0]),
            "is_prime_treasury_desk_in_2020": (prime, self.days.year == 2020),
        }
        if flag not in samples:
            raise DealerLimitsError(f"the desk panel in memory has no sample {flag}, {nearest(flag, samples)}")
        desks, is_in = samples[flag]
        return np.repeat(np.asarray(is_in)[:, None], desks, axis=1)


def simulate_desk_panel(
    seed: int, parameters: Parameters, scale: float = 1.0, impulse: np.ndarray | None = None
) -> DeskPanel:
    """The panel that `dealer-limits pseudo` and `dbt build` make of the same seed, world and scale.

    `impulse` (T,): log points by which desks believe their usage to be higher than it is.
    """
    treasury = simulate_treasury_desks(seed, parameters, impulse)
    days = treasury.days
    limit = np.where(treasury.has_usage, treasury.limit, np.nan)
    lagged_limit = shift(limit, -1)
    usage = treasury.reported_var / lagged_limit
    positions = positions_of(treasury)
    ages = _ages(treasury)
    levels = {name: log_or_nan(values / 1e6) for name, values in (positions | ages).items()}
    profits = _scaled_profits(treasury, lagged_limit)
    leverage = simulate_leverage_ratios(seed, parameters)
    increase, decrease = _firm_limit_changes(simulate_other_limits(seed, scale, days, treasury.appetite, parameters))
    firm = firm_of_desk()
    log_usage = log_or_nan(usage)
    distance = _lagged_slr_distance(leverage.distance_pct, days)[:, firm]
    standardised = _standardised(usage, days)
    rank = _percentile_rank(standardised, days)

    terms = {
        "log_limit_usage": log_usage,
        "slr_distance_lag_pct": distance,
        "log_limit_usage_x_slr_distance_lag_pct": log_usage * distance,
        "log_dv01_limit_usage": _log_dv01_usage(treasury),
        "limit_usage_std": standardised,
        "limit_usage_percentile_rank": rank,
        "firm_limit_increase": increase[:, firm],
        "firm_limit_decrease": decrease[:, firm],
        "log_var": log_or_nan(treasury.reported_var / 1e6),
        "negative_log_var_limit_lag": -log_or_nan(lagged_limit / 1e6),
        "log_limit_usage_lag": shift(log_usage, -1),
        "log_var_limit_change": log_or_nan(lagged_limit / shift(limit, -2)),
    }
    terms |= _quartiles(rank)
    terms |= {f"log_{name}": values for name, values in levels.items()}
    outcomes = {}
    for horizon in CONSTANTS["horizons"]:
        changes = {f"d_log_{name}": shift(values, horizon) - values for name, values in levels.items()}
        for scope in ("position", "securities_position"):
            changes[f"d_log_net_to_gross_{scope}"] = changes[f"d_log_net_{scope}"] - changes[f"d_log_gross_{scope}"]
        changes |= {f"d_{name}": _mean_ahead(values, horizon) - values for name, values in profits.items()}
        changes["log_limit_usage_ahead"] = shift(log_usage, horizon)
        outcomes |= {(name, horizon): values for name, values in changes.items()}
    is_prime = np.arange(len(TREASURY_DESKS)) < len(PRIME_DESKS)
    index = limit_usage_index(treasury)
    series = simulate_market_series(seed, treasury.market, index, parameters)
    market = {"log_limit_usage_index": index}
    for frame in (series.move, series.curve_fit_error, series.on_the_run_premium):
        name = frame.columns[1]
        market[name.removesuffix("_bp")] = frame.set_index("date")[name].reindex(days).to_numpy()
    return DeskPanel(days, is_prime, firm, terms, outcomes, market)


def shift(values: np.ndarray, days: int) -> np.ndarray:
    """The values of `days` business days later (earlier if negative), nan beyond the ends."""
    shifted = np.full_like(values, np.nan)
    if days > 0:
        shifted[:-days] = values[days:]
    else:
        shifted[-days:] = values[:days]
    return shifted


def log_or_nan(values: np.ndarray) -> np.ndarray:
    """Natural log; nan at zero, as the observations have it."""
    return np.log(values, where=values > 0, out=np.full_like(values, np.nan))


def firm_of_desk() -> np.ndarray:
    """(40,) the firm of each Treasury desk as a whole number."""
    place = {firm.mpid: number for number, firm in enumerate(ALL_FIRMS)}
    return np.array([place[desk.mpid] for desk in TREASURY_DESKS])


def positions_of(treasury: TreasuryDesks) -> dict[str, np.ndarray]:
    """(T, 40) positions in dollars by their names in the marts."""
    at_notional = (treasury.days <= CONSTANTS["combined_positions_end"])[:, None]
    sides = {"long_securities_position": treasury.securities_long}
    sides["short_securities_position"] = treasury.securities_short
    for side in ("long", "short"):
        derivatives = getattr(treasury, f"derivatives_{side}")
        sides[f"{side}_position"] = np.where(at_notional, sides[f"{side}_securities_position"] + derivatives, np.nan)
    for scope in ("position", "securities_position"):
        long, short = sides[f"long_{scope}"], sides[f"short_{scope}"]
        # in whole cents, so that a matched book is exactly zero
        sides[f"net_{scope}"] = np.abs(np.rint(long * 100) - np.rint(short * 100)) / 100
        sides[f"gross_{scope}"] = long + short
    return sides


def _ages(treasury: TreasuryDesks) -> dict[str, np.ndarray]:
    securities = treasury.aging[:, :, :, 0, :]
    reported = np.broadcast_to((treasury.days <= LAST_AGING_DAY)[:, None], securities.shape[:2]).copy()
    place, since = LATE_AGING
    reported[: treasury.days.searchsorted(since), place] = False
    ages = {}
    for number, side in enumerate(("assets", "liabilities")):
        new, total = securities[:, :, number, 0], securities[:, :, number, :].sum(axis=2)
        ages[f"{side}_le_30d"] = np.where(reported, new, np.nan)
        ages[f"{side}_gt_30d"] = np.where(reported, np.rint((total - new) * 100) / 100, np.nan)
    return ages


def _scaled_profits(treasury: TreasuryDesks, lagged_limit: np.ndarray) -> dict[str, np.ndarray]:
    """P&L over the VaR of its own day, over that of the day before, and over the limit that binds the day."""
    parts = {"total": treasury.pnl_new + treasury.pnl_existing}
    parts |= {"new": treasury.pnl_new, "existing": treasury.pnl_existing}
    var = np.where(treasury.reported_var > 0, treasury.reported_var, np.nan)
    scales = {"var": var, "var_lag": shift(var, -1), "limit": lagged_limit}
    return {
        f"pnl_{part}_to_{scale}": np.round(dollars / values, PNL_DECIMALS)
        for scale, values in scales.items()
        for part, dollars in parts.items()
    }


def _mean_ahead(values: np.ndarray, horizon: int) -> np.ndarray:
    """Mean over the next `horizon` days, of the days that there are (eq. 13)."""
    ahead = np.stack([shift(values, step) for step in range(1, horizon + 1)])
    count = np.isfinite(ahead).sum(axis=0)
    total = np.where(np.isfinite(ahead), ahead, 0.0).sum(axis=0)
    return np.divide(total, count, where=count > 0, out=np.full_like(total, np.nan))


def _lagged_slr_distance(distance_pct: np.ndarray, days: pd.DatetimeIndex) -> np.ndarray:
    """(T, firms) distance of the quarter before, from 2018 on."""
    quarter_ends = pd.to_datetime(list(QUARTERS))
    before = quarter_ends.searchsorted(days.to_period("Q").start_time) - 1
    return np.where((days >= CONSTANTS["slr_start"])[:, None], distance_pct[before], np.nan)


def _log_dv01_usage(treasury: TreasuryDesks) -> np.ndarray:
    size = round_limit(np.array([0.3 * desk.limit_mn * 1e6 for desk in TREASURY_DESKS]))
    reported = np.where(treasury.has_usage, treasury.dv01, np.nan)
    limit = np.where(treasury.has_usage, size, np.nan)
    has_limit = np.array([desk.has_dv01_limit for desk in TREASURY_DESKS])
    return np.where(has_limit, log_or_nan(reported / shift(limit, -1)), 0.0)


def _first_of_window(days: pd.DatetimeIndex) -> np.ndarray:
    """(T,) the first day that lies within a year before each day."""
    return days.searchsorted(days - pd.Timedelta(days=CONSTANTS["rolling_window_days"]))


def _standardised(usage: np.ndarray, days: pd.DatetimeIndex) -> np.ndarray:
    """Usage less its mean over its standard deviation, both of the desk's past year (section 5.6)."""
    known = np.isfinite(usage)
    # centred first: sums of squares then keep their digits
    centred = np.where(known, usage - np.nanmean(usage, axis=0), 0.0)
    first = _first_of_window(days)

    def past_year(values: np.ndarray) -> np.ndarray:
        total = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
        return total[1:] - total[first]

    count = past_year(known.astype(float))
    enough = known & (count > CONSTANTS["rolling_minimum_observations"])
    count = np.where(enough, count, np.nan)
    mean = past_year(centred) / count
    variance = (past_year(centred**2) - count * mean**2) / (count - 1)
    return (centred - mean) / np.sqrt(np.where(variance > 0, variance, np.nan))


def _percentile_rank(standardised: np.ndarray, days: pd.DatetimeIndex) -> np.ndarray:
    """Share of the past year's other days below the day, ties counting half; 0 to 1."""
    first = _first_of_window(days)
    below = np.zeros_like(standardised)
    others = np.zeros_like(standardised)
    for lag in range(1, int((np.arange(len(days)) - first).max()) + 1):
        inside = (np.arange(lag, len(days)) - lag >= first[lag:])[:, None]
        today, past = standardised[lag:], standardised[:-lag]
        below[lag:] += inside * ((past < today) + 0.5 * (past == today))
        others[lag:] += inside * (np.isfinite(today) & np.isfinite(past))
    enough = np.isfinite(standardised) & (others >= CONSTANTS["rolling_minimum_observations"])
    return np.divide(below, others, where=enough, out=np.full_like(below, np.nan))


def _quartiles(rank: np.ndarray) -> dict[str, np.ndarray]:
    quartile = np.where(np.isfinite(rank), np.searchsorted([0.25, 0.5, 0.75], rank) + 1.0, np.nan)
    return {f"limit_usage_q{number}": np.where(np.isfinite(rank), quartile == number, np.nan) for number in (2, 3, 4)}


def _firm_limit_changes(limits) -> tuple[np.ndarray, np.ndarray]:
    """(T, firms) instruments of eq. 11-12, of the change from t - 2 to t - 1."""
    reported = np.where(limits.exists, limits.limit, np.nan)
    before, after = shift(reported, -2), shift(reported, -1)
    change = after - before
    changes = []
    for moved in (change > 0, change < 0):
        ratio = np.full((len(change), len(ALL_FIRMS)), np.nan)
        for firm in range(len(ALL_FIRMS)):
            own = limits.firm == firm
            compared = np.isfinite(change[:, own]).any(axis=1)
            base = np.where(moved[:, own], before[:, own], 0.0).sum(axis=1)
            total = np.where(moved[:, own], change[:, own], 0.0).sum(axis=1)
            share = np.divide(total, base, where=base > 0, out=np.zeros_like(total))
            ratio[:, firm] = np.where(compared, share, np.nan)
        changes.append(ratio)
    return changes[0], changes[1]
