"""What all desks share: the calendar, interest-rate volatility, firms' risk appetite, limits."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from dealer_limits.bond_calendar import business_days

# MOVE, index points, at the dates between which its logarithm is interpolated
MOVE_KNOTS: tuple[tuple[str, float], ...] = (
    ("2015-01-02", 85), ("2015-08-24", 92), ("2016-02-11", 84), ("2016-09-01", 66),
    ("2016-11-15", 82), ("2017-06-01", 54), ("2018-02-09", 66), ("2018-09-14", 50),
    ("2019-03-22", 56), ("2019-08-28", 86), ("2020-01-17", 56), ("2020-02-20", 62),
    ("2020-03-06", 118), ("2020-03-09", 158), ("2020-03-13", 166), ("2020-03-20", 154),
    ("2020-03-31", 96), ("2020-04-30", 64), ("2020-06-15", 55), ("2020-12-31", 48),
    ("2021-06-30", 56), ("2021-11-26", 78), ("2022-03-08", 108), ("2022-06-30", 126),
    ("2022-10-12", 136), ("2023-01-31", 104), ("2023-03-15", 138), ("2023-03-31", 128),
)  # fmt: skip

NICE_LIMITS = np.array([1, 1.2, 1.5, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7.5, 8])
MARCH_2020 = ("2020-03-01", "2020-03-31")


def stream(seed: int, part: str) -> np.random.Generator:
    """Random numbers of one named part of the world: to draw more of one part leaves the others alone."""
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(part.encode())]))


def autoregression(rng: np.random.Generator, days: int, desks: int, persistence: float, deviation: float) -> np.ndarray:
    """(days, desks) stationary AR(1) paths with standard deviation `deviation`."""
    shocks = rng.standard_normal((days, desks)) * deviation * np.sqrt(1 - persistence**2)
    shocks[0] = rng.standard_normal(desks) * deviation
    return lfilter([1.0], [1.0, -persistence], shocks, axis=0)


def in_spans(days: pd.DatetimeIndex, spans: tuple[tuple[str, str | None], ...]) -> np.ndarray:
    """(days,) whether each day falls into one of the spans (both ends included, None is open)."""
    inside = np.zeros(len(days), dtype=bool)
    for first, last in spans:
        inside |= (days >= first) & (days <= last if last else True)
    return inside


@dataclass(frozen=True)
class Market:
    """days: (T,) business days. log_move: (T,) log of MOVE. volatility_gap: (T,) log volatility in firms' VaR
    models relative to the regime that their limits are set for."""

    days: pd.DatetimeIndex
    log_move: np.ndarray
    volatility_gap: np.ndarray


def simulate_market(seed: int) -> Market:
    """Log MOVE is an event shape plus AR(1) noise; VaR models follow rises quickly and forget slowly.

    v_t = v_{t-1} + a (log MOVE_t - v_{t-1}), a = 0.5 when volatility rises and 0.04 when it falls; the gap
    is v less its own exponential average with a weight of 1/90 a day.
    """
    days = business_days()
    ordinals = days.to_numpy().astype("datetime64[D]").astype(float)
    knots = np.array([np.datetime64(day).astype("datetime64[D]").astype(float) for day, _ in MOVE_KNOTS])
    shape = np.interp(ordinals, knots, np.log([level for _, level in MOVE_KNOTS]))
    log_move = shape + autoregression(stream(seed, "volatility"), len(days), 1, 0.93, 0.06)[:, 0]
    model, regime = np.empty(len(days)), np.empty(len(days))
    model[0] = regime[0] = log_move[0]
    for day in range(1, len(days)):
        surprise = log_move[day] - model[day - 1]
        model[day] = model[day - 1] + (0.5 if surprise > 0 else 0.04) * surprise
        regime[day] = regime[day - 1] + (model[day] - regime[day - 1]) / 90
    return Market(days, log_move, model - regime)


@dataclass(frozen=True)
class AppetiteEvent:
    """A day on which a firm moves many of its limits in one direction, by about `log_size`."""

    day: int
    firm: int
    log_size: float


def simulate_risk_appetite(seed: int, days: pd.DatetimeIndex, firms: int) -> list[AppetiteEvent]:
    """Firm-wide limit changes: 0.36% of firm-days, 5% and only upwards in March 2020.

    A firm that has raised its limits is likelier to lower them next, and the other way round.
    """
    rng = stream(seed, "risk appetite")
    march = in_spans(days, (MARCH_2020,))
    happens = rng.random((len(days), firms)) < np.where(march, 0.05, 0.0036)[:, None]
    level = np.zeros(firms)
    events = []
    for day, firm in zip(*np.nonzero(happens), strict=True):
        up = march[day] or rng.random() < 1 / (1 + np.exp(2 * level[firm]))
        size = rng.uniform(0.15, 0.3) if march[day] else rng.uniform(0.3, 0.65)
        log_size = size if up else -size
        level[firm] += log_size
        events.append(AppetiteEvent(int(day), int(firm), float(log_size)))
    return events


def round_limit(dollars: np.ndarray) -> np.ndarray:
    """The nearest limit that a risk committee would write down: 1, 1.2, 1.5, ... times a power of ten."""
    power = 10.0 ** np.floor(np.log10(dollars))
    grid = np.append(NICE_LIMITS, 10.0)
    middles = np.sqrt(grid[1:] * grid[:-1])
    return power * grid[np.searchsorted(middles, dollars / power)]


def simulate_limits(
    rng: np.random.Generator,
    days: pd.DatetimeIndex,
    events: list[AppetiteEvent],
    firm_of_desk: np.ndarray,
    base_dollars: np.ndarray,
    returning: float,
    follows: float = 0.7,
    delay: int = 0,
) -> np.ndarray:
    """(days, desks) VaR limits in dollars, round numbers.

    A desk follows a firm's event with probability `follows`, within `delay` business days. A limit that is
    off its base returns to it on a day of its own, with probability `returning` outside March 2020, so that
    what desks of a firm have in common are the firm's decisions. With 1% a day, limits stay on about 99.5% of
    days, rise on 0.29% and fall on 0.24% (section 4.1.2).
    """
    desks = len(firm_of_desk)
    base = np.log(base_dollars)
    returns = (rng.random((len(days), desks)) < returning) & ~in_spans(days, (MARCH_2020,))[:, None]
    moves = np.zeros((len(days) + delay, desks))
    for event in events:
        joins = np.flatnonzero((firm_of_desk == event.firm) & (rng.random(desks) < follows))
        on_day = event.day + rng.integers(0, delay + 1, len(joins))
        np.add.at(moves, (on_day, joins), event.log_size * rng.uniform(0.8, 1.2, len(joins)))
    level = base.copy()
    path = np.empty((len(days), desks))
    for day in range(len(days)):
        level = np.where(returns[day], base, level) + moves[day]
        path[day] = level
    return round_limit(np.exp(path))
