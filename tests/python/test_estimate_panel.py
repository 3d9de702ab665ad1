"""The estimator against dummy-variable least squares and against another package."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from dealer_limits.estimate.observations import Observations
from dealer_limits.estimate.panel import fit_absorbing, stars
from estimate_oracle import dummy_regression


def unbalanced_panel(seed: int = 3, desks: int = 7, days: int = 60) -> Observations:
    """Desks in overlapping spells, with holes; the errors' spread depends on the first regressor."""
    rng = np.random.default_rng(seed)
    desk, day = (grid.ravel() for grid in np.meshgrid(np.arange(desks), np.arange(days), indexing="ij"))
    kept = (day >= 4 * desk) & (day < 4 * desk + 40) & (rng.uniform(size=desk.size) > 0.1)
    desk, day = desk[kept], day[kept]
    x = np.column_stack(
        [rng.normal(size=desk.size) + desk / 3 + day / 20, rng.normal(size=desk.size) + day / 9]
    )
    y = x @ [-0.3, 0.1] + desk - day / 5 + rng.normal(size=desk.size) * (0.3 + np.abs(x[:, 0]))
    return Observations(y, x, np.column_stack([desk, day]))


def dummies(observations: Observations) -> np.ndarray:
    desk, day = (pd.get_dummies(column, dtype=float).to_numpy() for column in observations.effects.T)
    return np.column_stack([observations.regressors, desk, day[:, 1:]])


def test_absorbing_equals_dummy_variables_with_hc1_errors():
    """Small-sample factor n / (n - k), k with all non-collinear effects: HC1 of the dummy regression."""
    import statsmodels.api as sm

    observations = unbalanced_panel()
    fit = fit_absorbing(observations)
    full = sm.OLS(observations.dependent, dummies(observations)).fit(cov_type="HC1", use_t=True)
    np.testing.assert_allclose(fit.coef, full.params[:2], rtol=1e-8)
    np.testing.assert_allclose(fit.se, full.bse[:2], rtol=1e-8)
    np.testing.assert_allclose(fit.p, full.pvalues[:2], rtol=1e-6)
    np.testing.assert_allclose(np.column_stack([fit.ci_low, fit.ci_high]), full.conf_int()[:2], rtol=1e-7)
    assert fit.df_resid == full.df_resid
    assert fit.nobs == full.nobs


def test_r_squared_has_the_effects_in_it():
    import statsmodels.api as sm

    observations = unbalanced_panel()
    fit = fit_absorbing(observations)
    assert fit.r2 == pytest.approx(
        sm.OLS(observations.dependent, dummies(observations)).fit().rsquared, rel=1e-10
    )


def test_absorbing_equals_pyfixest_without_singletons():
    import pyfixest as pf

    observations = unbalanced_panel()
    frame = pd.DataFrame(observations.regressors, columns=["x1", "x2"]).assign(
        y=observations.dependent, desk=observations.effects[:, 0], day=observations.effects[:, 1]
    )
    frame = frame[frame.groupby("day")["y"].transform("size") > 1]
    fit = fit_absorbing(
        Observations(frame["y"].to_numpy(), frame[["x1", "x2"]].to_numpy(), frame[["desk", "day"]].to_numpy())
    )
    other = pf.feols("y ~ x1 + x2 | desk + day", frame, vcov="hetero", fixef_tol=1e-12)
    np.testing.assert_allclose(fit.coef, other.coef().to_numpy(), rtol=1e-7)
    np.testing.assert_allclose(fit.se, other.se().to_numpy(), rtol=1e-7)


def test_singleton_moves_no_coefficient_but_counts_as_observation():
    """pyfixest and reghdfe drop a day with a single desk; here n and k both grow by one."""
    observations = unbalanced_panel()
    extended = Observations(
        np.append(observations.dependent, 5.0),
        np.vstack([observations.regressors, [1.0, 2.0]]),
        np.vstack([observations.effects, [0, 999]]),
    )
    fit, longer = fit_absorbing(observations), fit_absorbing(extended)
    np.testing.assert_allclose(longer.coef, fit.coef, rtol=1e-10)
    assert longer.nobs == fit.nobs + 1
    assert longer.df_resid == fit.df_resid
    np.testing.assert_allclose(longer.se, fit.se * np.sqrt(longer.nobs / fit.nobs), rtol=1e-8)


def with_constant(observations: Observations) -> Observations:
    ones = np.ones(len(observations.dependent))
    return dataclasses.replace(observations, regressors=np.column_stack([observations.regressors, ones]))


@pytest.mark.parametrize("absorbed", [[0], [1], [0, 1]], ids=["desk", "day", "desk and day"])
def test_constant_equals_that_of_effects_that_add_up_to_zero(absorbed: list[int]):
    """reghdfe's constant: mean(y) - mean(x) β, with the robust error of the regression on all dummies."""
    observations = unbalanced_panel()
    observations = dataclasses.replace(observations, effects=observations.effects[:, absorbed])
    fit = fit_absorbing(with_constant(observations))
    full = dummy_regression(observations.dependent, observations.regressors, list(observations.effects.T))
    at_means = observations.dependent.mean() - observations.regressors.mean(axis=0) @ fit.coef[:2]
    assert fit.coef[2] == pytest.approx(at_means, rel=1e-10)
    np.testing.assert_allclose(fit.coef, full.params[:3], rtol=1e-8)
    np.testing.assert_allclose(fit.se, full.bse[:3], rtol=1e-8)
    np.testing.assert_allclose(fit.p, full.pvalues[:3], rtol=1e-6)
    assert fit.r2 == pytest.approx(full.rsquared, rel=1e-10)
    assert fit.df_resid == full.df_resid


def test_constant_is_that_of_demeaned_variables_with_their_means_added():
    """The same by the steps that reghdfe takes: absorb, add the means, regress with a constant."""
    import statsmodels.api as sm

    observations = unbalanced_panel()
    fit = fit_absorbing(with_constant(observations))
    levels = dummies(observations)[:, 2:]
    variables = np.column_stack([observations.dependent, observations.regressors])
    absorbed = variables - levels @ np.linalg.lstsq(levels, variables)[0] + variables.mean(axis=0)
    short = sm.OLS(absorbed[:, 0], sm.add_constant(absorbed[:, 1:], prepend=False)).fit(cov_type="HC0")
    np.testing.assert_allclose(fit.coef, short.params, rtol=1e-8)
    np.testing.assert_allclose(fit.se, short.bse * np.sqrt(fit.nobs / fit.df_resid), rtol=1e-8)


def test_constant_changes_no_other_coefficient_and_no_error():
    observations = unbalanced_panel()
    fit, longer = fit_absorbing(observations), fit_absorbing(with_constant(observations))
    np.testing.assert_allclose(longer.coef[:2], fit.coef, rtol=1e-10)
    np.testing.assert_allclose(longer.se[:2], fit.se, rtol=1e-10)
    assert longer.r2 == pytest.approx(fit.r2, rel=1e-12)


@pytest.mark.parametrize("constant", [False, True])
def test_regressor_without_variation_of_its_own_raises(constant: bool):
    from linearmodels.panel.utility import AbsorbingEffectError

    observations = unbalanced_panel()
    absorbed = observations.regressors.copy()
    absorbed[:, 1] = observations.effects @ [0.5, -2.0]
    observations = dataclasses.replace(observations, regressors=absorbed)
    with pytest.raises(AbsorbingEffectError):
        fit_absorbing(with_constant(observations) if constant else observations)


def test_exact_relation_is_recovered():
    observations = unbalanced_panel()
    desk, day = observations.effects.T
    exact = dataclasses.replace(
        observations, dependent=observations.regressors @ [-0.25, 0.5] + desk + np.sin(day)
    )
    fit = fit_absorbing(exact)
    np.testing.assert_allclose(fit.coef, [-0.25, 0.5], rtol=1e-9)
    assert fit.r2 == pytest.approx(1)


@pytest.mark.parametrize(
    ("p_value", "printed"), [(0.2, 0), (0.1, 0), (0.0999, 1), (0.05, 1), (0.0499, 2), (0.01, 2), (0.0099, 3)]
)
def test_stars_are_of_levels_ten_five_and_one_percent(p_value: float, printed: int):
    assert stars(p_value) == printed
