"""Inference in the tail: every block by a linear program, the mirror image, and samples of known coefficients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import gamma

from dealer_limits.estimation.extremal import extremal_inference
from dealer_limits.estimation.panel import Variables, take_out_effects
from estimate_oracle import check_loss_program

REGRESSORS = ("move", "index")


def variables_of(x: np.ndarray, y: np.ndarray) -> Variables:
    named = {"y": y, **dict(zip(REGRESSORS, x.T, strict=True))}
    return take_out_effects(named, np.empty((len(y), 0), dtype=int))


def tail_sample(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Slow regressors, and skewed noise that widens with the first: slopes at τ are 1 + 0.3 q(τ) and 0.3."""
    rng = np.random.default_rng(seed)
    slow = rng.normal(size=(rows + 100, 2))
    for row in range(1, len(slow)):
        slow[row] += 0.95 * slow[row - 1]
    x = np.column_stack([np.exp(slow[100:, 0] / 4), slow[100:, 1] / 3.2])
    noise = rng.gamma(1.5, size=rows) - 1.5
    return x, x @ [1.0, 0.3] + (0.3 + 0.3 * x[:, 0]) * noise


def test_intervals_and_p_values_are_those_of_blocks_estimated_by_a_linear_program():
    """Five hundred days, fifty a block, ten of each beyond; every end is a statistic of some block: 1e-7."""
    x, y = tail_sample(1, 500)
    quantile, beyond, length = 0.98, 10, 50
    z = np.column_stack([x, np.ones(500)])

    def normalised(rows: slice) -> tuple[np.ndarray, float]:
        count = len(y[rows])
        far, near = (check_loss_program(z[rows], y[rows], 1 - left / count)[0] for left in (beyond, beyond + 3 + 5))
        return far, np.sqrt(beyond) / (z[rows].mean(axis=0) @ (far - near))

    coef, scale = normalised(slice(None))
    centre = check_loss_program(z, y, 1 - beyond / length)[0]
    blocks = [slice(start, start + length) for start in np.unique(np.linspace(0, 450, 200).astype(int))]
    draws = np.sort([own_scale * (own - centre) for own, own_scale in map(normalised, blocks)], axis=0)[:, :2]
    found = extremal_inference(variables_of(x, y), "y", REGRESSORS, quantile)
    # of 200 the fifth from either end is the last that five blocks or more are beyond
    np.testing.assert_allclose(found.ci_low, coef[:2] - draws[-5] / scale, rtol=1e-7)
    np.testing.assert_allclose(found.ci_high, coef[:2] - draws[4] / scale, rtol=1e-7)
    np.testing.assert_allclose(found.se, draws.std(axis=0, ddof=1) / scale, rtol=1e-7)
    statistic = scale * coef[:2]
    sides = np.minimum((draws <= statistic).sum(axis=0), (draws >= statistic).sum(axis=0))
    np.testing.assert_allclose(found.p, np.maximum(2 * sides, 1) / 200)
    assert len(draws) == 200


def test_lower_tail_is_the_mirror_image_of_the_upper():
    x, y = tail_sample(2, 1000)
    upper = extremal_inference(variables_of(x, y), "y", REGRESSORS, 0.98)
    lower = extremal_inference(variables_of(x, -y), "y", REGRESSORS, 0.02)
    np.testing.assert_allclose(lower.ci_low, -upper.ci_high, rtol=1e-9)
    np.testing.assert_allclose(lower.ci_high, -upper.ci_low, rtol=1e-9)
    np.testing.assert_allclose([lower.p, lower.se], [upper.p, upper.se], rtol=1e-9)


def test_intervals_hold_the_coefficients_of_the_tail():
    """Forty samples of six hundred days, three in a hundred beyond: 95% less three times 3.4 points is 85%."""
    truth = np.array([1 + 0.3 * (gamma.ppf(0.97, 1.5) - 1.5), 0.3])
    held = []
    for seed in range(40):
        found = extremal_inference(variables_of(*tail_sample(seed, 600)), "y", REGRESSORS, 0.97)
        held.append((found.ci_low <= truth) & (truth <= found.ci_high))
    assert (np.mean(held, axis=0) > 0.85).all()


@pytest.mark.parametrize(
    ("rows", "quantile"), [(1000, 0.75), (1000, 0.9), (100, 0.95)], ids=["middle", "not far out", "blocks too short"]
)
def test_what_is_not_in_the_tail_or_has_too_few_rows_has_no_such_inference(rows: int, quantile: float):
    assert extremal_inference(variables_of(*tail_sample(3, rows)), "y", REGRESSORS, quantile) is None
