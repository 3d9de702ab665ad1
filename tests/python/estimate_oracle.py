"""The estimator's answers by the long way: least squares with a dummy variable for every level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.optimize import linprog


def dummy_regression(dependent: np.ndarray, regressors: np.ndarray, effects: list[Any]) -> Any:
    """Ordinary least squares with HC1 errors; parameters are the regressors, the constant, the dummies.

    The dummies of an effect are weighted so that each adds up to zero over the rows: the constant is then the
    mean of the dependent variable where all regressors are at their means less the regressors' part of it,
    whatever level is left out.
    """
    return sm.OLS(
        dependent,
        np.column_stack([regressors, np.ones(len(dependent)), *(_zero_sum_dummies(levels) for levels in effects)]),
    ).fit(cov_type="HC1", use_t=True)


def _zero_sum_dummies(levels: Any) -> np.ndarray:
    dummies = pd.get_dummies(pd.Series(levels), dtype=float).to_numpy()
    rows = dummies.sum(axis=0)
    return dummies[:, :-1] - np.outer(dummies[:, -1], rows[:-1] / rows[-1])


def check_loss_program(
    x: np.ndarray, y: np.ndarray, quantile: float, weights: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """Coefficients and least loss of a quantile regression, by HiGHS on its linear program.

    The program of the residuals' positive and negative parts, written densely.
    """
    rows, columns = x.shape
    weights = np.ones(rows) if weights is None else weights
    program = linprog(
        np.concatenate([np.zeros(columns), quantile * weights, (1 - quantile) * weights]),
        A_eq=np.hstack([x, np.eye(rows), -np.eye(rows)]),
        b_eq=y,
        bounds=[(None, None)] * columns + [(0, None)] * (2 * rows),
        method="highs",
    )
    return program.x[:columns], program.fun
