"""Inference on quantiles so far out that few rows are beyond them (Chernozhukov and Fernández-Val 2011).

Where (1 - τ) n / k is small, estimates are not normal and have another rate than √n, which a bootstrap does not know.
The self-normalised statistic has a limit that blocks of b rows share, at the quantile τ_b that as many of their rows
are beyond, (1 - τ_b) b = (1 - τ) n:

    Z = A (β̂(τ) - β(τ)),    A = √((1 - τ) n) / x̄'(β̂(τ) - β̂(τ')),    (1 - τ') n = (1 - τ) n + k + 5,

and in a block the same with b, τ_b and, for β(τ), the estimate of all rows at τ_b.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dealer_limits.estimation.panel import Variables
from dealer_limits.estimation.quantile import solve_quantile, with_constant

# rows beyond the quantile per coefficient, up to which it is in the tail (their rule of thumb: 15 to 20)
MOST_BEYOND = 20

# A block is this share of the rows. In simulated samples of 2,000 days 95% intervals then cover (docs/decisions.md).
BLOCK_SHARE = 0.1

# so many blocks, evenly spread, are as good as all that there are
BLOCKS = 200

# with fewer the ends of a 95% interval are the farthest blocks
LEAST_BLOCKS = 80

# beyond either end of a 95% interval
TAIL = 0.025

# rows between the two quantiles of the statistic, beyond the number of coefficients
SPACING = 5


@dataclass(frozen=True)
class Extremal:
    """Of each coefficient (k,) but the constant: the spread of the blocks, p of zero, and the 95% interval.

    p is no less than one over the number of blocks; the interval need not have the coefficient in its middle.
    """

    se: np.ndarray
    p: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray


def extremal_inference(
    variables: Variables, dependent: str, regressors: Sequence[str], quantile: float
) -> Extremal | None:
    """Inference on the coefficients of a quantile regression; None where the quantile is not in the tail.

    None too where blocks are too short to have rows beyond it, or too few of them identify the coefficients. Rows are
    in the order of time, and blocks are of successive ones. A regressor that is estimated is taken as known.
    """
    x, y = with_constant(variables, dependent, regressors)
    rows, columns = x.shape
    # the lower tail is the upper one of -y
    sign = 1.0 if quantile >= 0.5 else -1.0
    beyond = rows * (1 - quantile if sign > 0 else quantile)
    length = int(BLOCK_SHARE * rows)
    if beyond / columns > MOST_BEYOND or beyond + columns + SPACING >= length:
        return None
    coef, scale = _normalised(x, sign * y, beyond)
    centre = solve_quantile(x, sign * y, np.ones(rows), 1 - beyond / length).coef
    draws = []
    for start in np.unique(np.linspace(0, rows - length, BLOCKS).astype(int)):
        block = slice(start, start + length)
        if np.linalg.matrix_rank(x[block]) == columns:
            own, own_scale = _normalised(x[block], sign * y[block], beyond)
            draws.append(own_scale * (own - centre))
    draws = np.array([draw for draw in draws if np.isfinite(draw).all()])[:, :-1]
    if len(draws) < LEAST_BLOCKS or not np.isfinite(scale):
        return None
    statistic = scale * coef[:-1]
    share = np.minimum((draws <= statistic).mean(axis=0), (draws >= statistic).mean(axis=0))
    p = np.clip(2 * share, 1 / len(draws), 1)
    # the least and the largest statistic that would not be rejected
    low = np.quantile(draws, TAIL, axis=0, method="inverted_cdf")
    high = -np.quantile(-draws, TAIL, axis=0, method="inverted_cdf")
    ends = np.sort(sign * (coef[:-1] - np.array([high, low]) / scale), axis=0)
    return Extremal(draws.std(axis=0, ddof=1) / scale, p, ends[0], ends[1])


def _normalised(x: np.ndarray, y: np.ndarray, beyond: float) -> tuple[np.ndarray, float]:
    """Coefficients at the quantile that `beyond` rows are above, and A."""
    rows, columns = x.shape
    solution = solve_quantile(x, y, np.ones(rows), 1 - beyond / rows)
    nearer = solve_quantile(x, y, np.ones(rows), 1 - (beyond + columns + SPACING) / rows, solution.basis)
    distance = x.mean(axis=0) @ (solution.coef - nearer.coef)
    # ties may leave none
    return solution.coef, np.sqrt(beyond) / distance if distance > 0 else np.inf
