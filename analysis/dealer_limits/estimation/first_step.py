"""Regressors that are residuals of a first regression, whose error belongs to that of the second (Table 15).

First step, on the days that have it: r = w - z'π, Σ z r = 0 (eq. 16 has the residual r of the limit-usage index w
on MOVE). Second step, on those of them with the outcome: y = x'δ + e, x with r in it. Both are moments of one
estimator, and a Taylor expansion of the second around π gives (Murphy and Topel 1985; Newey 1984)

    δ̂ - δ = (Σ x x')⁻¹ Σ s,    s = x e + M (Σ z z')⁻¹ z r,    M = Σ (γ x - e ι) z',

γ the coefficient of r and ι the unit vector at its place. MOVE explains the residual of no day, so that its
coefficient is that of a regression without the index: its error holds γ r, which the second step alone leaves out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dealer_limits.estimation.covariance import Covariance, bartlett
from dealer_limits.estimation.observations import Rows
from dealer_limits.estimation.panel import Parts, Variables
from dealer_limits.estimation.quantile import Bootstrap, block_counts, draw_blocks, solve_quantile
from dealer_limits.estimation.specifications import Specification

# observation model and column: what the residual in it has been freed of, beside a constant (fct_market_day.sql)
FREED_OF = {("obs_market_day", "log_limit_usage_index_residual"): ("move",)}


@dataclass(frozen=True)
class FirstStep:
    """The regression whose residual is a regressor of a second one.

    `place` is where the residual stands among the regressors of the second step. Over the N rows of the first step:
    `regressors` (N, j) with a constant, `residuals` (N,) in the units of the second step, and which of the rows are
    `in_second` (N,).
    """

    place: int
    regressors: np.ndarray
    residuals: np.ndarray
    in_second: np.ndarray


def columns_of_first_steps(specs: Sequence[Specification]) -> list[str]:
    """What the first steps of some specifications read beside the specifications' own columns."""
    return [name for spec in specs for regressor in spec.regressors for name in _freed_of(spec, regressor)]


def first_step_of(spec: Specification, rows: Rows, complete: np.ndarray, variables: Variables) -> FirstStep | None:
    """The first step of a specification that has one; `complete` (n,) are the rows of the second."""
    generated = [name for name in spec.regressors if _freed_of(spec, name)]
    if not generated:
        return None
    (name,) = generated
    residuals = rows.values[name]
    has_first = ~np.isnan(residuals)
    regressors = np.column_stack([rows.values[each][has_first] for each in _freed_of(spec, name)])
    # centred, and of one size, so that units do not cost digits; the residuals are the same
    regressors = (regressors - regressors.mean(axis=0)) / regressors.std(axis=0)
    # a transform of the second step changes the residual's unit
    unit = np.std(residuals[complete]) / np.std(variables.levels[name])
    return FirstStep(
        place=spec.regressors.index(name),
        regressors=np.column_stack([np.ones(has_first.sum()), regressors]),
        residuals=residuals[has_first] / unit,
        in_second=complete[has_first],
    )


def _freed_of(spec: Specification, column: str) -> tuple[str, ...]:
    return FREED_OF.get((spec.observations, column), ())


def scores_of_both_steps(parts: Parts, coef: np.ndarray, first: FirstStep) -> np.ndarray:
    """s (N, k) of the module's equation, in the order of time; days without the outcome have the first step alone."""
    z, x, e = first.regressors, parts.score_regressors, parts.residuals
    moved = coef[first.place] * x.T @ z[first.in_second]
    moved[first.place] -= e @ z[first.in_second]
    scores = (z * first.residuals[:, None]) @ np.linalg.solve(z.T @ z, moved.T)
    scores[first.in_second] += x * e[:, None]
    return scores


def newey_west_of_both_steps(parts: Parts, coef: np.ndarray, first: FirstStep, lags: int) -> Covariance:
    """Newey-West of the scores of both steps: Bartlett weights on rows in the order of time, n / (n - k), k of the
    second step as in `newey_west_covariance`.

    Standard deviations of a standardised column are taken as units, as in the paper's errors.
    """
    rows = len(parts.residuals)
    meat = bartlett(scores_of_both_steps(parts, coef, first), lags)
    return Covariance(
        parts.bread @ meat @ parts.bread * rows / (rows - parts.df_model), rows - parts.df_model, lags=lags
    )


def block_errors_of_both_steps(
    variables: Variables, spec: Specification, first: FirstStep, bootstrap: Bootstrap
) -> np.ndarray:
    """Errors (k,) of a quantile regression by moving blocks in which both steps are estimated anew.

    A draw of days frees the residual of z once more: r* = r - z'd, d the slope of r on z in the draw. Where z is
    among the regressors, the fit to r* is that to r written otherwise, δ* = δ + γ d, and nothing need be solved again.
    A draw holds the days of the second step; where the first has many more, the error is somewhat too large.
    """
    y, ones = variables.levels[spec.dependent], np.ones(first.in_second.sum())
    x = np.column_stack([*(variables.levels[name] for name in spec.regressors), ones])
    counts = block_counts(len(x), bootstrap)
    freed_of = _freed_of(spec, spec.regressors[first.place])
    shared = [spec.regressors.index(name) for name in freed_of if name in spec.regressors]
    if len(shared) == len(freed_of):
        coefs = draw_blocks(variables, spec.dependent, spec.regressors, spec.quantile, bootstrap).copy()
        slopes = _slopes(x[:, [*shared, -1]], x[:, first.place], counts)
        coefs[:, shared] += coefs[:, [first.place]] * slopes[:, :-1]
    else:
        z = first.regressors[first.in_second]
        slopes = _slopes(z, x[:, first.place], counts)
        basis = solve_quantile(x, y, np.ones(len(y)), spec.quantile).basis
        draws = []
        for weights, slope in zip(counts, slopes, strict=True):
            anew = x.copy()
            anew[:, first.place] -= z @ slope
            draws.append(solve_quantile(anew, y, weights, spec.quantile, basis).coef)
        coefs = np.stack(draws)
    return np.std(coefs, axis=0, ddof=1)[:-1]


def _slopes(z: np.ndarray, r: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Least squares (draws, j) of r (n,) on z (n, j) in each draw, rows weighted by `counts` (draws, n)."""
    grams = np.einsum("dn,ni,nj->dij", counts, z, z, optimize=True)
    moments = np.einsum("dn,ni,n->di", counts, z, r, optimize=True)
    return np.linalg.solve(grams, moments[:, :, None])[:, :, 0]
