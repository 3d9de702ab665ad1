"""The wild cluster bootstrap against the same drawn and estimated the long way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dealer_limits.estimation.panel import take_out_effects
from dealer_limits.estimation.wild_bootstrap import coarser, draw_signs, prepare_tests
from panels import with_holes


def prepared(frame: pd.DataFrame, effects: tuple[str, ...], cluster: str):
    variables = {name: frame[name].to_numpy(dtype=float) for name in ("y", "x1", "x2")}
    taken = take_out_effects(variables, frame[list(effects)].to_numpy())
    return prepare_tests(taken, "y", ["x1", "x2"], frame[cluster].to_numpy())


def by_dummies(frame: pd.DataFrame, effects: tuple[str, ...], cluster: str, signs: np.ndarray, null: float):
    """t of the sample and of every draw for x1 = null: regressions on dummy variables, one by one."""
    dummies = [pd.get_dummies(frame[effect], dtype=float).to_numpy() for effect in effects]
    full = np.column_stack([frame["x1"], frame["x2"], *dummies])
    restricted = full[:, 1:]
    y = frame["y"].to_numpy() - null * frame["x1"].to_numpy()
    fitted = restricted @ np.linalg.lstsq(restricted, y)[0]
    groups = pd.factorize(frame[cluster], sort=True)[0]
    inverse = np.linalg.pinv(full)
    direction = inverse[0]

    def statistic(outcome: np.ndarray) -> float:
        coef = inverse @ outcome
        scores = np.bincount(groups, direction * (outcome - full @ coef))
        return coef[0] / np.sqrt(np.sum(scores**2))

    residuals = y - fitted
    return statistic(y), np.array([statistic(fitted + residuals * draw[groups]) for draw in signs.T])


@pytest.mark.parametrize("null", [0.0, -0.25])
@pytest.mark.parametrize("effects", [("unit", "period"), ("period",)], ids="-".join)
def test_draws_equal_regressions_on_dummy_variables(effects: tuple[str, ...], null: float):
    """Both are exact: they differ by rounding in a few hundred dummies."""
    frame = with_holes(units=6, periods=60)
    signs = draw_signs(6, seed=1)[:, ::5]
    t, draws = prepared(frame, effects, "unit")[0].statistics(signs, null)
    long_t, long_draws = by_dummies(frame, effects, "unit", signs, null)
    assert t == pytest.approx(long_t, rel=1e-9)
    np.testing.assert_allclose(draws, long_draws, rtol=1e-8, atol=1e-9)


def test_few_clusters_have_every_pattern_once_and_many_are_drawn():
    patterns = draw_signs(10, seed=1)
    assert patterns.shape == (10, 1024)
    assert len(np.unique(patterns, axis=1).T) == 1024
    drawn = draw_signs(18, seed=1)
    assert drawn.shape == (18, 1999)
    assert set(np.unique(drawn)) == {-1.0, 1.0}
    np.testing.assert_array_equal(drawn, draw_signs(18, seed=1))


def test_interval_holds_what_is_not_rejected():
    frame = with_holes()
    test = prepared(frame, ("unit", "period"), "unit")[0]
    signs = draw_signs(12, seed=1)
    low, high = test.interval(signs, se=0.05)
    assert low < test.coef < high
    for end, outwards in ((low, -1), (high, 1)):
        assert test.p_value(signs, end - outwards * 1e-4) > 0.05
        assert test.p_value(signs, end + outwards * 1e-4) <= 0.05


def test_four_clusters_reject_nothing():
    """Of 16 patterns two have the t of the sample, so that no p-value is below 12.5%."""
    frame = with_holes(units=4, periods=60)
    test = prepared(frame, ("unit", "period"), "unit")[0]
    signs = draw_signs(4, seed=1)
    assert test.p_value(signs) >= 0.125
    assert test.interval(signs, se=0.05) == (-np.inf, np.inf)


def test_clusters_put_together_give_what_they_give_alone():
    frame = with_holes().assign(firm=lambda rows: rows["unit"] // 3)
    fine, coarse = (prepared(frame, ("unit", "period"), name)[1] for name in ("unit", "firm"))
    together = coarser(fine, np.arange(12) // 3)
    np.testing.assert_allclose(together.scores, coarse.scores, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(together.squares, coarse.squares, rtol=1e-12)
    signs = draw_signs(4, seed=2)
    np.testing.assert_allclose(together.statistics(signs)[1], coarse.statistics(signs)[1], rtol=1e-8)


def test_p_values_are_uniform_under_the_hypothesis():
    """200 samples of 12 clusters with a common shock in each: 10% are rejected at 10%, give or take 2.1%."""
    frame = with_holes()
    signs = draw_signs(12, seed=3)[:, :499]
    rng = np.random.default_rng(9)
    rejected = 0
    taken = frame[["unit", "period"]].to_numpy()
    x1 = frame["x1"].to_numpy()
    for _ in range(200):
        # a slope of its own in every unit, zero on average
        slopes = rng.normal(size=12)[frame["unit"]]
        y = slopes * x1 + rng.normal(size=len(frame))
        variables = take_out_effects({"y": y, "x1": x1}, taken)
        rejected += prepare_tests(variables, "y", ["x1"], frame["unit"].to_numpy())[0].p_value(signs) < 0.1
    assert 0.10 - 3 * 0.021 <= rejected / 200 <= 0.10 + 3 * 0.021


@pytest.mark.parametrize(("regressor", "p_value"), [(0, 0.34765625), (1, 0.66650390625)])
def test_p_values_equal_those_of_another_package(regressor: int, p_value: float):
    """wildboottest 0.3.2 (bootstrap_type="11", dummies for both effects), all 4,096 patterns."""
    frame = with_holes()
    rng = np.random.default_rng(3)
    slopes = 0.3 * rng.normal(size=12)[frame["unit"]] + 0.1
    frame = frame.assign(y=slopes * frame["x1"] + rng.normal(size=len(frame)))
    test = prepared(frame, ("unit", "period"), "unit")[regressor]
    assert test.p_value(draw_signs(12, seed=1, draws=5000)) == p_value
