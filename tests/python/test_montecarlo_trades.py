"""Population values of the trade tables: what is pooled, and which parameter is behind which number."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pandas as pd
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
    pooled_reliability,
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
    interval = np.array([fit.ci_low, fit.ci_high])
    safe = ("wild_dealer", fit.p, interval)
    return Column(("12", "", "1"), "y", terms, fit.coef, fit.se, fit.p, interval, *safe, bread=fit.parts.bread)


def quantile_column(seed: int, rows: int = 300) -> Column:
    values, _ = simulated(seed, rows)
    own = np.column_stack([values[name] for name in ("y", "x", "z")])
    x = np.column_stack([own[:, 1:], np.ones(rows)])
    coef = solve_quantile(x, own[:, 0], np.ones(rows), 0.75).coef[:-1]
    errors = (coef, coef, np.array([coef - 1, coef + 1]), "moving_block_two_step", coef, np.array([coef, coef]))
    return Column(("15", "a", "3"), "y", ("x", "z"), coef, *errors, rows=own, quantile=0.75)


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

    population, error, others = pooled_with_error(columns)

    assert population[0] == pytest.approx(shifts.mean(), rel=1e-9)
    assert error[0] == pytest.approx(shifts.std(ddof=1) / 2, rel=1e-9)
    assert others[:, 0] == pytest.approx((shifts.sum() - shifts) / 3, rel=1e-9)


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
    # slopes on MOVE are no reaction
    assert {place for place, effect in null.items() if effect} == {
        ("15", panel, column, "move") for panel in "ab" for column in "1234"
    }


def test_summary_has_the_columns_of_the_committed_monte_carlo() -> None:
    worlds = [WholeWorld(seed, {}, (linear_column(seed), quantile_column(seed)), {}, 1.0) for seed in (1, 2)]
    header = seed_file("montecarlo").read_text(encoding="utf-8").splitlines()[0]

    summary = summarise(worlds, world_parameters())

    assert ["world", *summary.columns] == header.split(",")
    assert summary["term"].tolist() == ["x", "z", "constant", "x", "z"]
    assert summary["coverage_90"].isna().all() and summary[["bias", "rmse", "coverage_95"]].notna().all(axis=None)


def test_coverage_is_of_what_the_other_worlds_have_and_null_of_a_term_without_recommended_errors() -> None:
    columns = [linear_column(seed) for seed in (1, 2, 3)]
    _, _, others = pooled_with_error(columns)
    # only the interval of the first world holds what the others have
    held = np.array([others[0] - 1e-6, others[0] + 1e-6])
    missed = np.array([others[1] + 1, others[1] + 2])
    unknown = np.where(np.arange(len(columns[0].terms)) == len(columns[0].terms) - 1, np.nan, 0.01)
    worlds = [
        WholeWorld(seed, {}, (replace(own, interval=ends, safe_interval=ends, safe_p=unknown),), {}, 1.0)
        for seed, own, ends in ((1, columns[0], held), (2, columns[1], missed), (3, columns[2], missed))
    ]

    summary = summarise(worlds, world_parameters())

    assert summary["coverage_95"].tolist() == pytest.approx([1 / 3] * 3)
    assert summary["coverage_95_recommended"].tolist()[:2] == pytest.approx([1 / 3] * 2)
    assert summary["rejection_recommended"].tolist()[:2] == [1.0, 1.0]
    assert summary.loc[2, ["coverage_95_recommended", "rejection_recommended"]].isna().all()


def test_bins_of_weights_are_pooled_by_what_is_in_them() -> None:
    columns = ["of", "low", "high", "count", "mean_weight", "share_right", "se"]
    one = pd.DataFrame(
        [("sets", 0.1, 0.2, 10, 0.12, 0.2, 0.1), ("none", 0.1, 0.2, 5, 0.15, 0.0, 0.16)], columns=columns
    )
    other = pd.DataFrame([("sets", 0.1, 0.2, 30, 0.16, 0.1, 0.06)], columns=columns)

    pooled = pooled_reliability([one, other]).set_index("of")

    assert pooled.loc["sets", ["count", "mean_weight", "share_right"]].tolist() == pytest.approx([40, 0.15, 0.125])
    assert pooled.loc["sets", "se"] == pytest.approx(np.hypot(1, 1.8) / 40)
    assert pooled.loc["none", "count"] == 5
