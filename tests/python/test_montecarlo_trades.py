"""Population values of the trade tables: what is pooled, and which parameter is behind which number."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from dealer_limits.estimation.panel import fit_linear, take_out_effects
from dealer_limits.estimation.quantile import solve_quantile
from dealer_limits.estimation.specifications import read_specifications, seed_file
from dealer_limits.montecarlo.repeat_desk_panel import TRADE_PARTS
from dealer_limits.montecarlo.repeat_trades import (
    PLANTED_FILE,
    planted_effects,
    pooled_linear,
    pooled_quantile,
    pooled_with_error,
    summarise,
)
from dealer_limits.montecarlo.whole_worlds import POOLED_TABLES, Column, WholeWorld
from dealer_limits.pseudo.parameters import parameter_rows, world_parameters

# of the parameters of illiquidity, those that say how it depends on usage or on MOVE
PLANTED_STARTS = ("curve_fit_error_on_", "on_the_run_premium_on_")


def simulated(seed: int, rows: int = 300) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Outcome y, regressors x and z, levels (rows, 2) of two effects; effects and means differ by seed."""
    rng = np.random.default_rng(seed)
    levels = np.column_stack([rng.integers(8, size=rows), rng.integers(30, size=rows)])
    x, z = rng.normal(loc=seed, size=rows), rng.exponential(size=rows)
    y = 0.5 * x - z + rng.normal(size=8)[levels[:, 0]] + rng.normal(size=rows) * (1 + z) + 3 * seed
    return {"y": y, "x": x, "z": z}, levels


def linear_column(seed: int, rows: int = 300) -> Column:
    values, levels = simulated(seed, rows)
    fit = fit_linear(take_out_effects(values, levels), "y", ["x", "z"], constant=True)
    terms = ("x", "z", "constant")
    return Column(("12", "", "1"), "y", terms, fit.coef, fit.se, fit.p, bread=fit.parts.bread)


def quantile_column(seed: int, rows: int = 300) -> Column:
    values, _ = simulated(seed, rows)
    own = np.column_stack([values[name] for name in ("y", "x", "z")])
    x = np.column_stack([own[:, 1:], np.ones(rows)])
    coef = solve_quantile(x, own[:, 0], np.ones(rows), 0.75).coef[:-1]
    return Column(("15", "a", "3"), "y", ("x", "z"), coef, coef, coef, rows=own, quantile=0.75)


def test_pooled_value_of_one_world_is_its_estimate() -> None:
    linear, quantile = linear_column(1), quantile_column(1)

    assert pooled_linear([linear]) == pytest.approx(linear.coef, rel=1e-10)
    assert pooled_quantile([quantile, quantile])[1][0] == pytest.approx(quantile.coef, rel=1e-10)


def test_pooled_value_is_the_regression_on_all_rows_with_effects_of_each_world() -> None:
    worlds = [simulated(seed, rows) for seed, rows in ((1, 200), (2, 350), (3, 500))]
    values = {name: np.concatenate([own[name] for own, _ in worlds]) for name in ("y", "x", "z")}
    levels = np.concatenate([own + 100 * place for place, (_, own) in enumerate(worlds)])
    together = fit_linear(take_out_effects(values, levels), "y", ["x", "z"], constant=True)

    pooled = pooled_linear([linear_column(1, 200), linear_column(2, 350), linear_column(3, 500)])

    assert pooled == pytest.approx(together.coef, rel=1e-9)


def test_pooled_quantile_is_the_regression_on_all_rows_and_without_each_world() -> None:
    columns = [quantile_column(seed) for seed in (1, 2, 3)]

    def solved(of: list[Column]) -> np.ndarray:
        rows = np.concatenate([column.rows for column in of])
        x = np.column_stack([rows[:, 1:], np.ones(len(rows))])
        return solve_quantile(x, rows[:, 0], np.ones(len(rows)), 0.75).coef[:-1]

    population, left_out = pooled_quantile(columns)

    assert population == pytest.approx(solved(columns), rel=1e-9)
    assert left_out[1] == pytest.approx(solved([columns[0], columns[2]]), rel=1e-9)


def test_jackknife_error_is_that_of_a_mean_where_worlds_weigh_the_same() -> None:
    first = linear_column(1)
    columns = [replace(first, coef=first.coef + shift) for shift in (-0.3, 0.1, 0.4, 0.0)]
    shifts = np.array([column.coef[0] for column in columns])

    population, error = pooled_with_error(columns)

    assert population[0] == pytest.approx(shifts.mean(), rel=1e-9)
    assert error[0] == pytest.approx(shifts.std(ddof=1) / 2, rel=1e-9)


def test_planted_parameters_and_the_terms_that_they_serve_exist() -> None:
    terms = {(*spec.key, term) for spec in read_specifications(seed_file("specifications")) for term in spec.terms}
    planted = planted_effects(world_parameters())

    assert set(planted) <= terms
    assert {place[0] for place in planted} == set(POOLED_TABLES)


def test_every_planted_dependence_is_mapped() -> None:
    with PLANTED_FILE.open(encoding="utf-8", newline="") as file:
        mapped = {row["parameter"] for row in csv.DictReader(file)}
    rows = parameter_rows()
    reactions = {row.parameter for row in rows if row.role == "reaction" and row.parameter.startswith(TRADE_PARTS)}

    assert len(reactions) > 10
    assert reactions | {row.parameter for row in rows if row.parameter.startswith(PLANTED_STARTS)} == mapped


def test_planted_effects_are_those_of_the_world() -> None:
    paper, null, strong = (planted_effects(world_parameters(world)) for world in ("paper", "null", "strong"))
    concession = ("12", "", "3", "life_ge_10_x_log_limit_usage")

    assert paper[concession] == 0.021
    assert strong[concession] == pytest.approx(3 * paper[concession])
    assert {place for place, effect in null.items() if effect} == {
        ("15", "a", "1", "move"),
        ("15", "b", "1", "move"),
    }


def test_summary_has_the_columns_of_the_committed_monte_carlo() -> None:
    worlds = [WholeWorld(seed, {}, (linear_column(seed), quantile_column(seed)), {}, 1.0) for seed in (1, 2)]
    header = seed_file("montecarlo").read_text(encoding="utf-8").splitlines()[0]

    summary = summarise(worlds, world_parameters())

    assert ["world", *summary.columns] == header.split(",")
    assert summary["term"].tolist() == ["x", "z", "constant", "x", "z"]
    assert summary[["bias", "rmse", "coverage_90", "coverage_95"]].isna().all(axis=None)
