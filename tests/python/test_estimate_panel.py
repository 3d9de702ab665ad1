"""The estimator against dummy-variable least squares and against another package."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from dealer_limits.estimate.observations import Observations
from dealer_limits.estimate.panel import fit_absorbing, stars


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
