"""The shadow cost of the VaR limit (Appendix A), from the regressions of Table 14."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dealer_limits.estimation.panel import Fit

# Limit usages at which the cost is stated: the quartiles printed in Table 1(a), and the limit itself.
USAGES = (0.16, 0.26, 0.40, 1.00)

# What a cost is measured in, by reading.
UNITS = {
    "over_var": "P&L per dollar of VaR, for usage up by 1 (100% of the limit)",
    "over_limit": "P&L per dollar of VaR limit, for usage up by 1 (100% of the limit)",
}


@dataclass(frozen=True)
class ShadowCost:
    """An estimate of λ and its standard error; `usage` is the VaR over the limit where it holds, if any."""

    reading: str
    usage: float | None
    cost: float
    se: float


def shadow_costs(fit: Fit, profit: np.ndarray, usages: Sequence[float] = USAGES) -> list[ShadowCost]:
    """λ of eq. 17 and 18 from a fit of eq. 13 whose first regressor is log usage, with coefficient β.

    Eq. 18 sets the change of E(P&L / VaR) against λ (1 - U), U being VaR over its limit: at an optimum λ is
    dE(P&L / VaR) / dU. With P&L / VaR linear in log U this is

    - `over_var`: β / U, at each of `usages`; its error is that of β over U.

    Eq. 17 over the limit, which is what makes its last term λ (1 - U), scales P&L by the limit too. Then
    P&L / limit = U · P&L / VaR, and by the product rule

    - `over_limit`: ȳ + β, where ȳ is the mean of `profit` (n,), the average P&L / VaR of the horizon: λ at
      mean log usage. Its error is of the sum of each row's influences on both, and so has their covariance.

    Raises ValueError where `profit` is not of the fit's rows.
    """
    if len(profit) != fit.nobs:
        raise ValueError(f"{len(profit)} profits for a fit of {fit.nobs} rows")
    parts = fit.parts
    slope, slope_se = float(fit.coef[0]), float(fit.se[0])
    mean = float(profit.mean())
    # influences are scaled so that the squares of each alone add up to its own squared error
    of_slope = parts.residuals * (parts.score_regressors @ parts.bread[:, 0])
    of_slope = of_slope * np.sqrt(fit.nobs / fit.df_resid)
    of_mean = (profit - mean) / np.sqrt(fit.nobs * (fit.nobs - 1))
    sum_se = float(np.sqrt(np.sum((of_slope + of_mean) ** 2)))
    return [
        *(ShadowCost("over_var", usage, slope / usage, slope_se / usage) for usage in usages),
        ShadowCost("over_limit", None, mean + slope, sum_se),
    ]
