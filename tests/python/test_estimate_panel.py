"""The estimator against dummy-variable least squares and against another package."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from dealer_limits.estimation import absorb
from dealer_limits.estimation.absorb import demean, prepare_effects
from dealer_limits.estimation.panel import (
    CollinearError,
    Fit,
    fit_linear,
    robust_covariance,
    stars,
    take_out_effects,
)
from estimate_oracle import dummy_regression


@dataclasses.dataclass(frozen=True)
class Observations:
    """y (n,), x (n, k), levels of the effects (n, e) and instruments (n, l)."""

    dependent: np.ndarray
    regressors: np.ndarray
    effects: np.ndarray
    instruments: np.ndarray | None = None


def fit_of(observations: Observations, constant: bool = False, endogenous: tuple[str, ...] = ()) -> Fit:
    """x0, x1 .. on y, by two-stage least squares where some are endogenous."""
    names = [f"x{position}" for position in range(observations.regressors.shape[1])]
    variables = {
        "y": observations.dependent,
        **dict(zip(names, observations.regressors.T, strict=True)),
    }
    instruments = {}
    if observations.instruments is not None:
        instruments = {f"z{position}": z for position, z in enumerate(observations.instruments.T)}
    return fit_linear(
        take_out_effects(variables | instruments, observations.effects),
        "y",
        names,
        endogenous=endogenous,
        instruments=list(instruments),
        constant=constant,
    )


def unbalanced_panel(seed: int = 3, desks: int = 7, days: int = 60) -> Observations:
    """Desks in overlapping spells, with holes; the errors' spread depends on the first regressor."""
    rng = np.random.default_rng(seed)
    desk, day = (grid.ravel() for grid in np.meshgrid(np.arange(desks), np.arange(days), indexing="ij"))
    kept = (day >= 4 * desk) & (day < 4 * desk + 40) & (rng.uniform(size=desk.size) > 0.1)
    desk, day = desk[kept], day[kept]
    x = np.column_stack([rng.normal(size=desk.size) + desk / 3 + day / 20, rng.normal(size=desk.size) + day / 9])
    y = x @ [-0.3, 0.1] + desk - day / 5 + rng.normal(size=desk.size) * (0.3 + np.abs(x[:, 0]))
    return Observations(y, x, np.column_stack([desk, day]))


def dummies(observations: Observations) -> np.ndarray:
    desk, day = (pd.get_dummies(column, dtype=float).to_numpy() for column in observations.effects.T)
    return np.column_stack([observations.regressors, desk, day[:, 1:]])


def test_absorbing_equals_dummy_variables_with_hc1_errors():
    """Small-sample factor n / (n - k), k with all non-collinear effects: HC1 of the dummy regression."""
    import statsmodels.api as sm

    observations = unbalanced_panel()
    fit = fit_of(observations)
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
    fit = fit_of(observations)
    assert fit.measures["r2"] == pytest.approx(
        sm.OLS(observations.dependent, dummies(observations)).fit().rsquared, rel=1e-10
    )


def test_absorbing_equals_pyfixest_without_singletons():
    import pyfixest as pf

    observations = unbalanced_panel()
    frame = pd.DataFrame(observations.regressors, columns=["x1", "x2"]).assign(
        y=observations.dependent, desk=observations.effects[:, 0], day=observations.effects[:, 1]
    )
    frame = frame[frame.groupby("day")["y"].transform("size") > 1]
    fit = fit_of(Observations(frame["y"].to_numpy(), frame[["x1", "x2"]].to_numpy(), frame[["desk", "day"]].to_numpy()))
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
    fit, longer = fit_of(observations), fit_of(extended)
    np.testing.assert_allclose(longer.coef, fit.coef, rtol=1e-10)
    assert longer.nobs == fit.nobs + 1
    assert longer.df_resid == fit.df_resid
    np.testing.assert_allclose(longer.se, fit.se * np.sqrt(longer.nobs / fit.nobs), rtol=1e-8)


@pytest.mark.parametrize("absorbed", [[0], [1], [0, 1]], ids=["desk", "day", "desk and day"])
def test_constant_equals_that_of_effects_that_add_up_to_zero(absorbed: list[int]):
    """reghdfe's constant: mean(y) - mean(x) β, with the robust error of the regression on all dummies."""
    observations = unbalanced_panel()
    observations = dataclasses.replace(observations, effects=observations.effects[:, absorbed])
    fit = fit_of(observations, constant=True)
    full = dummy_regression(observations.dependent, observations.regressors, list(observations.effects.T))
    at_means = observations.dependent.mean() - observations.regressors.mean(axis=0) @ fit.coef[:2]
    assert fit.coef[2] == pytest.approx(at_means, rel=1e-10)
    np.testing.assert_allclose(fit.coef, full.params[:3], rtol=1e-8)
    np.testing.assert_allclose(fit.se, full.bse[:3], rtol=1e-8)
    np.testing.assert_allclose(fit.p, full.pvalues[:3], rtol=1e-6)
    assert fit.measures["r2"] == pytest.approx(full.rsquared, rel=1e-10)
    assert fit.df_resid == full.df_resid


def test_constant_is_that_of_demeaned_variables_with_their_means_added():
    """The same by the steps that reghdfe takes: absorb, add the means, regress with a constant."""
    import statsmodels.api as sm

    observations = unbalanced_panel()
    fit = fit_of(observations, constant=True)
    levels = dummies(observations)[:, 2:]
    variables = np.column_stack([observations.dependent, observations.regressors])
    absorbed = variables - levels @ np.linalg.lstsq(levels, variables)[0] + variables.mean(axis=0)
    short = sm.OLS(absorbed[:, 0], sm.add_constant(absorbed[:, 1:], prepend=False)).fit(cov_type="HC0")
    np.testing.assert_allclose(fit.coef, short.params, rtol=1e-8)
    np.testing.assert_allclose(fit.se, short.bse * np.sqrt(fit.nobs / fit.df_resid), rtol=1e-8)


def test_constant_changes_no_other_coefficient_and_no_error():
    observations = unbalanced_panel()
    fit, longer = fit_of(observations), fit_of(observations, constant=True)
    np.testing.assert_allclose(longer.coef[:2], fit.coef, rtol=1e-10)
    np.testing.assert_allclose(longer.se[:2], fit.se, rtol=1e-10)
    assert longer.measures["r2"] == pytest.approx(fit.measures["r2"], rel=1e-12)


@pytest.mark.parametrize("constant", [False, True])
def test_regressor_without_variation_of_its_own_raises(constant: bool):
    observations = unbalanced_panel()
    absorbed = observations.regressors.copy()
    absorbed[:, 1] = observations.effects @ [0.5, -2.0]
    observations = dataclasses.replace(observations, regressors=absorbed)
    with pytest.raises(CollinearError) as caught:
        fit_of(observations, constant)
    assert caught.value.terms == ("x1",)
    assert caught.value.within_effects


def test_exact_relation_is_recovered():
    observations = unbalanced_panel()
    desk, day = observations.effects.T
    exact = dataclasses.replace(observations, dependent=observations.regressors @ [-0.25, 0.5] + desk + np.sin(day))
    fit = fit_of(exact)
    np.testing.assert_allclose(fit.coef, [-0.25, 0.5], rtol=1e-9)
    assert fit.measures["r2"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("p_value", "printed"), [(0.2, 0), (0.1, 0), (0.0999, 1), (0.05, 1), (0.0499, 2), (0.01, 2), (0.0099, 3)]
)
def test_stars_are_of_levels_ten_five_and_one_percent(p_value: float, printed: int):
    assert stars(p_value) == printed


def dense_dummies(levels: np.ndarray) -> np.ndarray:
    return np.column_stack([pd.get_dummies(column, dtype=float).to_numpy() for column in levels.T])


def disconnected_panel(parts: int, seed: int = 5) -> Observations:
    """Panels that share neither desk nor day, side by side; the last one has a single row."""
    panels = [unbalanced_panel(seed + part, desks=4, days=20) for part in range(parts)]
    effects = np.concatenate([panel.effects + 1000 * part for part, panel in enumerate(panels)])
    return Observations(
        np.append(np.concatenate([panel.dependent for panel in panels]), 3.0),
        np.vstack([*(panel.regressors for panel in panels), [0.5, 0.5]]),
        np.vstack([effects, [9000, 9000]]),
    )


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_k_is_the_rank_of_the_dummies_where_the_panel_is_not_connected(parts: int):
    """Each further component makes one more dummy redundant, which packages may not notice."""
    observations = disconnected_panel(parts)
    design = np.column_stack([observations.regressors, dense_dummies(observations.effects)])
    *_, rank, _ = np.linalg.lstsq(design, observations.dependent)
    fit = fit_of(observations)
    levels = sum(len(np.unique(column)) for column in observations.effects.T)
    assert rank == 2 + levels - (parts + 1)
    assert fit.df_resid == len(observations.dependent) - rank
    assert fit.parts.df_model == rank


def test_errors_on_a_disconnected_panel_are_those_of_the_dummy_regression():
    observations = disconnected_panel(2)
    design = np.column_stack([observations.regressors, dense_dummies(observations.effects)])
    inverse = np.linalg.pinv(design.T @ design, hermitian=True)
    coef = inverse @ design.T @ observations.dependent
    residuals = observations.dependent - design @ coef
    rows, rank = len(design), np.linalg.matrix_rank(design)
    influences = design @ inverse * residuals[:, None]
    errors = np.sqrt(np.sum(influences[:, :2] ** 2, axis=0) * rows / (rows - rank))
    fit = fit_of(observations)
    # pinv squares the condition number of the dummies, about 1e3
    np.testing.assert_allclose(fit.coef, coef[:2], rtol=1e-8)
    np.testing.assert_allclose(fit.se, errors, rtol=1e-8)


@pytest.mark.parametrize(
    "levels",
    [
        unbalanced_panel().effects,
        unbalanced_panel().effects[:, :1],
        unbalanced_panel().effects[:, :0],
        disconnected_panel(3).effects,
        np.array([[1, 1], [1, 2], [2, 2], [2, 3], [3, 3], [3, 4], [4, 4]]),
        np.array([[1, 1], [2, 2], [3, 3]]),
    ],
    ids=["two effects", "one", "none", "disconnected", "a chain of single links", "every row alone"],
)
def test_demeaning_equals_the_residual_on_dense_dummies(levels: np.ndarray):
    values = np.random.default_rng(8).normal(50, 20, len(levels))
    dense = dense_dummies(levels) if levels.shape[1] else np.ones((len(levels), 1))
    expected = values - dense @ np.linalg.lstsq(dense, values)[0]
    effects = prepare_effects(levels)
    # both solve exactly, values are of size 100
    np.testing.assert_allclose(demean(effects, values), expected, atol=1e-11)
    assert effects.rank == np.linalg.matrix_rank(dense)


def test_a_long_chain_of_single_links_is_demeaned_exactly():
    """Two desks meet on one day each: alternating projections need thousands of rounds here."""
    desks = 60
    links = np.array([[desk, day] for desk in range(desks) for day in (desk, desk + 1)])
    levels = np.vstack([links, links[::7], [[desk, 500 + desk] for desk in range(desks)]])
    parts = np.random.default_rng(2).normal(size=(2, 1000))
    values = 1e6 + parts[0][levels[:, 0]] + parts[1][levels[:, 1]]
    # what the effects explain is gone to the last digits of what is left, not of the million
    assert np.abs(demean(prepare_effects(levels), values)).max() < 1e-13


@pytest.mark.parametrize("spread", [1, 10**6], ids=["near each other", "far apart"])
def test_levels_may_be_any_whole_numbers(spread: int):
    """They are numbered by counts or by sorting."""
    levels = disconnected_panel(2).effects
    numbered = prepare_effects(levels * spread - 7).levels
    np.testing.assert_array_equal(numbered, [np.unique(column, return_inverse=True)[1] for column in levels.T])


def test_dense_and_sparse_tables_of_effects_give_the_same(monkeypatch: pytest.MonkeyPatch):
    levels = disconnected_panel(3).effects
    dense = prepare_effects(levels)
    monkeypatch.setattr(absorb, "MOST_DENSE_CELLS", 0)
    sparse = prepare_effects(levels)
    np.testing.assert_allclose(sparse.elimination.factor, dense.elimination.factor, rtol=1e-12, atol=1e-14)
    assert (sparse.rank, list(sparse.elimination.free)) == (dense.rank, list(dense.elimination.free))


def test_effects_may_be_given_in_either_order():
    observations = unbalanced_panel()
    turned = dataclasses.replace(observations, effects=observations.effects[:, ::-1])
    fit, other = fit_of(observations), fit_of(turned)
    np.testing.assert_array_equal(fit.coef, other.coef)
    np.testing.assert_array_equal(fit.se, other.se)


def test_three_effects_raise():
    observations = unbalanced_panel()
    levels = np.column_stack([observations.effects, observations.effects[:, 0]])
    with pytest.raises(ValueError, match="3 effects"):
        fit_of(dataclasses.replace(observations, effects=levels))


def test_more_effects_than_rows_raise():
    observations = unbalanced_panel()
    with pytest.raises(ValueError, match="no degrees of freedom"):
        fit_of(Observations(observations.dependent[:8], observations.regressors[:8], np.arange(16).reshape(8, 2)))


def test_regressors_that_add_up_raise():
    observations = unbalanced_panel()
    x = observations.regressors
    with pytest.raises(CollinearError, match="collinear") as caught:
        fit_of(dataclasses.replace(observations, regressors=np.column_stack([x, x @ [2.0, -1.0]])))
    assert not caught.value.within_effects


def instrumented_panel() -> Observations:
    """x0 depends on the error and on two instruments, x1 is exogenous; effects of days alone."""
    panel = unbalanced_panel()
    rng = np.random.default_rng(6)
    z = rng.normal(size=(len(panel.dependent), 2)) + panel.effects[:, [1]] / 10
    error = rng.normal(size=len(z)) * (0.5 + np.abs(z[:, 0]))
    x = np.column_stack([z @ [0.8, -0.5] + error + rng.normal(size=len(z)), panel.regressors[:, 1]])
    return Observations(x @ [-0.3, 0.2] + error + panel.effects[:, 1] / 5, x, panel.effects[:, 1:], z)


def test_two_stages_equal_linearmodels_on_demeaned_variables_with_our_degrees_of_freedom():
    from linearmodels.iv import IV2SLS

    observations = instrumented_panel()
    fit = fit_of(observations, endogenous=("x0",))
    frame = pd.DataFrame(np.column_stack([observations.dependent, observations.regressors, observations.instruments]))
    within = frame - frame.groupby(observations.effects[:, 0]).transform("mean")
    other = IV2SLS(within[0], within[[2]], within[[1]], within[[3, 4]]).fit(debiased=False)
    rows, k = len(frame), 2 + len(np.unique(observations.effects))
    # both are exact
    np.testing.assert_allclose(fit.coef, other.params[[1, 2]], rtol=1e-10)
    np.testing.assert_allclose(fit.se, other.std_errors[[1, 2]] * np.sqrt(rows / (rows - k)), rtol=1e-10)
    assert fit.df_resid == rows - k
    assert "r2" not in fit.measures
    # a Wald statistic of both instruments with White's covariance, which has no factor
    wald = other.first_stage.diagnostics["f.stat"].iloc[0]
    assert fit.measures["first_stage_f"] == pytest.approx(wald / 2 * (rows - k - 1) / rows, rel=1e-8)


def test_two_stages_with_a_regressor_as_its_own_instrument_are_least_squares():
    observations = unbalanced_panel()
    plain = fit_of(observations)
    own = fit_of(dataclasses.replace(observations, instruments=observations.regressors[:, :1]), endogenous=("x0",))
    np.testing.assert_allclose(own.coef, plain.coef, rtol=1e-10)
    np.testing.assert_allclose(own.se, plain.se, rtol=1e-10)


def test_fewer_instruments_than_instrumented_raise():
    observations = instrumented_panel()
    with pytest.raises(ValueError, match="2 instrumented variables need as many instruments"):
        fit_of(
            dataclasses.replace(observations, instruments=observations.instruments[:, :1]),
            endogenous=("x0", "x1"),
        )


def test_parts_give_the_covariance_that_was_reported():
    observations = unbalanced_panel()
    fit = fit_of(observations, constant=True)
    np.testing.assert_allclose(np.sqrt(np.diag(robust_covariance(fit.parts))), fit.se, rtol=1e-14)
    scores = fit.parts.score_regressors * fit.parts.residuals[:, None]
    # normal equations: of size 1e2 with rounding
    np.testing.assert_allclose(scores.sum(axis=0), 0, atol=1e-10)
    for levels, given in zip(fit.parts.effects.levels, observations.effects.T, strict=True):
        assert len(set(zip(levels, given, strict=True))) == len(set(levels)) == len(set(given))
