"""p-values that allow for the many columns of a table, by joint draws; Holm's are of statsmodels."""

from __future__ import annotations

import numpy as np


def romano_wolf(statistics: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Romano and Wolf's (2005) step-down p-values (m,) from joint draws (m, B) under the hypotheses.

    The most extreme statistic is compared with the largest of all in each draw, the next with the largest of
    those that remain, and so on; tests that move together cost less than with Holm.
    """
    sizes, drawn = np.abs(statistics), np.abs(draws)
    order = np.argsort(-sizes, kind="stable")
    # the largest of a test and all less extreme ones, per draw
    remaining = np.maximum.accumulate(drawn[order[::-1]], axis=0)[::-1]
    reached = np.mean(remaining >= sizes[order, None] * (1 - 1e-10), axis=1)
    adjusted = np.empty(len(sizes))
    adjusted[order] = np.maximum.accumulate(reached)
    return adjusted
