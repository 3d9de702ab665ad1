"""The wild cluster bootstrap for few clusters (Cameron, Gelbach and Miller 2008; MacKinnon and others 2023).

Residuals of the regression without the tested coefficient (null imposed) change sign by cluster. Everything
is linear in the signs: what the effects and the other regressors leave of the residuals of one cluster is
found once, and a draw is then a product of matrices with a row per cluster.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dealer_limits.estimation.absorb import demean
from dealer_limits.estimation.panel import Variables

# With so few clusters that all sign patterns are no more than the draws, all are taken.
DRAWS = 1_999

# Ends of intervals are found to this share of the standard error.
ENDS_TOLERANCE = 1e-4


@dataclass(frozen=True)
class WildTest:
    """A test of one coefficient; `t` is on clustered errors without small-sample factor.

    `coef` and `norm` (x̃'x̃) are of the regressor that the others and the effects leave. The scores of the
    draws are `scores` - β₀ `slopes`, (G, G) each: entry (g, h) is what cluster h, times its sign, adds to the
    score of cluster g. `squares` (G,) are the parts of `norm`.
    """

    coef: float
    norm: float
    scores: np.ndarray
    slopes: np.ndarray
    squares: np.ndarray

    def statistics(self, signs: np.ndarray, null: float = 0.0) -> tuple[float, np.ndarray]:
        """t of the sample and t of every draw, `signs` (G, draws), under the hypothesis β = `null`."""
        # the sample is the draw in which no sign changes
        all_signs = np.column_stack([np.ones(len(signs)), signs])
        by_cluster = (self.scores - null * self.slopes) @ all_signs
        deviation = by_cluster.sum(axis=0) / self.norm
        left = by_cluster - self.squares[:, None] * deviation
        with np.errstate(divide="ignore", invalid="ignore"):
            t = deviation / (np.sqrt(np.sum(left**2, axis=0)) / self.norm)
        return float(t[0]), t[1:]

    def p_value(self, signs: np.ndarray, null: float = 0.0) -> float:
        """The share of draws with a t at least as far from zero as the sample's."""
        t, draws = self.statistics(signs, null)
        # a draw with the signs of the sample has its t but for rounding
        return float(np.mean(np.abs(draws) >= abs(t) * (1 - 1e-10)))

    def interval(self, signs: np.ndarray, se: float, level: float = 0.95) -> tuple[float, float]:
        """The hypotheses that are not rejected; infinite where a side has no end.

        `se` sets the scale of the search, which doubles outwards from the coefficient and then bisects.
        """
        ends = []
        for direction in (-1.0, 1.0):
            inside, outside = 0.0, 2.0
            while self.p_value(signs, self.coef + direction * outside * se) > 1 - level:
                inside, outside = outside, outside * 2
                if outside > 1e6:
                    break
            if outside > 1e6:
                ends.append(direction * float("inf"))
                continue
            while outside - inside > ENDS_TOLERANCE:
                middle = (inside + outside) / 2
                if self.p_value(signs, self.coef + direction * middle * se) > 1 - level:
                    inside = middle
                else:
                    outside = middle
            ends.append(self.coef + direction * inside * se)
        return ends[0], ends[1]


def draw_signs(clusters: int, seed: int, draws: int = DRAWS) -> np.ndarray:
    """Signs (G, draws): every pattern once if there are no more than `draws`, else Rademacher draws.

    The first pattern changes nothing: the sample counts among its draws, and no p-value is zero.
    """
    if 2**clusters <= draws:
        patterns = np.arange(2**clusters)
        return 1.0 - 2.0 * ((patterns[None, :] >> np.arange(clusters)[:, None]) & 1)
    signs = np.random.default_rng([seed, clusters]).choice([-1.0, 1.0], size=(clusters, draws))
    signs[:, 0] = 1.0
    return signs


def prepare_tests(
    variables: Variables, dependent: str, regressors: Sequence[str], clusters: np.ndarray
) -> list[WildTest]:
    """One test per regressor of least squares with absorbed effects, clustered by `clusters` (n,)."""
    group = np.unique(clusters, return_inverse=True)[1]
    count = group.max() + 1
    tests = []
    for position, regressor in enumerate(regressors):
        others = [name for place, name in enumerate(regressors) if place != position]
        beside = np.column_stack([variables.within[name] for name in others]) if others else np.empty((len(group), 0))
        x = _residual(beside, variables.within[regressor])
        y = _residual(beside, variables.within[dependent])
        norm = float(x @ x)
        parts = {}
        for name, values in (("scores", y), ("slopes", x)):
            matrix = np.empty((count, count))
            for cluster in range(count):
                alone = np.where(group == cluster, values, 0.0)
                left = _residual(beside, demean(variables.effects, alone))
                matrix[:, cluster] = np.bincount(group, x * left, minlength=count)
            parts[name] = matrix
        squares = np.bincount(group, x * x, minlength=count)
        tests.append(WildTest(float(x @ y) / norm, norm, parts["scores"], parts["slopes"], squares))
    return tests


def coarser(test: WildTest, clusters: np.ndarray) -> WildTest:
    """The test with clusters put together: `clusters` (G,) names the coarser cluster of each."""
    group = np.unique(clusters, return_inverse=True)[1]
    together = np.eye(group.max() + 1)[:, group]
    return dataclasses.replace(
        test,
        scores=together @ test.scores @ together.T,
        slopes=together @ test.slopes @ together.T,
        squares=together @ test.squares,
    )


def _residual(beside: np.ndarray, values: np.ndarray) -> np.ndarray:
    if not beside.shape[1]:
        return values
    return values - beside @ np.linalg.lstsq(beside, values)[0]
