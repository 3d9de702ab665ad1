"""Market series: ten-year yield, MOVE, the curve fitting error and the on-the-run premium."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dealer_limits.project import PROJECT
from dealer_limits.pseudo.desk_paths import Market, autoregression, stream
from dealer_limits.pseudo.desk_roster import PRIME_DESKS
from dealer_limits.pseudo.desk_treasury import TreasuryDesks
from dealer_limits.pseudo.parameters import Parameters
from dealer_limits.variables import documented

# percent, at the dates between which the ten-year yield is interpolated
YIELD_KNOTS: tuple[tuple[str, float], ...] = (
    ("2015-01-01", 2.15), ("2015-07-01", 2.40), ("2016-07-08", 1.40), ("2016-12-15", 2.55),
    ("2017-09-07", 2.10), ("2018-11-08", 3.20), ("2019-09-03", 1.50), ("2019-12-31", 1.90),
    ("2020-02-20", 1.52), ("2020-03-09", 0.55), ("2020-03-18", 1.18), ("2020-03-31", 0.70),
    ("2020-08-04", 0.54), ("2021-03-31", 1.72), ("2021-08-04", 1.20), ("2021-12-31", 1.52),
    ("2022-06-14", 3.45), ("2022-08-01", 2.65), ("2022-10-24", 4.22), ("2023-01-18", 3.45),
    ("2023-03-02", 4.05), ("2023-03-31", 3.50),
)  # fmt: skip
HOLIDAY_WITH_YIELD = "2015-04-03"
BUSINESS_DAY_WITHOUT_YIELD = "2018-12-05"
DAYS_WITHOUT_MOVE = 17
DAYS_WITHOUT_FITTING_ERROR = 3
VOLUME_DAYS = documented(PROJECT)["market_share_window"]

# level and spread of each measure of illiquidity, basis points
ILLIQUIDITY = {"curve_fit_error": (2.1, 0.75), "on_the_run_premium": (11.0, 4.0)}
# percentiles of a day's draw at which its slopes and its noise are parameters; between them they are linear in the
# exponential draw, and the lowest of each follows from the mean
SLOPE_PERCENTILES = (50, 75, 99)
NOISE_PERCENTILES = (10, 25, 50, 75, 90, 99)


@dataclass(frozen=True)
class MarketSeries:
    """One frame per file, columns as in the file; DGS10 is nan on days without a yield."""

    treasury_yields: pd.DataFrame
    move: pd.DataFrame
    curve_fit_error: pd.DataFrame
    on_the_run_premium: pd.DataFrame


def limit_usage_index(treasury: TreasuryDesks) -> np.ndarray:
    """(T,) average log usage of the prime desks, weighted by customer volume over the 20 days before (eq. 14-15); nan
    before."""
    prime = slice(0, len(PRIME_DESKS))
    usage, volume = treasury.usage[:, prime], np.nan_to_num(treasury.customer_value[:, prime])
    total = np.vstack([np.zeros((1, volume.shape[1])), np.cumsum(volume, axis=0)])
    weight = np.full_like(volume, np.nan)
    weight[VOLUME_DAYS:] = total[VOLUME_DAYS:-1] - total[: -VOLUME_DAYS - 1]
    log_usage = np.log(usage, where=usage > 0, out=np.full_like(usage, np.nan))
    weight = np.where(np.isnan(log_usage), 0.0, weight)
    with np.errstate(invalid="ignore"):
        return (weight * np.nan_to_num(log_usage)).sum(axis=1) / weight.sum(axis=1)


def simulate_market_series(seed: int, market: Market, index: np.ndarray, parameters: Parameters) -> MarketSeries:
    """The market files, given the (T,) limit-usage index of the prime desks."""
    rng = stream(seed, "market series")
    days = market.days
    move = np.round(np.exp(market.log_move), 2)
    move_std = (move - move.mean()) / move.std()
    known = ~np.isnan(index)
    slope, intercept = np.polyfit(move[known], index[known], 1)
    residual = np.where(known, index - intercept - slope * move, 0.0)
    residual /= residual[known].std()
    illiquidity = {}
    for name, (level, size) in ILLIQUIDITY.items():
        # a day that is high for its market depends on it by the slopes of high quantiles (Table 15)
        draw = rng.exponential(size=len(days))
        standardised = (
            _slope(f"{name}_on_move", draw, parameters) * move_std
            + _slope(f"{name}_on_usage", draw, parameters) * residual
            + _noise(f"{name}_noise", draw, parameters)
        )
        illiquidity[name] = np.round(np.maximum(level + size * standardised, 0.05 * level), 4)
    calm = np.nonzero((days.year != 2020) & (np.arange(len(days)) > VOLUME_DAYS))[0]
    dropped = rng.choice(calm, DAYS_WITHOUT_MOVE + DAYS_WITHOUT_FITTING_ERROR, replace=False)

    def series(name: str, values: np.ndarray, without: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame({"date": days, name: values}).drop(index=without).reset_index(drop=True)

    return MarketSeries(
        treasury_yields=_yields(rng, days),
        move=series("move", move, dropped[:DAYS_WITHOUT_MOVE]),
        curve_fit_error=series("curve_fit_error_bp", illiquidity["curve_fit_error"], dropped[DAYS_WITHOUT_MOVE:]),
        on_the_run_premium=series("on_the_run_premium_bp", illiquidity["on_the_run_premium"], dropped[:0]),
    )


def _knots(percentiles: tuple[int, ...]) -> np.ndarray:
    """Quantiles of an exponential draw, from its lowest on."""
    return -np.log1p(-np.array([0, *percentiles]) / 100)


def _slope(name: str, draw: np.ndarray, parameters: Parameters) -> np.ndarray:
    """(T,) slopes of days with these exponential draws. Their mean is `name`, which least squares finds; at a
    percentile it is `name`_q<percentile>, near what the regression of that quantile finds."""
    knots = _knots(SLOPE_PERCENTILES)
    slopes = np.array([0.0, *(parameters[f"{name}_q{percentile}"] for percentile in SLOPE_PERCENTILES)])
    of_lowest = _mean_of_line(knots, np.eye(len(knots))[0])
    slopes[0] = (parameters[name] - _mean_of_line(knots, slopes)) / of_lowest
    return np.interp(draw, knots, slopes)


def _noise(name: str, draw: np.ndarray, parameters: Parameters) -> np.ndarray:
    """(T,) noise of mean zero of days with these exponential draws: at a percentile `name`_q<percentile> above its
    lowest, and beyond the last as steep as before it."""
    knots = _knots(NOISE_PERCENTILES)
    above = np.array([0.0, *(parameters[f"{name}_q{percentile}"] for percentile in NOISE_PERCENTILES)])
    steepness = (above[-1] - above[-2]) / (knots[-1] - knots[-2])
    noise = np.interp(draw, knots, above) + steepness * np.maximum(draw - knots[-1], 0)
    return noise - _mean_of_line(knots, above) - steepness * np.exp(-knots[-1])


def _mean_of_line(knots: np.ndarray, values: np.ndarray) -> float:
    """Mean over exponential draws of the line through `values` at `knots`, level beyond the last: that of the first
    value and of each slope times the share of draws that pass along it."""
    passing = np.exp(-knots)
    return float(values[0] + np.sum(np.diff(values) / np.diff(knots) * -np.diff(passing)))


def _yields(rng: np.random.Generator, days: pd.DatetimeIndex) -> pd.DataFrame:
    """Every weekday with the ten-year yield in percent, blank on holidays as the Board publishes it."""
    weekdays = pd.bdate_range("2015-01-01", days[-1])
    knots = pd.DatetimeIndex([day for day, _ in YIELD_KNOTS])
    path = np.interp(weekdays.asi8, knots.asi8, [level for _, level in YIELD_KNOTS])
    path = np.round(np.maximum(path + autoregression(rng, len(weekdays), 1, 0.97, 0.08)[:, 0], 0.3), 2)
    published = weekdays.isin(days) | (weekdays == HOLIDAY_WITH_YIELD)
    published &= weekdays != BUSINESS_DAY_WITHOUT_YIELD
    return pd.DataFrame({"observation_date": weekdays, "DGS10": np.where(published, path, np.nan)})
