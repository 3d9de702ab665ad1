"""Least squares and two-stage least squares with absorbed fixed effects, on arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit

from dealer_limits.estimation.absorb import Effects, demean, prepare_effects

# The paper's *, **, ***.
STAR_LEVELS = (0.10, 0.05, 0.01)

# A variable of which the effects, or the other regressors, leave less than this share of its norm is theirs:
# rounding leaves 1e-15, and a share of 1e-9 would leave no correct digit in an error.
LEAST_SHARE_LEFT = 1e-9


class CollinearError(ValueError):
    """The regressors are collinear with each other or with the effects; `terms` names those that are."""

    def __init__(self, terms: Sequence[str], within_effects: bool) -> None:
        self.terms = tuple(terms)
        self.within_effects = within_effects
        super().__init__(
            f"{' or '.join(terms)} does not vary" if within_effects else f"{', '.join(terms)} are collinear"
        )


@dataclass(frozen=True)
class Variables:
    """Named variables (n,) of one estimation sample as they are, and with the effects taken out."""

    levels: Mapping[str, np.ndarray]
    within: Mapping[str, np.ndarray]
    effects: Effects


@dataclass(frozen=True)
class Parts:
    """What a covariance estimator needs of a linear fit of k coefficients on n rows.

    `score_regressors` (n, k) times `residuals` (n,) are the scores: regressors with the effects taken out,
    for two-stage least squares their projection on the instruments, for a constant a column of ones beside
    regressors at their own means. `bread` (k, k) is the inverse of their cross product. `df_model` counts the
    regressors and the rank of the effects; `effects` has the levels of each row in the order of the
    specification, for clustering. `regressors` (n, k) have the effects taken out and are not projected;
    `first_stage` (n, m) is what they are projected on, None in least squares.
    """

    score_regressors: np.ndarray
    residuals: np.ndarray
    bread: np.ndarray
    df_model: int
    effects: Effects
    regressors: np.ndarray
    first_stage: np.ndarray | None = None


@dataclass(frozen=True)
class Fit:
    """An estimated regression; arrays have one element per coefficient.

    `p` and the 95% interval are of the t distribution with `df_resid` degrees of freedom; `nobs` is the
    number of rows that entered. `measures` are statistics of the whole column (`r2`, `pseudo_r2`,
    `first_stage_f`), `other_errors` standard errors beside `se` by the name of their statistic. `parts` is
    for linear fits of the engine `arrays` only; `results` is the package's own object of the engine `packages`.
    """

    coef: np.ndarray
    se: np.ndarray
    t: np.ndarray
    p: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    nobs: int
    df_resid: int
    measures: Mapping[str, float]
    other_errors: Mapping[str, np.ndarray] = field(default_factory=dict)
    parts: Parts | None = None
    results: Any = None


def take_out_effects(variables: Mapping[str, np.ndarray], levels: np.ndarray) -> Variables:
    """Take the effects with `levels` (n, e) out of variables (n,), each once for all regressions on them."""
    effects = prepare_effects(levels)
    return Variables(variables, {name: demean(effects, x) for name, x in variables.items()}, effects)


def fit_linear(
    variables: Variables,
    dependent: str,
    regressors: Sequence[str],
    *,
    endogenous: Sequence[str] = (),
    instruments: Sequence[str] = (),
    constant: bool = False,
) -> Fit:
    """Estimate eq. 8 and its kin: y on x with the levels of the effects absorbed.

    With `endogenous` regressors, two-stage least squares: they are projected on the instruments and the
    other regressors (eq. 11 and 12), and residuals are of the regressors themselves. Errors are those of
    `robust_covariance`.

    `constant` adds, as the last coefficient, the one that Stata's reghdfe reports: each effect adds up to
    zero over the rows, so that the constant is mean(y) - mean(x) β. It adds nothing to k: the effects span
    it.

    `measures` has r2, which counts the absorbed effects as part of the fit; for two-stage least squares, of
    which R² is no share of anything, first_stage_f in its place.

    Raises CollinearError where a regressor or instrument does not vary within the effects or is a combination
    of the others, ValueError where there are no degrees of freedom or fewer instruments than needed.
    """
    y, x = variables.within[dependent], _columns(variables.within, regressors)
    fitted, z = project_regressors(variables, regressors, endogenous, instruments)
    rows, df_model = len(y), len(regressors) + variables.effects.rank
    coef = _inverse_cross_product(fitted) @ _cross_product(fitted, y)
    residuals = y - x @ coef
    if constant:
        means = np.array([variables.levels[name].mean() for name in regressors])
        coef = np.append(coef, variables.levels[dependent].mean() - means @ coef)
        fitted = np.column_stack([fitted + means, np.ones(rows)])
    parts = Parts(fitted, residuals, _inverse_cross_product(fitted), df_model, variables.effects, x, z)
    if endogenous:
        measures = {}
        if len(endogenous) == 1:
            measures["first_stage_f"] = _first_stage_f(variables, regressors, endogenous[0], instruments)
    else:
        deviations = variables.levels[dependent] - variables.levels[dependent].mean()
        measures = {"r2": float(1 - np.sum(residuals**2) / np.sum(deviations**2))}
    return infer(coef, np.sqrt(np.diag(robust_covariance(parts))), rows, rows - df_model, measures, parts=parts)


def project_regressors(
    variables: Variables, regressors: Sequence[str], endogenous: Sequence[str], instruments: Sequence[str]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Regressors (n, k) without effects, and with `endogenous` projected on the first stage (n, m).

    The first stage is None where there are no endogenous regressors. Raises what `fit_linear` raises: whatever
    an engine cannot estimate is found here, so that all give the same reasons.
    """
    x = _columns(variables.within, regressors)
    df_model = len(regressors) + variables.effects.rank
    if len(x) <= df_model:
        raise ValueError(f"{df_model} regressors and effects leave no degrees of freedom")
    if len(instruments) < len(endogenous):
        raise ValueError(f"{len(endogenous)} instrumented variables need as many instruments")
    _check_variation(variables, [*regressors, *instruments])
    fitted, z = x, None
    if endogenous:
        first_stage = [*(name for name in regressors if name not in endogenous), *instruments]
        z = _columns(variables.within, first_stage)
        _check_independent(z, first_stage)
        fitted = z @ (_inverse_cross_product(z) @ _cross_product(z, x))
    _check_independent(fitted, regressors)
    return fitted, z


def robust_covariance(parts: Parts) -> np.ndarray:
    """White's covariance (k, k) with the small-sample factor n / (n - k), k with all effects in it.

    This is HC1 of the regression on dummy variables. A level with a single row stays in: it fits exactly,
    moves no coefficient and counts in n and in k.
    """
    scores = parts.score_regressors * parts.residuals[:, None]
    rows = len(parts.residuals)
    return parts.bread @ _cross_product(scores, scores) @ parts.bread * (rows / (rows - parts.df_model))


def infer(
    coef: np.ndarray,
    se: np.ndarray,
    nobs: int,
    df_resid: int,
    measures: Mapping[str, float],
    other_errors: Mapping[str, np.ndarray] | None = None,
    parts: Parts | None = None,
    results: Any = None,
) -> Fit:
    """Complete coefficients and errors (k,) to a fit, by the t distribution with `df_resid` degrees."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = coef / se
    half_width = stdtrit(df_resid, 0.975) * se
    return Fit(
        coef=coef,
        se=se,
        t=t,
        p=2 * stdtr(df_resid, -np.abs(t)),
        ci_low=coef - half_width,
        ci_high=coef + half_width,
        nobs=nobs,
        df_resid=df_resid,
        measures=measures,
        other_errors=other_errors or {},
        parts=parts,
        results=results,
    )


def stars(p_value: float) -> int:
    """The number of stars that the paper would print: 0 to 3, for p below 0.10, 0.05 and 0.01."""
    return sum(p_value < level for level in STAR_LEVELS)


def _columns(variables: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    return np.column_stack([variables[name] for name in names])


def _cross_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left' right, added up in the same order whatever the number of threads."""
    return np.einsum("ni,n...->i...", left, right)


def _inverse_cross_product(x: np.ndarray) -> np.ndarray:
    """Inverse of x'x, of columns scaled to unit length, so that units do not cost digits."""
    scale = _length(x)
    return np.linalg.inv(_cross_product(x / scale, x / scale)) / np.outer(scale, scale)


def _check_variation(variables: Variables, names: Sequence[str]) -> None:
    flat = [
        name for name in names if _length(variables.within[name]) <= LEAST_SHARE_LEFT * _length(variables.levels[name])
    ]
    if flat:
        raise CollinearError(flat, within_effects=True)


def _length(values: np.ndarray) -> np.ndarray:
    """Euclidean length of each column, without the threads that a norm of a long vector would start."""
    return np.sqrt(np.sum(values**2, axis=0))


def _check_independent(x: np.ndarray, names: Sequence[str]) -> None:
    """QR: the diagonal of R is what the columns before leave of each, as a share of its length."""
    left = np.abs(np.diag(np.linalg.qr(x / _length(x), mode="r")))
    if left.min() <= LEAST_SHARE_LEFT:
        raise CollinearError(names, within_effects=False)


def _first_stage_f(
    variables: Variables, regressors: Sequence[str], endogenous: str, instruments: Sequence[str]
) -> float:
    """Robust F of the instruments in the first stage: Wald over their number, n / (n - k) as everywhere."""
    exogenous = [name for name in regressors if name != endogenous]
    stage = fit_linear(variables, endogenous, [*exogenous, *instruments])
    last = slice(len(exogenous), None)
    coef, covariance = stage.coef[last], robust_covariance(stage.parts)[last, last]
    return float(coef @ np.linalg.solve(covariance, coef)) / len(instruments)
