"""Coverage of the covariances is counted on the estimates that the registry's rows have."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimate.inference import METHODS, SEED
from dealer_limits.estimate.wild_bootstrap import draw_signs
from dealer_limits.montecarlo.covariances import _estimate_world, coverage_rows, run_coverage
from dealer_limits.montecarlo.desk_panel import simulate_desk_panel
from dealer_limits.montecarlo.registry import estimate_row
from dealer_limits.pseudo.parameters import world_parameters

SEED_OF_WORLD = 7_000_001


@pytest.fixture(scope="module")
def estimated():
    return _estimate_world((SEED_OF_WORLD, dict(world_parameters("paper"))))


def test_coefficients_and_robust_intervals_are_those_of_the_monte_carlo(estimated):
    """Two implementations of one regression: 1e-9 is rounding in either."""
    panel = simulate_desk_panel(SEED_OF_WORLD, dict(world_parameters("paper")))
    for row, own in zip(coverage_rows(), estimated, strict=True):
        fit = estimate_row(panel, row)
        assert own.product / own.square == pytest.approx(fit.coef[0], rel=1e-9)
        low, high = own.intervals["robust"]
        assert (low + high) / 2 == pytest.approx(fit.coef[0], rel=1e-9)


def test_intervals_cover_their_own_coefficient_and_nothing_far_off(estimated):
    methods = [method.covariance for method in METHODS["panel_desk_horizon", "ols"]]
    for own in estimated:
        coef = own.product / own.square
        assert all(own.covers(name, coef) for name in methods)
        assert not any(own.covers(name, coef + 10) for name in methods)


def test_wild_intervals_cover_what_the_bootstrap_does_not_reject(estimated):
    test = estimated[0].tests["wild_desk"]
    signs = draw_signs(len(test.squares), SEED)
    low, high = test.interval(signs, se=0.01)
    for value in (low - 1e-3, (low + high) / 2, high + 1e-3):
        assert estimated[0].covers("wild_desk", value) == (low <= value <= high)


def test_coverage_counts_worlds(tmp_path: Path):
    frame = run_coverage("null", 2, tmp_path, Console(file=io.StringIO()))
    assert len(frame) == len(coverage_rows()) * len(METHODS["panel_desk_horizon", "ols"])
    assert set(np.round(frame["coverage"] * 2, 9)) <= {0.0, 1.0, 2.0}
    assert (tmp_path / "covariance_coverage.csv").read_text().count("\n") == len(frame) + 1


@pytest.mark.parametrize(
    ("world", "reps", "message"), [("mars", 10, "unknown world mars"), ("null", 1, "reps 1")]
)
def test_what_cannot_be_run_is_said(world: str, reps: int, message: str, tmp_path: Path):
    with pytest.raises(DealerLimitsError, match=message):
        run_coverage(world, reps, tmp_path, Console(file=io.StringIO()))
