"""The estimator's answers by the long way: least squares with a dummy variable for every level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm


def dummy_regression(dependent: np.ndarray, regressors: np.ndarray, effects: list[Any]) -> Any:
    """Ordinary least squares with HC1 errors; parameters are the regressors, the constant, the dummies.

    The dummies of an effect are weighted so that each adds up to zero over the rows: the constant is then the
    mean of the dependent variable where all regressors are at their means less the regressors' part of it,
    whatever level is left out.
    """
    return sm.OLS(
        dependent,
        np.column_stack(
            [regressors, np.ones(len(dependent)), *(_zero_sum_dummies(levels) for levels in effects)]
        ),
    ).fit(cov_type="HC1", use_t=True)


def _zero_sum_dummies(levels: Any) -> np.ndarray:
    dummies = pd.get_dummies(pd.Series(levels), dtype=float).to_numpy()
    rows = dummies.sum(axis=0)
    return dummies[:, :-1] - np.outer(dummies[:, -1], rows[:-1] / rows[-1])
