"""Tests of instruments against linearmodels, printed critical values and a third package for the sets."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from dealer_limits.estimation.instruments import (
    EffectiveF,
    Projections,
    anderson_rubin,
    anderson_rubin_p,
    anderson_rubin_set,
    effective_f,
    hansen_j,
    project,
    strength,
)
from dealer_limits.estimation.panel import fit_linear, take_out_effects
from panels import with_holes

INSTRUMENTS = ["z1", "z2"]


def instrumented(strength: float = 0.4) -> pd.DataFrame:
    """Clusters of a few rows that share shocks to both equations."""
    frame = with_holes()
    rng = np.random.default_rng(6)
    cluster = frame["unit"].to_numpy() // 3 * 100 + frame["period"].to_numpy()
    shocks = rng.normal(size=(cluster.max() + 1, 2))[cluster]
    z = rng.normal(size=(len(frame), 2))
    x = strength * z[:, 0] - strength / 2 * z[:, 1] + shocks[:, 0] + frame["unit"] / 5
    y = -0.5 * x + shocks @ [0.5, 1.0] + rng.normal(size=len(frame)) + np.sin(frame["period"])
    return frame.assign(y=y, x=x, z1=z[:, 0], z2=z[:, 1], cluster=cluster)


def projections_of(frame: pd.DataFrame, instruments: list[str] = INSTRUMENTS) -> Projections:
    variables = take_out_effects(
        {name: frame[name].to_numpy(dtype=float) for name in ("y", "x", *instruments)},
        frame[["period"]].to_numpy(),
    )
    fit = fit_linear(variables, "y", ["x"], endogenous=["x"], instruments=instruments)
    return project(variables, fit.parts, "y", "x", instruments, [], frame["cluster"].to_numpy())


def demeaned(frame: pd.DataFrame) -> pd.DataFrame:
    names = ["y", "x", *INSTRUMENTS]
    return frame[names] - frame.groupby("period")[names].transform("mean")


def plain(strength: float, seed: int = 11) -> Projections:
    """Two hundred and more rows with errors of one variance, as the third package assumes."""
    rng = np.random.default_rng(seed)
    rows = 300
    z = rng.normal(size=(rows, 2))
    z -= z.mean(axis=0)
    v = rng.normal(size=rows)
    x = z @ [strength, -strength / 2] + v
    y = -0.4 * x + 0.7 * v + rng.normal(size=rows)
    x, y = x - x.mean(), y - y.mean()
    gram = z.T @ z
    reduced_form, first_stage = np.linalg.solve(gram, z.T @ np.column_stack([y, x])).T
    residuals = np.column_stack([y - z @ reduced_form, x - z @ first_stage])
    covariance = np.kron(residuals.T @ residuals / (rows - 2), np.linalg.inv(gram))
    return Projections(z, x, y, gram, reduced_form, first_stage, covariance, np.arange(rows), 1.0, rows)


def test_first_stage_and_reduced_form_equal_linearmodels():
    """Clustered without factors there; ours is divided out. Exact both, so 1e-9."""
    from linearmodels.iv import IV2SLS

    frame = instrumented()
    ours, flat = projections_of(frame), demeaned(frame)
    se = np.sqrt(np.diag(ours.covariance) / ours.factor)
    for outcome, coef, errors in (("y", ours.reduced_form, se[:2]), ("x", ours.first_stage, se[2:])):
        other = IV2SLS(flat[outcome], flat[INSTRUMENTS], None, None).fit(
            cov_type="clustered", clusters=frame["cluster"], debiased=False
        )
        np.testing.assert_allclose(coef, other.params, rtol=1e-9)
        np.testing.assert_allclose(errors, other.std_errors, rtol=1e-9)


@pytest.mark.parametrize("hypothesis", [-2.0, 0.0, 0.7])
def test_anderson_rubin_is_the_wald_test_of_the_instruments_in_linearmodels(hypothesis: float):
    from linearmodels.iv import IV2SLS

    frame = instrumented()
    ours, flat = projections_of(frame), demeaned(frame)
    other = IV2SLS(flat["y"] - hypothesis * flat["x"], flat[INSTRUMENTS], None, None).fit(
        cov_type="clustered", clusters=frame["cluster"], debiased=False
    )
    coef = other.params.to_numpy()
    wald = coef @ np.linalg.solve(other.cov.to_numpy(), coef)
    assert anderson_rubin(ours, hypothesis) * ours.factor == pytest.approx(wald, rel=1e-9)


@pytest.mark.parametrize("strength", [0.02, 0.08, 0.12, 0.3])
def test_anderson_rubin_set_is_what_the_test_does_not_reject(strength: float):
    """On a grid far beyond the ends; 5.991 is the 95% point of χ² with two degrees of freedom."""
    ours = projections_of(instrumented(strength))
    found = anderson_rubin_set(ours)
    for hypothesis in np.sinh(np.linspace(-9, 9, 2001)):
        statistic = anderson_rubin(ours, hypothesis)
        if abs(statistic - 5.991464547) > 1e-6:
            assert (hypothesis in found) == (statistic < 5.991464547)


@pytest.mark.parametrize(
    ("strength", "intervals"),
    [
        (0.5, [(-1.0268963239621318, -0.22986372508818653)]),
        (0.16, [(-np.inf, 0.23642458180429782), (2.9342146852414146, np.inf)]),
        (0.14, [(-np.inf, 0.464614973175007), (1.345887891190722, np.inf)]),
        (0.02, [(-np.inf, np.inf)]),
    ],
    ids=["bounded", "two rays", "two rays, nearer", "the whole line"],
)
def test_sets_equal_those_of_a_third_package(strength: float, intervals: list):
    """ivmodels 0.10.0, inverse_anderson_rubin_test(fit_intercept=False, critical_values="chi2")."""
    found = anderson_rubin_set(plain(strength))
    np.testing.assert_allclose(found.intervals, intervals, rtol=1e-8)
    assert found.bounded == bool(np.isfinite(intervals).all())


def test_statistic_equals_that_of_a_third_package():
    """ivmodels divides by the number of instruments."""
    assert anderson_rubin(plain(0.5), 0.3) / 2 == pytest.approx(23.647956288100584, rel=1e-9)


def test_sets_may_be_empty_and_say_what_they_are():
    """Instruments that disagree reject every value; the set is then no interval at all."""
    ours = plain(0.5)
    apart = dataclasses.replace(ours, reduced_form=ours.reduced_form + np.full(2, 2.0))
    assert anderson_rubin_set(apart).intervals == ()
    assert str(anderson_rubin_set(apart)) == "empty"
    assert str(anderson_rubin_set(plain(0.02))) == "the whole line"
    assert str(anderson_rubin_set(plain(0.14))) == "[-inf, 0.4646] or [1.346, inf]"


@pytest.mark.parametrize("exogenous", [[], ["w"]], ids=["alone", "beside another regressor"])
def test_jackknife_of_both_stages_is_that_of_refits_by_linearmodels(exogenous: list[str]):
    """Reduced form and first stage without one cluster each, days demeaned anew; 1e-8 is the refits'."""
    from linearmodels.iv import AbsorbingLS

    frame = instrumented().assign(w=lambda frame: np.cos(frame["period"] * frame["unit"]))
    variables = take_out_effects(
        {name: frame[name].to_numpy(dtype=float) for name in ("y", "x", "w", *INSTRUMENTS)},
        frame[["period", "unit"]].to_numpy(),
    )
    fit = fit_linear(variables, "y", ["x", *exogenous], endogenous=["x"], instruments=INSTRUMENTS)
    clusters = frame["unit"].to_numpy() // 3
    ours = project(variables, fit.parts, "y", "x", INSTRUMENTS, exogenous, clusters, by_jackknife=True)

    def both_stages(rows: pd.DataFrame) -> np.ndarray:
        effects = rows[["period", "unit"]].astype("category")
        tight = {"method": "lsmr", "absorb_options": {"atol": 1e-14, "btol": 1e-14}}
        return np.concatenate(
            [
                AbsorbingLS(rows[outcome], rows[[*INSTRUMENTS, *exogenous]], absorb=effects)
                .fit(**tight)
                .params[INSTRUMENTS]
                for outcome in ("y", "x")
            ]
        )

    every = both_stages(frame)
    distances = np.array([both_stages(frame[clusters != one]) - every for one in np.unique(clusters)])
    count = len(distances)
    np.testing.assert_allclose(np.concatenate([ours.reduced_form, ours.first_stage]), every, rtol=1e-8)
    np.testing.assert_allclose(ours.covariance, (count - 1) / count * distances.T @ distances, rtol=1e-7)
    assert ours.clusters == count == 4


@pytest.mark.parametrize("clusters", [5, 10, 40])
def test_with_few_clusters_the_distribution_is_that_of_a_mean_in_statsmodels(clusters: int):
    """Of the mean of vectors, one per cluster, the jackknife is the usual variance and T² is Hotelling's."""
    from statsmodels.stats.multivariate import test_mvmean as hotelling

    rng = np.random.default_rng(clusters)
    vectors = rng.normal(size=(clusters, 2)) @ [[1.0, 0.3], [0.0, 2.0]] + [0.4, -0.5]
    variance = np.cov(vectors.T) / clusters
    ours = dataclasses.replace(
        plain(0.3),
        reduced_form=vectors.mean(axis=0),
        covariance=np.kron(np.diag([1.0, 0.1]), variance),
        clusters=clusters,
        small=True,
    )
    other = hotelling(vectors)
    t2_per_f = 2 * (clusters - 1) / (clusters - 2)
    assert anderson_rubin(ours, 0.0) == pytest.approx(other.statistic * t2_per_f, rel=1e-9)
    assert anderson_rubin_p(ours, 0.0) == pytest.approx(other.pvalue, rel=1e-9)
    assert (0.0 in anderson_rubin_set(ours)) == (other.pvalue > 0.05)


def test_a_jackknife_needs_more_clusters_than_instruments():
    frame = instrumented()
    variables = take_out_effects(
        {name: frame[name].to_numpy(dtype=float) for name in ("y", "x", *INSTRUMENTS)},
        frame[["period"]].to_numpy(),
    )
    fit = fit_linear(variables, "y", ["x"], endogenous=["x"], instruments=INSTRUMENTS)
    halves = frame["unit"].to_numpy() // 6
    with pytest.raises(ValueError, match="2 clusters are too few for 2 instruments"):
        project(variables, fit.parts, "y", "x", INSTRUMENTS, [], halves, by_jackknife=True)


def test_hansen_j_equals_linearmodels():
    """Two-step GMM from the two-stage least squares residuals, moments as they are."""
    from linearmodels.iv import IVGMM

    frame = instrumented()
    flat = demeaned(frame)
    other = IVGMM(
        flat["y"],
        None,
        flat["x"],
        flat[INSTRUMENTS],
        weight_type="clustered",
        clusters=frame["cluster"],
        center=False,
    ).fit(iter_limit=2, cov_type="clustered", clusters=frame["cluster"])
    statistic, degrees = hansen_j(projections_of(frame))
    assert statistic == pytest.approx(other.j_stat.stat, rel=1e-8)
    assert degrees == other.j_stat.df == 1


def test_effective_f_of_one_instrument_is_its_clustered_f():
    frame = instrumented()
    ours = projections_of(frame, ["z1"])
    found = effective_f(ours)
    assert found.value == pytest.approx(ours.first_stage[0] ** 2 / ours.covariance[1, 1], rel=1e-12)


def test_critical_value_of_one_instrument_is_the_printed_one():
    """Montiel Olea and Pflueger's table: 23.1 for a bias of 10% and one instrument."""
    assert effective_f(projections_of(instrumented(), ["z1"])).critical_value == pytest.approx(23.1, abs=0.05)


@pytest.mark.parametrize("spread", [1.0, 3.0, 25.0])
def test_critical_value_of_two_instruments_is_that_of_the_worst_bias(spread: float):
    """The 95% point of z'z / tr(W), z of variance W = diag(spread, 1), where the bias may be a tenth of the
    worst: z'z is then 10 tr(W) beyond its own, along the noisier instrument. A percent is left to the
    approximation by a noncentral chi-squared and to the noise of 400,000 draws."""
    ours = plain(0.3)
    root = np.linalg.inv(np.linalg.cholesky(ours.gram).T)
    variance = np.diag([spread, 1.0])
    covariance = np.kron(np.diag([1.0, 0.0]), np.eye(2)) + np.kron(np.diag([0.0, 1.0]), root @ variance @ root.T)
    found = effective_f(dataclasses.replace(ours, covariance=covariance)).critical_value
    draws = np.random.default_rng(3).normal(size=(400_000, 2)) * np.sqrt([spread, 1.0])
    draws[:, 0] += np.sqrt(10 * (spread + 1))
    assert found == pytest.approx(np.quantile(np.sum(draws**2, axis=1) / (spread + 1), 0.95), rel=0.01)


def test_effective_f_without_clusters_is_the_usual_f():
    """With errors of one variance the trace is the number of instruments: F of both."""
    ours = plain(0.3)
    variance = ours.covariance[2:, 2:]
    usual = ours.first_stage @ np.linalg.solve(variance, ours.first_stage) / 2
    assert effective_f(ours).value == pytest.approx(usual, rel=1e-12)


def test_weak_instruments_are_called_weak():
    assert effective_f(plain(0.02)).weak
    assert not effective_f(plain(0.8)).weak


@pytest.mark.parametrize(
    ("clustered", "jackknife", "word"),
    [(20.9, 30.0, "weak"), (24.6, 16.8, "marginal"), (24.6, 21.5, "strong"), (20.9, 16.8, "weak")],
)
def test_marginal_is_what_the_jackknife_denies(clustered: float, jackknife: float, word: str):
    assert strength(EffectiveF(clustered, 21.0), EffectiveF(jackknife, 21.4)) == word
