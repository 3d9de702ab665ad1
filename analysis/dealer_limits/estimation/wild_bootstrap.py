"""The wild cluster bootstrap for few clusters (Cameron, Gelbach and Miller 2008; MacKinnon and others 2023).

Residuals of the regression without the tested coefficient (null imposed) change sign by cluster. Everything
is linear in the signs: what the effects and the other regressors leave of the residuals of one cluster is
found once, from sums by level and cluster, and a draw is then a product of matrices with a row per cluster.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dealer_limits.estimation.absorb import Effects, coordinates_by_group, number_levels
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
        deviation, left = self._deviations(by_cluster)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = deviation / (np.sqrt(np.sum(left**2, axis=0)) / self.norm)
        return float(t[0]), t[1:]

    def p_value(self, signs: np.ndarray, null: float = 0.0) -> float:
        """The share of draws with a t at least as far from zero as the sample's."""
        return share_as_far(*self.statistics(signs, null))

    def interval(self, signs: np.ndarray, se: float, level: float = 0.95) -> tuple[float, float]:
        """The hypotheses that are not rejected; infinite where a side has no end.

        `se` sets the scale of the search, which doubles outwards from the coefficient and then bisects. The
        numerator of a draw's t² and its variance are polynomials of the hypothesis: found once, they cost a
        few sums where the draws would cost a product of matrices.
        """
        all_signs = np.column_stack([np.ones(len(signs)), signs])
        # of the hypothesis that the coefficient is what it is, and per unit of distance from it
        (at, left_at), (per, left_per) = (
            self._deviations(matrix @ all_signs) for matrix in (self.scores - self.coef * self.slopes, self.slopes)
        )
        constant, linear, square = (
            np.sum(one * other, axis=0)
            for one, other in ((left_at, left_at), (left_at, left_per), (left_per, left_per))
        )

        def is_inside(distance: float) -> bool:
            with np.errstate(divide="ignore", invalid="ignore"):
                t = np.abs(at - distance * per) / np.sqrt(constant - distance * (2 * linear - distance * square))
            return share_as_far(t[0], t[1:]) > 1 - level

        ends = []
        for direction in (-se, se):
            inside, outside = 0.0, 2.0
            while is_inside(direction * outside):
                inside, outside = outside, outside * 2
                if outside > 1e6:
                    break
            if outside > 1e6:
                ends.append(float(np.copysign(np.inf, direction)))
                continue
            while outside - inside > ENDS_TOLERANCE:
                middle = (inside + outside) / 2
                if is_inside(direction * middle):
                    inside = middle
                else:
                    outside = middle
            ends.append(self.coef + direction * inside)
        return ends[0], ends[1]

    def _deviations(self, by_cluster: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of scores (G, draws): the estimates less the hypothesis, and the scores of what is then left."""
        deviation = by_cluster.sum(axis=0) / self.norm
        return deviation, by_cluster - self.squares[:, None] * deviation


def share_as_far(t: float, draws: np.ndarray) -> float:
    """The p-value: the share of the draws' t at least as far from zero as the sample's."""
    # a draw with the signs of the sample has its t but for rounding
    return float(np.mean(np.abs(draws) >= abs(t) * (1 - 1e-10)))


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
    group = number_levels(clusters)
    tests = []
    for position, regressor in enumerate(regressors):
        others = [name for place, name in enumerate(regressors) if place != position]
        beside = np.linalg.qr(np.column_stack([variables.within[name] for name in others]))[0] if others else None
        x, y = (_residual(beside, variables.within[name]) for name in (regressor, dependent))
        squares, products = (np.bincount(group, x * values) for values in (x, y))
        explained_x, explained_y = (_explained(variables.effects, beside, values, group) for values in (x, y))
        norm = float(x @ x)
        tests.append(
            WildTest(
                coef=float(x @ y) / norm,
                norm=norm,
                # what is left of a cluster is what was there less what effects and other regressors explain
                scores=np.diag(products) - explained_x.T @ explained_y,
                slopes=np.diag(squares) - explained_x.T @ explained_x,
                squares=squares,
            )
        )
    return tests


def coarser(test: WildTest, clusters: np.ndarray) -> WildTest:
    """The test with clusters put together: `clusters` (G,) names the coarser cluster of each."""
    group = number_levels(clusters)
    together = np.eye(group.max() + 1)[:, group]
    return dataclasses.replace(
        test,
        scores=together @ test.scores @ together.T,
        slopes=together @ test.slopes @ together.T,
        squares=together @ test.squares,
    )


def _residual(beside: np.ndarray | None, values: np.ndarray) -> np.ndarray:
    return values if beside is None else values - beside @ (beside.T @ values)


def _explained(effects: Effects, beside: np.ndarray | None, values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """What effects and other regressors, orthonormal columns (n, m), explain of each cluster: coordinates (·, G)."""
    by_effects = coordinates_by_group(effects, values, group)
    if beside is None:
        return by_effects
    return np.vstack([by_effects, *(np.bincount(group, column * values)[None] for column in beside.T)])
