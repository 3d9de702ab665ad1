"""Covariances of a linear fit beside the robust one: clustered, two-way, Driscoll-Kraay, Newey-West.

Conventions, each as in the package that the tests compare with:

- clustered by G clusters: G / (G - 1) · (n - 1) / (n - k'), t with G - 1 degrees of freedom; k' leaves out
  effects nested in the clusters (fixest, pyfixest, reghdfe);
- two-way: one way plus the other less both, the smaller G for all three (fixest's "min"); a negative
  eigenvalue is set to zero (Cameron, Gelbach and Miller 2011);
- cluster jackknife (CV3): (G - 1) / G times the squared distances of the estimates without one cluster from
  the estimate with all, t with G - 1 (MacKinnon, Nielsen and Webb 2023; pyfixest's CRV3);
- Driscoll-Kraay: Bartlett weights 1 - l / (L + 1) on sums of scores by day, T / (T - 1) · (n - 1) / (n - k),
  k with all effects, t with T - 1 (pyfixest);
- Newey-West: the same weights on rows in the order of time, n / (n - k) as statsmodels' `use_correction`;
  t with n - k.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from statsmodels.regression.linear_model import OLS

from dealer_limits.estimation.absorb import number_levels
from dealer_limits.estimation.panel import Parts, robust_covariance

# of the largest eigenvalue: below it a direction is not there
LEAST_SHARE = 1e-11


@dataclass(frozen=True)
class Covariance:
    """A covariance (k, k) of a fit, the degrees of freedom of its t, and what it was made with.

    `clusters` is the number of clusters, of the smaller way for two, or of days for Driscoll-Kraay; None
    where there are none. `lags` is None where none enter.
    """

    matrix: np.ndarray
    df: int
    clusters: int | None = None
    lags: int | None = None


def robust_covariance_of(parts: Parts) -> Covariance:
    """The paper's: HC1, with the t distribution of n - k degrees of freedom."""
    return Covariance(robust_covariance(parts), len(parts.residuals) - parts.df_model)


def cluster_covariance(parts: Parts, *clusters: np.ndarray) -> Covariance:
    """Clustered in one way or in two; `clusters` are whole numbers (n,) each.

    Raises ValueError for fewer than two clusters, or more than two ways.
    """
    if len(clusters) not in (1, 2):
        raise ValueError(f"errors can be clustered in one way or in two, not in {len(clusters)}")
    scores = parts.score_regressors * parts.residuals[:, None]
    ways = [number_levels(cluster) for cluster in clusters]
    smallest = min(way.max() + 1 for way in ways)
    if smallest < 2:
        raise ValueError("all rows are in one cluster")
    meat = sum(_outer(_sums_by(way, scores)) for way in ways)
    if len(ways) == 2:
        both = number_levels(ways[0].astype(np.int64) * (ways[1].max() + 1) + ways[1])
        meat = meat - _outer(_sums_by(both, scores))
    rows = len(scores)
    factor = smallest / (smallest - 1) * (rows - 1) / (rows - parameters_beside(parts, ways))
    matrix = parts.bread @ meat @ parts.bread * factor
    if len(ways) == 2:
        matrix = without_negative_part(matrix)
    return Covariance(matrix, int(smallest) - 1, clusters=int(smallest))


def cluster_jackknife_covariance(parts: Parts, clusters: np.ndarray) -> Covariance:
    """For few or unequal clusters: the estimate again without each of them, both stages where there are two.

    `clusters` (n,) are whole numbers; there is no constant. Raises ValueError for fewer than two clusters.
    """
    columns = [parts.residuals[:, None], parts.regressors]
    if parts.first_stage is not None:
        columns.append(parts.first_stage)
    distances = leave_out(np.column_stack(columns), parts.effects.levels, clusters, parts.regressors.shape[1])
    count = len(distances)
    return Covariance(jackknife(distances), count - 1, clusters=count)


def jackknife(distances: np.ndarray) -> np.ndarray:
    """The covariance (k, k) that estimates without one cluster each, less that with all (G, k), make."""
    count = len(distances)
    return np.einsum("gi,gj->ij", distances, distances) * (count - 1) / count


def leave_out(columns: np.ndarray, levels: Sequence[np.ndarray], clusters: np.ndarray, regressors: int) -> np.ndarray:
    """How far the estimates without one cluster each are from the estimate with all, (G, k).

    `columns` (n, m) are the residuals, the k regressors and what these are projected on in a first stage, if
    there is one; effects of `levels` (n,), from 0, taken out. What effects leave of a variable has the same
    residuals on the effects of fewer rows as the variable itself, and adds up to zero over every level: sums
    over the rows that stay are those over the rows that go, with the sign changed. A coefficient that the
    rows without a cluster do not identify takes the least-norm solution.

    Raises ValueError for fewer than two clusters.
    """
    ways = number_levels(clusters)
    if ways.max() == 0:
        raise ValueError("all rows are in one cluster")
    lengths = np.sqrt(np.einsum("ni,ni->i", columns, columns))
    # of unit length, so that units do not cost digits
    columns = columns / np.where(lengths > 0, lengths, 1)
    total = np.einsum("ni,nj->ij", columns, columns)
    *kept, eliminated = sorted(levels, key=lambda level: level.max())
    size = np.bincount(eliminated)
    shape = (int(kept[0].max()) + 1 if kept else 0, len(size))
    # observations of each pair of levels
    pair = kept[0].astype(np.int64) * shape[1] + eliminated if kept else eliminated
    in_pair = np.bincount(pair, minlength=shape[0] * shape[1]).astype(float)
    products, unexplained, systems = [], [], []
    for goes in np.split(np.argsort(ways, kind="stable"), np.cumsum(np.bincount(ways))[:-1]):
        gone, level = columns[goes], eliminated[goes]
        left = size - np.bincount(level, minlength=len(size))
        inverse = np.divide(1.0, left, where=left > 0, out=np.zeros(len(size)))
        sums = -_sums_by(level, gone, len(size))
        means = sums * inverse[:, None]
        products.append(total - np.einsum("ni,nj->ij", gone, gone) - np.einsum("ti,tj->ij", sums, means))
        if kept:
            cells = in_pair.copy()
            np.subtract.at(cells, pair[goes], 1.0)
            cells = cells.reshape(shape)
            unexplained.append(-_sums_by(kept[0][goes], gone, shape[0]) - cells @ means)
            systems.append(np.diag(cells.sum(axis=1)) - (cells * inverse) @ cells.T)
    products = np.stack(products)
    if kept:
        columns_of = np.stack(unexplained)
        products = products - np.swapaxes(columns_of, 1, 2) @ _inverse(np.stack(systems)) @ columns_of
    x, z = slice(1, 1 + regressors), slice(1 + regressors, None)
    gram, moments = products[:, x, x], products[:, x, :1]
    if products.shape[1] > 1 + regressors:
        first = np.swapaxes(_inverse(products[:, z, z]) @ products[:, z, x], 1, 2)
        gram, moments = first @ products[:, z, x], first @ products[:, z, :1]
    return (_inverse(gram) @ moments)[:, :, 0] * (lengths[0] / lengths[x])


def _inverse(matrices: np.ndarray) -> np.ndarray:
    """Generalised inverses of symmetric matrices (G, k, k), those of all at once."""
    values, vectors = np.linalg.eigh(matrices)
    there = np.abs(values) > LEAST_SHARE * np.abs(values).max(axis=1, keepdims=True)
    inverse = np.divide(1.0, values, where=there, out=np.zeros_like(values))
    return (vectors * inverse[:, None, :]) @ np.swapaxes(vectors, 1, 2)


def driscoll_kraay_covariance(parts: Parts, days: np.ndarray, lags: int) -> Covariance:
    """For errors that depend on each other across units and up to `lags` days apart.

    `days` (n,) are whole numbers, one apart for successive days; a day without rows has a score of zero.
    """
    scores = parts.score_regressors * parts.residuals[:, None]
    present = np.unique(days)
    by_day = np.zeros((present[-1] - present[0] + 1, scores.shape[1]))
    by_day[present - present[0]] = _sums_by(np.searchsorted(present, days), scores)
    rows, count = len(scores), len(present)
    factor = count / (count - 1) * (rows - 1) / (rows - parts.df_model)
    meat = bartlett(by_day, lags)
    return Covariance(parts.bread @ meat @ parts.bread * factor, count - 1, clusters=count, lags=lags)


def newey_west_covariance(parts: Parts, lags: int) -> Covariance:
    """For a single time series, its rows in the order of time; by statsmodels.

    A regression of the residuals on the scores' regressors finds nothing, and has the same scores. Its correction
    would count those regressors alone, and not the effects.
    """
    options = {"maxlags": lags, "use_correction": False}
    matrix = OLS(parts.residuals, parts.score_regressors).fit(cov_type="HAC", cov_kwds=options).cov_params()
    rows = len(parts.residuals)
    return Covariance(matrix * rows / (rows - parts.df_model), rows - parts.df_model, lags=lags)


def rule_of_thumb_lags(periods: int, least: int = 0) -> int:
    """⌊4 (T / 100)^(2/9)⌋ (Newey and West 1994), or `least`: changes over h days overlap in h - 1."""
    return max(least, int(4 * (periods / 100) ** (2 / 9)))


def parameters_beside(parts: Parts, clusters: Iterable[np.ndarray]) -> int:
    """k': regressors, and effects that are not nested in the clusters."""
    effects = parts.effects
    sizes, nested = {}, []
    for position, levels in enumerate(effects.levels):
        sizes[position] = int(levels.max()) + 1
        for cluster in clusters:
            # the cluster of a row of each level: of every row, where levels are nested
            of_level = np.empty(sizes[position], dtype=cluster.dtype)
            of_level[levels] = cluster
            if np.array_equal(of_level[levels], cluster):
                nested.append(position)
                break
    components = sum(sizes.values()) - effects.rank
    return parts.df_model - effects.rank + absorbed_parameters(sizes, components, nested)


def absorbed_parameters(levels: Mapping, components: int, nested: Sequence) -> int:
    """How many parameters the absorbed effects, by name or number, count for.

    Levels less connected components, the rank of their dummy variables; effects nested in the clusters do
    not count, but what is left always holds a constant (the convention of fixest, pyfixest and reghdfe).
    """
    others = [levels[effect] for effect in levels if effect not in nested]
    if len(others) == len(levels):
        return sum(others) - components
    return sum(others) or 1


def _sums_by(group: np.ndarray, scores: np.ndarray, groups: int = 0) -> np.ndarray:
    """Sums of scores (groups, k); `groups` where there may be more than those with rows."""
    return np.column_stack([np.bincount(group, score, groups) for score in scores.T])


def _outer(sums: np.ndarray) -> np.ndarray:
    return np.einsum("gi,gj->ij", sums, sums)


def bartlett(scores: np.ndarray, lags: int) -> np.ndarray:
    """Long-run variance of scores (T, k) in the order of time, summed and not averaged."""
    meat = _outer(scores)
    for lag in range(1, min(lags, len(scores) - 1) + 1):
        beside = np.einsum("gi,gj->ij", scores[lag:], scores[:-lag])
        meat = meat + (1 - lag / (lags + 1)) * (beside + beside.T)
    return meat


def without_negative_part(matrix: np.ndarray) -> np.ndarray:
    """A symmetric matrix (k, k) with its negative eigenvalues set to zero."""
    values, vectors = np.linalg.eigh(matrix)
    if values.min() >= 0:
        return matrix
    return vectors @ np.diag(np.maximum(values, 0)) @ vectors.T
