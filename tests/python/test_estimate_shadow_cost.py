"""The shadow cost of Appendix A against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dealer_limits.estimation.panel import Fit, fit_linear, take_out_effects
from dealer_limits.estimation.shadow_cost import shadow_costs


def four_rows() -> tuple[Fit, np.ndarray]:
    """y = (0, 2, 2, 6) on x = (-1, -1, 1, 1) and a constant, and profits (1, 3, 5, 7).

    By hand: β = Σxy / Σx² = 6 / 4 = 1.5, mean of y 2.5, residuals (-1, 1, -2, 2). Each row's influence on β
    is x e / 4 = (0.25, -0.25, -0.5, 0.5), times √(n / (n - 2)) = √2; on the mean of profits, 4, it is
    (-3, -1, 1, 3) / √(4 · 3).
    """
    x, y = np.array([-1.0, -1.0, 1.0, 1.0]), np.array([0.0, 2.0, 2.0, 6.0])
    variables = take_out_effects({"y": y, "x": x}, np.empty((4, 0), dtype=int))
    return fit_linear(variables, "y", ["x"]), np.array([1.0, 3.0, 5.0, 7.0])


def test_over_var_is_beta_over_usage():
    fit, profit = four_rows()
    half, full, _ = shadow_costs(fit, profit, usages=(0.5, 1.0))
    assert (half.reading, half.usage, half.cost) == ("over_var", 0.5, pytest.approx(3.0))
    assert full.cost == pytest.approx(1.5)
    # squared: 2 · (2 · 0.25² + 2 · 0.5²) = 1.25
    assert full.se == pytest.approx(1.25**0.5)
    assert half.se == pytest.approx(2 * 1.25**0.5)


def test_over_limit_is_the_mean_plus_beta_with_the_covariance_of_both():
    fit, profit = four_rows()
    *_, cost = shadow_costs(fit, profit)
    assert (cost.reading, cost.usage) == ("over_limit", None)
    assert cost.cost == pytest.approx(4 + 1.5)
    # variances 1.25 and 20 / 12; covariance √2 / √12 · (-0.75 + 0.25 - 0.5 + 1.5) = √(1 / 6) · 0.5
    assert cost.se == pytest.approx((1.25 + 20 / 12 + 2 * 0.5 * (1 / 6) ** 0.5) ** 0.5)


def test_derivative_of_profit_over_the_limit_at_mean_log_usage_is_the_reading_over_the_limit():
    """P&L / limit = U (a + β log U): its slope in U, taken numerically where a + β log U is the mean."""
    fit, profit = four_rows()
    *_, cost = shadow_costs(fit, profit)
    usage = 0.3

    def over_limit(at: float) -> float:
        return at * (profit.mean() + fit.coef[0] * (np.log(at) - np.log(usage)))

    slope = (over_limit(usage + 1e-6) - over_limit(usage - 1e-6)) / 2e-6
    # central difference of step 1e-6
    assert slope == pytest.approx(cost.cost, rel=1e-8)


def test_profits_of_other_rows_raise():
    fit, profit = four_rows()
    with pytest.raises(ValueError, match="3 profits for a fit of 4 rows"):
        shadow_costs(fit, profit[:3])
