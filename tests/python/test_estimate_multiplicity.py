"""Adjusted p-values of joint draws against the definition."""

from __future__ import annotations

import numpy as np

from dealer_limits.estimation.multiplicity import romano_wolf


def test_romano_wolf_by_hand():
    """Four draws, two tests: 3.0 is reached by max(|3|, |1|) and max(|1|, |5|), then 2.0 alone by |5|."""
    statistics = np.array([2.0, -3.0])
    draws = np.array([[1.0, -5.0, 0.5, 0.1], [3.0, 1.0, -0.2, 0.3]])
    np.testing.assert_allclose(romano_wolf(statistics, draws), [0.5, 0.5])
    # 2.9 instead of 3.0 in the first draw: only the second reaches
    draws[1, 0] = 2.9
    np.testing.assert_allclose(romano_wolf(statistics, draws), [0.25, 0.25])


def test_one_test_alone_is_not_adjusted():
    draws = np.random.default_rng(2).normal(size=(1, 500))
    assert romano_wolf(np.array([1.5]), draws)[0] == np.mean(np.abs(draws) >= 1.5)


def test_tests_that_move_together_cost_nothing_with_romano_wolf():
    """Ten copies of one test, for which Holm asks ten times the p-value."""
    draws = np.tile(np.random.default_rng(3).normal(size=(1, 2000)), (10, 1))
    statistics = np.full(10, 2.5)
    alone = np.mean(np.abs(draws[0]) >= 2.5)
    np.testing.assert_allclose(romano_wolf(statistics, draws), alone)
