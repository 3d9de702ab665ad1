"""Covariances against linearmodels, pyfixest and statsmodels, each with the convention that it names."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dealer_limits.estimation.covariance import (
    cluster_covariance,
    cluster_jackknife_covariance,
    driscoll_kraay_covariance,
    newey_west_covariance,
    rule_of_thumb_lags,
)
from dealer_limits.estimation.panel import Fit, fit_linear, robust_covariance, take_out_effects
from panels import with_holes

REGRESSORS = ["x1", "x2"]


def panel() -> pd.DataFrame:
    """Firms of two units; a common shock a day makes days matter."""
    frame = with_holes()
    shocks = np.random.default_rng(8).normal(size=frame["period"].max() + 1)
    return frame.assign(
        firm=frame["unit"] // 2,
        unit_in_period=np.arange(len(frame)),
        y=frame["y"] + shocks[frame["period"]] * frame["x2"],
    )


def fit(frame: pd.DataFrame, effects: tuple[str, ...] = ("unit", "period")) -> Fit:
    variables = {name: frame[name].to_numpy(dtype=float) for name in ("y", *REGRESSORS)}
    levels = frame[list(effects)].to_numpy() if effects else np.empty((len(frame), 0), dtype=int)
    return fit_linear(take_out_effects(variables, levels), "y", REGRESSORS)


def se(matrix: np.ndarray) -> np.ndarray:
    return np.sqrt(np.diag(matrix))


@pytest.mark.parametrize(
    "clusters", [("unit",), ("period",), ("firm",), ("unit", "period"), ("firm", "period")], ids="-".join
)
@pytest.mark.parametrize("effects", [("unit", "period"), ("period",)], ids="-".join)
def test_clustered_errors_equal_those_of_pyfixest(clusters: tuple[str, ...], effects: tuple[str, ...]):
    """pyfixest demeans to 1e-13, so 1e-8 leaves room for its iterations only."""
    import pyfixest as pf

    frame = panel()
    ours = cluster_covariance(fit(frame, effects).parts, *(frame[name].to_numpy() for name in clusters))
    other = pf.feols(
        f"y ~ x1 + x2 | {' + '.join(effects)}",
        frame,
        vcov={"CRV1": " + ".join(clusters)},
        demeaner=pf.MapDemeaner(fixef_tol=1e-13),
    )
    np.testing.assert_allclose(se(ours.matrix), other.se().to_numpy(), rtol=1e-8)
    assert ours.clusters == min(frame[name].nunique() for name in clusters)
    # with the degrees of freedom of the fewer clusters; p is computed from t in the eighth digit
    p_values = 2 * stats.t.sf(np.abs(other.tstat().to_numpy()), ours.df)
    np.testing.assert_allclose(p_values, other.pvalue().to_numpy(), rtol=1e-6)


def test_jackknife_is_the_spread_of_estimates_without_one_cluster():
    """Each estimate is pyfixest's on the rows that are left, demeaned to 1e-13: 1e-8 leaves room for that."""
    import pyfixest as pf

    frame = panel()
    ours = cluster_jackknife_covariance(fit(frame).parts, frame["firm"].to_numpy())

    def coefficients(rows: pd.DataFrame) -> np.ndarray:
        demeaner = pf.MapDemeaner(fixef_tol=1e-13)
        return pf.feols("y ~ x1 + x2 | unit + period", rows, demeaner=demeaner).coef().to_numpy()

    firms = frame["firm"].unique()
    gaps = np.array([coefficients(frame[frame["firm"] != firm]) for firm in firms]) - coefficients(frame)
    np.testing.assert_allclose(ours.matrix, gaps.T @ gaps * (len(firms) - 1) / len(firms), rtol=1e-8)
    assert (ours.clusters, ours.df) == (len(firms), len(firms) - 1)


def test_jackknife_repeats_both_stages_without_one_cluster():
    """Each estimate is pyfixest's two-stage least squares on the rows that are left."""
    import pyfixest as pf

    frame = panel()
    rng = np.random.default_rng(8)
    frame["z"] = 0.6 * frame["x1"] + rng.normal(size=len(frame))
    names = ["y", "x1", "z"]
    variables = take_out_effects({name: frame[name].to_numpy() for name in names}, frame[["period"]].to_numpy())
    own = fit_linear(variables, "y", ["x1"], endogenous=["x1"], instruments=["z"])
    ours = cluster_jackknife_covariance(own.parts, frame["firm"].to_numpy())

    def coefficient(rows: pd.DataFrame) -> float:
        return pf.feols("y ~ 1 | period | x1 ~ z", rows).coef().iloc[0]

    firms = frame["firm"].unique()
    gaps = np.array([coefficient(frame[frame["firm"] != firm]) for firm in firms]) - coefficient(frame)
    # demeaning in pyfixest stops at 1e-6
    np.testing.assert_allclose(ours.matrix[0, 0], gaps @ gaps * (len(firms) - 1) / len(firms), rtol=1e-5)


def test_jackknife_of_one_cluster_is_refused():
    with pytest.raises(ValueError, match="all rows are in one cluster"):
        cluster_jackknife_covariance(fit(panel()).parts, np.zeros(len(panel()), dtype=int))


@pytest.mark.parametrize("lags", [0, 3, 10])
def test_driscoll_kraay_equals_pyfixest(lags: int):
    """Demeaned there to 1e-13, exactly here: 1e-8 leaves room for it."""
    import pyfixest as pf

    frame = panel()
    ours = driscoll_kraay_covariance(fit(frame).parts, frame["period"].to_numpy(), lags)
    other = pf.feols(
        "y ~ x1 + x2 | unit + period",
        frame,
        vcov="DK",
        vcov_kwargs={"panel_id": "unit", "time_id": "period", "lag": lags},
        demeaner=pf.MapDemeaner(fixef_tol=1e-13),
        fixef_rm="none",
    )
    np.testing.assert_allclose(se(ours.matrix), other.se(), rtol=1e-8)
    p_values = 2 * stats.t.sf(np.abs(other.coef() / se(ours.matrix)), ours.df)
    np.testing.assert_allclose(p_values, other.pvalue(), rtol=1e-6)
    assert ours.lags == lags


def test_driscoll_kraay_counts_days_and_not_rows_between_two_days():
    """A week without rows keeps the days before and after it apart: its scores are zeros of their own."""
    frame = panel()
    gap = frame.assign(period=frame["period"] + 7 * (frame["period"] >= 30))
    parts, lags = fit(frame).parts, 5
    close, apart = (driscoll_kraay_covariance(parts, each["period"].to_numpy(), lags).matrix for each in (frame, gap))
    assert np.abs(close / apart - 1).max() > 1e-4
    scores = pd.DataFrame(parts.score_regressors * parts.residuals[:, None]).groupby(gap["period"]).sum()
    scores = scores.reindex(range(gap["period"].min(), gap["period"].max() + 1), fill_value=0.0).to_numpy()
    distance = np.abs(np.subtract.outer(np.arange(len(scores)), np.arange(len(scores))))
    meat = scores.T @ np.clip(1 - distance / (lags + 1), 0, None) @ scores
    days, rows = gap["period"].nunique(), len(gap)
    factor = days / (days - 1) * (rows - 1) / (rows - parts.df_model)
    # the same sums in another order
    np.testing.assert_allclose(apart, parts.bread @ meat @ parts.bread * factor, rtol=1e-9)


@pytest.mark.parametrize("lags", [0, 4, 12])
def test_newey_west_equals_statsmodels(lags: int):
    import statsmodels.api as sm

    rng = np.random.default_rng(4)
    x = np.cumsum(rng.normal(size=(300, 2)), axis=0) / 5
    errors = np.convolve(rng.normal(size=305), np.ones(6), mode="valid")
    frame = pd.DataFrame(x, columns=REGRESSORS).assign(y=x @ [0.4, -0.2] + errors)
    ours = newey_west_covariance(fit(frame, ()).parts, lags)
    other = sm.OLS(frame["y"], sm.add_constant(frame[REGRESSORS])).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True
    )
    np.testing.assert_allclose(se(ours.matrix), other.bse[REGRESSORS], rtol=1e-9)
    assert ours.df == other.df_resid


def test_one_cluster_per_row_is_the_robust_covariance_but_for_one_row():
    """G / (G - 1) · (n - 1) / (n - k) with G = n is n / (n - k)."""
    frame = panel()
    parts = fit(frame).parts
    ours = cluster_covariance(parts, frame["unit_in_period"].to_numpy())
    np.testing.assert_allclose(ours.matrix, robust_covariance(parts), rtol=1e-10)


def test_two_way_covariance_has_no_negative_variance():
    """Two clusters of either kind make the difference of three covariances indefinite."""
    frame = panel()
    parts = dataclasses.replace(fit(frame).parts)
    halves = (frame["unit"] > 5).to_numpy(dtype=int), (frame["period"] > 40).to_numpy(dtype=int)
    values = np.linalg.eigvalsh(cluster_covariance(parts, *halves).matrix)
    assert values.min() >= -1e-18


@pytest.mark.parametrize(("clusters", "message"), [(1, "one cluster"), (3, "one way or in two")])
def test_clusters_that_cannot_be_are_refused(clusters: int, message: str):
    frame = panel()
    with pytest.raises(ValueError, match=message):
        cluster_covariance(fit(frame).parts, *[np.zeros(len(frame), dtype=int)] * clusters)


def test_least_lag_is_the_horizon():
    assert rule_of_thumb_lags(2060) == 7
    assert rule_of_thumb_lags(2060, least=10) == 10
