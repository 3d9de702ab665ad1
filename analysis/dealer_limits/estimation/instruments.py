"""What a referee asks of an instrumented regression: strength, sets that do not need it, overidentification.

One endogenous regressor, L instruments, effects and other regressors taken out. Variances are clustered, with
the factor G / (G - 1) · (n - 1) / (n - k'), where a cluster may be a row; or, for few clusters, they are the
cluster jackknife of both stages together, with Hotelling's distribution in place of χ².
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.polynomial import Polynomial
from scipy.stats import chi2, f, ncx2

from dealer_limits.estimation.absorb import number_levels
from dealer_limits.estimation.covariance import jackknife, leave_out, parameters_beside
from dealer_limits.estimation.panel import Parts, Variables

# Instruments are called weak where the bias of two-stage least squares may exceed this share of the bias of
# the worst case, with a probability of more than 5%.
TOLERATED_BIAS = 0.10

# Anderson-Rubin sets, by how first stage and reduced form are clustered.
SETS = {
    "anderson_rubin_firm_x_day": "Anderson–Rubin, by firm-day",
    "anderson_rubin_firm": "Anderson–Rubin, by firm",
    "anderson_rubin_jackknife_firm": "Anderson–Rubin, jackknife by firm",
}
RECOMMENDED_SET = "anderson_rubin_jackknife_firm"


@dataclass(frozen=True)
class Projections:
    """First stage and reduced form together: the instruments' coefficients and their joint covariance.

    `first_stage` and `reduced_form` (L,) on instruments `z` (n, L); `covariance` (2L, 2L), reduced
    form first; `gram` is z'z. `clusters` is their number, `small` whether there are too few of them for χ².
    """

    z: np.ndarray
    x: np.ndarray
    y: np.ndarray
    gram: np.ndarray
    reduced_form: np.ndarray
    first_stage: np.ndarray
    covariance: np.ndarray
    group: np.ndarray
    factor: float
    clusters: int
    small: bool = False


@dataclass(frozen=True)
class EffectiveF:
    """The effective F of Montiel Olea and Pflueger (2013), and the value that it should exceed."""

    value: float
    critical_value: float

    @property
    def weak(self) -> bool:
        """Whether the hypothesis of weak instruments is not rejected."""
        return self.value <= self.critical_value


def strength(clustered: EffectiveF, jackknife: EffectiveF) -> str:
    """weak, marginal or strong: beyond the critical value by the clustered variance, and by the jackknife too.

    With few clusters the clustered variance is too small and F too large; the jackknife errs the other way. Where they
    disagree, the data do not say.
    """
    if clustered.weak:
        return "weak"
    return "marginal" if jackknife.weak else "strong"


@dataclass(frozen=True)
class ConfidenceSet:
    """Disjoint intervals, ends infinite where the set has no bound; none where the set is empty."""

    intervals: tuple[tuple[float, float], ...]

    @property
    def bounded(self) -> bool:
        """Whether every interval ends on both sides."""
        return all(math.isfinite(low) and math.isfinite(high) for low, high in self.intervals)

    def __contains__(self, value: float) -> bool:
        return any(low <= value <= high for low, high in self.intervals)

    def __str__(self) -> str:
        if not self.intervals:
            return "empty"
        if self.intervals == ((float("-inf"), float("inf")),):
            return "the whole line"
        return " or ".join(f"[{low:.4g}, {high:.4g}]" for low, high in self.intervals)


def project(
    variables: Variables,
    parts: Parts,
    dependent: str,
    endogenous: str,
    instruments: Sequence[str],
    exogenous: Sequence[str],
    clusters: np.ndarray,
    by_jackknife: bool = False,
) -> Projections:
    """Regress the outcome and the endogenous variable on the instruments; `clusters` (n,) whole numbers.

    `parts` is of the two-stage regression, for its effects. Raises ValueError where a jackknife has no more
    clusters than there are instruments.
    """

    def within(names: Sequence[str]) -> np.ndarray:
        return np.column_stack([variables.within[name] for name in names])

    both, z, w = within([dependent, endogenous]), within(instruments), np.empty((len(clusters), 0))
    if exogenous:
        w = within(exogenous)
        both, z = (values - w @ np.linalg.lstsq(w, values)[0] for values in (both, z))
    y, x = both.T
    rows = len(y)
    group = number_levels(clusters)
    count = int(group.max()) + 1
    gram = z.T @ z
    reduced_form, first_stage = np.linalg.solve(gram, z.T @ both).T
    residuals = (y - z @ reduced_form, x - z @ first_stage)
    if by_jackknife:
        if count <= z.shape[1]:
            raise ValueError(f"{count} clusters are too few for {z.shape[1]} instruments")
        regressors = np.hstack([z, w])
        distances = [
            leave_out(np.column_stack([own, regressors]), parts.effects.levels, group, regressors.shape[1])
            for own in residuals
        ]
        covariance = jackknife(np.hstack([own[:, : z.shape[1]] for own in distances]))
        factor = (count - 1) / count
    else:
        # the first stage has as many regressors as there are instruments and other regressors
        effects_parameters = parameters_beside(parts, [group]) - (parts.df_model - parts.effects.rank)
        parameters = effects_parameters + z.shape[1] + len(exogenous)
        factor = count / (count - 1) * (rows - 1) / (rows - parameters)
        scores = np.column_stack([z * residual[:, None] for residual in residuals])
        inverse = np.kron(np.eye(2), np.linalg.inv(gram))
        covariance = inverse @ _meat(scores, group) @ inverse * factor
    return Projections(z, x, y, gram, reduced_form, first_stage, covariance, group, factor, count, by_jackknife)


def effective_f(projections: Projections) -> EffectiveF:
    """Montiel Olea and Pflueger's F and their simplified critical value at 5% for a bias of TOLERATED_BIAS.

    F is the first stage's Wald with the trace of its variance in place of the inverse, so that it keeps its
    meaning under clustering. The critical value is of the noncentral chi-squared that Patnaik's approximation
    gives; with one instrument 23.1.
    """
    count = len(projections.first_stage)
    variance = projections.covariance[count:, count:]
    root = np.linalg.cholesky(projections.gram)
    # of instruments made orthonormal
    weights = root.T @ variance @ root
    value = float(projections.first_stage @ projections.gram @ projections.first_stage / np.trace(weights))
    trace, largest = np.trace(weights), np.linalg.eigvalsh(weights)[-1]
    x = 1 / TOLERATED_BIAS
    degrees = trace**2 * (1 + 2 * x) / (np.trace(weights @ weights) + 2 * x * trace * largest)
    return EffectiveF(value, float(ncx2.ppf(0.95, degrees, degrees * x) / degrees))


def anderson_rubin(projections: Projections, hypothesis: float) -> float:
    """Wald statistic of the hypothesis that the instruments do not explain y - β₀ x."""
    count = len(projections.first_stage)
    distance = projections.reduced_form - hypothesis * projections.first_stage
    direction = np.vstack([np.eye(count), -hypothesis * np.eye(count)])
    variance = direction.T @ projections.covariance @ direction
    return float(distance @ np.linalg.solve(variance, distance))


def anderson_rubin_p(projections: Projections, hypothesis: float) -> float:
    """The p-value of that statistic.

    χ² with L degrees; or Hotelling's T² where clusters are few, (G - L) / (L (G - 1)) T² being F with L and
    G - L degrees.
    """
    return float(_distribution(projections).sf(anderson_rubin(projections, hypothesis)))


def _distribution(projections: Projections):
    """Of the Anderson-Rubin statistic under its hypothesis."""
    count, clusters = len(projections.first_stage), projections.clusters
    if not projections.small:
        return chi2(count)
    return f(count, clusters - count, scale=count * (clusters - 1) / (clusters - count))


def anderson_rubin_set(projections: Projections, level: float = 0.95) -> ConfidenceSet:
    """All hypotheses that the Anderson-Rubin test does not reject, exactly.

    The statistic is a ratio of polynomials of degree 2L in β₀, so that the ends are roots of one polynomial.
    A set is unbounded where the first stage is not significant at the same level.
    """
    count = len(projections.first_stage)
    critical = _distribution(projections).ppf(level)
    # hypotheses in units of the endogenous variable's own scale
    scale = np.linalg.norm(projections.y) / np.linalg.norm(projections.x)

    def excess(point: float) -> float:
        return anderson_rubin(projections, point * scale) - critical

    # Chebyshev points; times the determinant the excess is a polynomial
    points = 3 * np.cos((np.arange(2 * count + 1) + 0.5) * np.pi / (2 * count + 1))
    values = []
    for point in points:
        direction = np.vstack([np.eye(count), -point * scale * np.eye(count)])
        variance = direction.T @ projections.covariance @ direction
        values.append(excess(point) * np.linalg.det(variance / np.trace(projections.covariance)))
    values = np.array(values) / np.abs(values).max()
    polynomial = Polynomial.fit(points, values, 2 * count, domain=[-3, 3])
    roots = polynomial.roots()
    ends = np.sort(roots.real[np.abs(roots.imag) <= 1e-9 * (1 + np.abs(roots.real))])
    inside = []
    bounds = [-np.inf, *ends, np.inf]
    for low, high in pairwise(bounds):
        middle = _between(low, high)
        if excess(middle) <= 0:
            if inside and inside[-1][1] == low * scale:
                inside[-1] = (inside[-1][0], high * scale)
            else:
                inside.append((low * scale, high * scale))
    return ConfidenceSet(tuple((float(low), float(high)) for low, high in inside))


def hansen_j(projections: Projections) -> tuple[float, int]:
    """Hansen's J of two-step GMM, and its degrees of freedom, L - 1.

    Moments are weighted by their variance at the two-stage least squares residuals, without small-sample
    factor.
    """
    z, x, y = projections.z, projections.x, projections.y
    zx, zy = z.T @ x, z.T @ y
    two_stage = float(zx @ np.linalg.solve(projections.gram, zy) / (zx @ np.linalg.solve(projections.gram, zx)))
    variance = _meat(z * (y - x * two_stage)[:, None], projections.group)
    efficient = float(zx @ np.linalg.solve(variance, zy) / (zx @ np.linalg.solve(variance, zx)))
    moments = zy - zx * efficient
    return float(moments @ np.linalg.solve(variance, moments)), len(zx) - 1


def _between(low: float, high: float) -> float:
    """A point of an interval that may have no ends."""
    if math.isinf(low) and math.isinf(high):
        return 0.0
    if math.isinf(low):
        return high - 1 - abs(high)
    if math.isinf(high):
        return low + 1 + abs(low)
    return (low + high) / 2


def _meat(scores: np.ndarray, group: np.ndarray) -> np.ndarray:
    sums = np.column_stack([np.bincount(group, score) for score in scores.T])
    return sums.T @ sums
