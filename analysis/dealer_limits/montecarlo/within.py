"""Least squares with desk and day effects on dense (day, desk) arrays: exact, no iteration.

Days are eliminated by demeaning; what is left of the desk effects solves a system with one equation per desk.
A regression on the desk panel takes about two milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# fixed-b critical values with Bartlett weights: Kiefer and Vogelsang (2005), Table 1, as a polynomial in b
FIXED_B = {0.90: (1.6449, 2.1859, 0.3142, -0.3427), 0.95: (1.9600, 2.9694, 0.4160, -0.5324)}
# eigenvalues of the desk system below this share of the largest belong to effects that the days span
RANK_TOLERANCE = 1e-10


@dataclass(frozen=True)
class DenseFit:
    """Coefficients (k,) of a regression, their covariance (k, k), R2 with the effects counted, rows and
    degrees of freedom; scores (T, k) are x'e summed by day, bread (k, k) is (X'X)^-1 within the effects."""

    coef: np.ndarray
    covariance: np.ndarray
    r2: float
    nobs: int
    df_resid: int
    scores: np.ndarray
    bread: np.ndarray

    @property
    def days(self) -> int:
        """Days with rows."""
        return int((self.scores != 0).any(axis=1).sum())

    @property
    def se(self) -> np.ndarray:
        return np.sqrt(np.diag(self.covariance))


class Effects:
    """Desk and day effects of the rows in `mask` (T, D); `desk` False leaves day effects alone."""

    def __init__(self, mask: np.ndarray, desk: bool = True) -> None:
        self.mask = mask
        rows = mask.astype(float)
        self.of_day = rows.sum(axis=1)
        self.inverse_of_day = np.divide(1.0, self.of_day, where=self.of_day > 0, out=np.zeros(len(mask)))
        self.rank = int((self.of_day > 0).sum())
        self.nobs = int(self.of_day.sum())
        self.system_inverse = None
        if desk:
            system = np.diag(rows.sum(axis=0)) - (rows * self.inverse_of_day[:, None]).T @ rows
            values, vectors = np.linalg.eigh(system)
            kept = values > RANK_TOLERANCE * values[-1]
            self.rank += int(kept.sum())
            inverse = np.divide(1.0, values, where=kept, out=np.zeros_like(values))
            self.system_inverse = (vectors * inverse) @ vectors.T

    def without_days(self, values: np.ndarray) -> np.ndarray:
        """`values` (T, D) less their mean over the day's rows; zero outside the mask."""
        filled = np.where(self.mask, values, 0.0)
        mean = filled.sum(axis=1) * self.inverse_of_day
        return np.where(self.mask, filled - mean[:, None], 0.0)

    def within(self, values: np.ndarray) -> np.ndarray:
        """Residuals of `values` (T, D) on the effects; zero outside the mask."""
        demeaned = self.without_days(values)
        if self.system_inverse is None:
            return demeaned
        desk = self.system_inverse @ demeaned.sum(axis=0)
        return demeaned - self.without_days(np.broadcast_to(desk, values.shape))


def complete(outcome: np.ndarray, regressors: list[np.ndarray], sample: np.ndarray) -> np.ndarray:
    """(T, D) rows of the sample on which the outcome and all regressors are observed."""
    mask = sample & np.isfinite(outcome)
    for values in regressors:
        mask = mask & np.isfinite(values)
    return mask


def fit_two_way(
    outcome: np.ndarray,
    regressors: list[np.ndarray],
    mask: np.ndarray,
    instruments: list[np.ndarray] | None = None,
    desk_effects: bool = True,
) -> DenseFit:
    """Eq. 8 and its kin, robust to heteroskedasticity with the factor n / (n - k) (HC1), k counting the
    effects that are not collinear; with `instruments`, two-stage least squares of the first regressor.

    `outcome`, `regressors`, `instruments`: (T, D); `mask`: the rows that enter (`complete`).
    Raises ValueError where a regressor does not vary within the effects.
    """
    effects = Effects(mask, desk_effects)
    within = [effects.within(values)[mask] for values in (outcome, *regressors)]
    y, x = within[0], np.stack(within[1:], axis=1)
    projected = x
    if instruments:
        z = np.stack([effects.within(values)[mask] for values in instruments], axis=1)
        projected = z @ np.linalg.lstsq(z, x, rcond=None)[0]
    gram = projected.T @ projected
    if np.linalg.matrix_rank(gram, hermitian=True) < len(gram):
        raise ValueError("a regressor does not vary within the effects")
    bread = np.linalg.inv(gram)
    coef = bread @ (projected.T @ y)
    residual = y - x @ coef
    df_resid = effects.nobs - effects.rank - len(coef)
    scored = projected * residual[:, None]
    covariance = bread @ (scored.T @ scored) @ bread * effects.nobs / df_resid
    observed = outcome[mask]
    r2 = 1 - residual @ residual / ((observed - observed.mean()) ** 2).sum()
    scores = np.zeros((len(mask), len(coef)))
    np.add.at(scores, np.nonzero(mask)[0], scored)
    return DenseFit(coef, covariance, float(r2), effects.nobs, df_resid, scores, bread)


def driscoll_kraay(fit: DenseFit, lag: int) -> np.ndarray:
    """(k, k) covariance robust to correlation between desks and, up to `lag` days, over time.

    Bartlett weights on autocovariances of the scores summed by day (Driscoll and Kraay 1998), with the factor
    n / (n - k) of the robust one. Days without rows count as days.
    """
    scores = fit.scores
    meat = scores.T @ scores
    for distance in range(1, lag + 1):
        product = scores[distance:].T @ scores[:-distance]
        meat += (1 - distance / (lag + 1)) * (product + product.T)
    return fit.bread @ meat @ fit.bread * fit.nobs / fit.df_resid


def fixed_b_critical(level: float, lag: int, days: int) -> float:
    """The distance, in Driscoll-Kraay errors, at which a two-sided interval of `level` (0.90 or 0.95) ends.

    With many lags the error itself is uncertain: b = (lag + 1) / days is the share of the sample in them.
    """
    share = (lag + 1) / days
    return sum(weight * share**power for power, weight in enumerate(FIXED_B[level]))
