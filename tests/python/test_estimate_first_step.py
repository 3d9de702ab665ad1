"""Errors of a regression on a residual: both steps against stacked moments, literal draws and repeated samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dealer_limits.estimation.covariance import newey_west_covariance
from dealer_limits.estimation.first_step import (
    FirstStep,
    block_errors_of_both_steps,
    columns_of_first_steps,
    first_step_of,
    newey_west_of_both_steps,
)
from dealer_limits.estimation.observations import Rows, complete_rows, standardise, variables_of
from dealer_limits.estimation.panel import Fit, Variables
from dealer_limits.estimation.quantile import Bootstrap, block_counts
from dealer_limits.estimation.run import fit_column
from dealer_limits.estimation.specifications import Specification
from estimate_oracle import check_loss_program
from workspace import Workspace

RESIDUAL = "log_limit_usage_index_residual"
SPEC = Specification(
    *("15", "a", "1", "obs_market_day", "", None, "curve_fit_error", ("move", RESIDUAL), ("move", "residual")),
    transform="standardise",
)
QUANTILE = replace(SPEC, estimator="quantile:0.75")
WITHOUT_MOVE = {"regressors": (RESIDUAL,), "terms": ("residual",)}
LAGS = 8


def slow(rng: np.random.Generator, days: int) -> np.ndarray:
    """A series that remembers nine tenths of the day before."""
    noise = rng.normal(size=days + 100)
    for day in range(1, len(noise)):
        noise[day] += 0.9 * noise[day - 1]
    return noise[100:]


def market(days: int, seed: int = 3, missing: float = 0.0) -> tuple[Rows, np.ndarray]:
    """Days of which some lack the outcome, and the index: its part beside MOVE is as slow as MOVE."""
    rng = np.random.default_rng(seed)
    move = 80 + 10 * slow(rng, days)
    index = -1 + 0.02 * move + 0.2 * slow(rng, days)
    outcome = 2 + 0.03 * move + 0.8 * (index - 0.02 * move) + rng.normal(0, 0.3, days)
    outcome[rng.uniform(size=days) < missing] = np.nan
    z = np.column_stack([np.ones(days), move])
    values = {"move": move, RESIDUAL: index - z @ np.linalg.lstsq(z, index)[0], "curve_fit_error": outcome}
    return Rows(values, {}), index


def both(spec: Specification, rows: Rows, bootstrap: Bootstrap | None = None) -> tuple[Fit, FirstStep, Variables]:
    complete = complete_rows(rows, spec)
    variables = variables_of(rows, [spec], complete)
    return (
        fit_column(variables, spec, bootstrap or Bootstrap()),
        first_step_of(spec, rows, complete, variables),
        variables,
    )


def se(matrix: np.ndarray) -> np.ndarray:
    return np.sqrt(np.diag(matrix))


@pytest.mark.parametrize(
    "spec",
    [SPEC, replace(SPEC, **WITHOUT_MOVE), replace(SPEC, transform="", report_constant=True)],
    ids=["standardised", "without MOVE", "in raw units, with its constant"],
)
def test_newey_west_is_that_of_the_stacked_moments_of_both_steps(spec: Specification):
    """Moments written out for (π, δ), their Jacobian by central differences, long-run variance by the matrix of
    Bartlett weights; standard deviations are units, and held fixed. 1e-5 is what differences leave."""
    rows, index = market(300, missing=0.1)
    fit, first, _ = both(spec, rows)
    ours = newey_west_of_both_steps(fit.parts, fit.coef, first, LAGS)
    move, outcome = rows.values["move"], rows.values["curve_fit_error"]
    counted = ~np.isnan(outcome)
    assert counted.sum() < len(first.residuals) == 300
    unit = {name: np.std(values[counted], ddof=1) if spec.transform else 1.0 for name, values in rows.values.items()}
    y = np.nan_to_num(outcome) / unit["curve_fit_error"]
    # deviations of MOVE, so that differences keep their digits
    z = np.column_stack([np.ones(300), (move - move.mean()) / 10])

    def second_regressors(pi: np.ndarray) -> np.ndarray:
        columns = {"move": move / unit["move"], RESIDUAL: (index - z @ pi) / unit[RESIDUAL]}
        return np.column_stack([*(columns[name] for name in spec.regressors), np.ones(300)])

    def moments(parameters: np.ndarray) -> np.ndarray:
        pi, delta = parameters[:2], parameters[2:]
        x = second_regressors(pi)
        return np.column_stack([z * (index - z @ pi)[:, None], x * ((y - x @ delta) * counted)[:, None]])

    pi = np.linalg.lstsq(z, index)[0]
    solution = np.concatenate([pi, np.linalg.lstsq(second_regressors(pi)[counted], y[counted])[0]])
    steps = 1e-5 * np.eye(len(solution))
    jacobian = np.column_stack(
        [(moments(solution + step).sum(axis=0) - moments(solution - step).sum(axis=0)) / 2e-5 for step in steps]
    )
    inverse, found = np.linalg.inv(jacobian), moments(solution)
    distance = np.abs(np.subtract.outer(np.arange(300), np.arange(300)))
    long_run = found.T @ np.clip(1 - distance / (LAGS + 1), 0, None) @ found
    factor = counted.sum() / (counted.sum() - len(spec.regressors) - 1)
    other = se(inverse @ long_run @ inverse.T * factor)[2:]
    np.testing.assert_allclose(se(ours.matrix), other[: len(spec.coefficients)], rtol=1e-5)
    assert ours.lags == LAGS and ours.df == fit.df_resid


def test_errors_of_both_steps_are_those_of_repeated_samples():
    """Two thousand days of slow series, 150 times: the error of MOVE knows how far estimates spread, that of the second
    step alone says half of it. 15% is three times the Monte Carlo error of a standard deviation, and what Bartlett
    weights of 60 lags lose."""
    found = []
    for seed in range(150):
        rows, _ = market(2000, seed)
        fit, first, _ = both(replace(SPEC, transform=""), rows)
        alone = newey_west_covariance(fit.parts, 60)
        found.append(
            [*fit.coef, *se(newey_west_of_both_steps(fit.parts, fit.coef, first, 60).matrix), *se(alone.matrix)]
        )
    coefs, ours, alone = np.split(np.array(found), 3, axis=1)
    spread = coefs.std(axis=0, ddof=1)
    assert ours.mean(axis=0) == pytest.approx(spread, rel=0.15)
    assert alone.mean(axis=0)[0] < 0.6 * spread[0]


@pytest.mark.parametrize("changes", [{}, WITHOUT_MOVE], ids=["MOVE beside", "without MOVE"])
def test_block_errors_are_those_of_draws_that_estimate_both_steps(changes: dict):
    """Each draw literally: the index on MOVE, then the quantile regression on what is left, by a linear program."""
    spec, bootstrap = replace(QUANTILE, **changes), Bootstrap(draws=12, block_rows=15, seed=5)
    rows, index = market(120)
    _, first, variables = both(spec, rows, bootstrap)
    moves, y = standardise(rows.values["move"]), variables.levels["curve_fit_error"]
    unit = np.std(rows.values[RESIDUAL], ddof=1)
    draws = []
    for weights in block_counts(120, bootstrap):
        days = np.repeat(np.arange(120), weights)
        z = np.column_stack([np.ones(120), moves])[days]
        residual = (index[days] - z @ np.linalg.lstsq(z, index[days])[0]) / unit
        beside = [moves[days]] if "move" in spec.regressors else []
        x = np.column_stack([*beside, residual, np.ones(120)])
        draws.append(check_loss_program(x, y[days], spec.quantile)[0])
    errors = block_errors_of_both_steps(variables, spec, first, bootstrap)
    np.testing.assert_allclose(errors, np.std(draws, axis=0, ddof=1)[:-1], rtol=1e-7)


def test_residual_leaves_the_other_errors_of_the_second_step_as_they_are():
    """Its own coefficient is that of the index beside MOVE, whatever was taken out of it."""
    rows, _ = market(400)
    fit, first, _ = both(SPEC, rows)
    ours, alone = (
        se(each.matrix)
        for each in (
            newey_west_of_both_steps(fit.parts, fit.coef, first, LAGS),
            newey_west_covariance(fit.parts, LAGS),
        )
    )
    assert ours[1] == pytest.approx(alone[1], rel=1e-9)
    assert ours[0] > 1.2 * alone[0]


def test_specifications_without_the_residual_have_no_first_step():
    spec = replace(SPEC, regressors=("move",), terms=("move",))
    rows, _ = market(60)
    assert both(spec, rows)[1] is None
    assert columns_of_first_steps([spec]) == []
    assert columns_of_first_steps([replace(SPEC, **WITHOUT_MOVE)]) == ["move"]


def test_what_is_called_a_residual_has_been_freed_of_move(warehouse: Workspace):
    """Of the published days that have it, a correlation below 1e-9: the model adds up decimals of twelve digits."""
    with warehouse.connect() as connection:
        correlation, days = connection.execute(
            f"select corr(move, {RESIDUAL}), count({RESIDUAL}) from observations.obs_market_day"
        ).fetchone()
    assert days > 2000 and abs(correlation) < 1e-9
