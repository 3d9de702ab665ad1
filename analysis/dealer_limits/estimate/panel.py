"""Least squares with absorbed fixed effects, on arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from dealer_limits.estimate.observations import Observations

# The paper's *, **, ***.
STAR_LEVELS = (0.10, 0.05, 0.01)

# Relative change at which alternating projections stop: the eighth digit of a standard error is then exact
# even where the panel is badly connected.
PROJECTION_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Fit:
    """An estimated regression; arrays have one element per regressor.

    `p` and the 95% interval are of the t distribution with `df_resid` degrees of freedom; `r2` counts the
    absorbed effects as part of the fit; `nobs` is the number of rows that entered.
    """

    coef: np.ndarray
    se: np.ndarray
    t: np.ndarray
    p: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    r2: float
    nobs: int
    df_resid: int


def fit_absorbing(observations: Observations) -> Fit:
    """Estimate eq. 8 and its kin: y on x with the levels of the effects absorbed.

    Standard errors are robust to heteroskedasticity with the small-sample factor n / (n - k), where k counts
    the regressors and the effects that are not collinear (HC1 of the regression on dummy variables). A level
    with a single row stays in: it fits exactly, moves no coefficient and counts in n and k.

    A column of ones gets the constant that Stata's reghdfe reports: each effect adds up to zero over the
    rows, so that the constant is mean(y) - mean(x) β. It adds nothing to k: the effects span it.

    Raises `AbsorbingEffectError` of linearmodels where a regressor does not vary within the effects.
    """
    import pandas as pd
    from linearmodels.iv import AbsorbingLS

    effects = pd.DataFrame(observations.effects).astype("category")
    # a single effect is absorbed in one step, which has no tolerance
    options = {"tol": PROJECTION_TOLERANCE} if effects.shape[1] > 1 else {}
    result = AbsorbingLS(observations.dependent, observations.regressors, absorb=effects).fit(
        cov_type="robust",
        debiased=True,
        method="hdfe",
        absorb_options={"options": options},
        use_cache=False,
    )
    interval = result.conf_int(0.95).to_numpy()
    return Fit(
        coef=result.params.to_numpy(),
        se=result.std_errors.to_numpy(),
        t=result.tstats.to_numpy(),
        p=result.pvalues.to_numpy(),
        ci_low=interval[:, 0],
        ci_high=interval[:, 1],
        r2=float(result.rsquared),
        nobs=int(result.nobs),
        df_resid=int(result.df_resid),
    )


def stars(p_value: float) -> int:
    """The number of stars that the paper would print: 0 to 3, for p below 0.10, 0.05 and 0.01."""
    return sum(p_value < level for level in STAR_LEVELS)
