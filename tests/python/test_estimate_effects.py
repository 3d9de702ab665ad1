"""What the iterated effects say of their own error, against the direct solution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from dealer_limits.estimation import effects
from dealer_limits.estimation.absorb import demean, prepare_effects
from dealer_limits.estimation.effects import Effects, solve_effects
from panels import PANELS, in_joined_blocks, in_spells, with_holes

every_panel = pytest.mark.parametrize("panel", [build() for build in PANELS.values()], ids=list(PANELS))


@dataclass(frozen=True)
class System:
    """S of a panel, dense, and its rows: what the engine in the database never forms."""

    unit: np.ndarray
    period: np.ndarray
    matrix: np.ndarray
    counts: np.ndarray
    component: np.ndarray

    def less_unit_means(self, values: np.ndarray) -> np.ndarray:
        return values - (np.bincount(self.unit, values) / np.bincount(self.unit))[self.unit]

    def sums(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.period, values)

    def eigen(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues of D^-½ S D^-½ but zero, ascending, and their eigenvectors on the rows (n, ·)."""
        scale = 1 / np.sqrt(np.where(self.counts > 0, self.counts, 1))
        values, vectors = np.linalg.eigh(self.matrix * np.outer(scale, scale))
        kept = values > 1e-12
        on_rows = (scale[:, None] * vectors[:, kept])[self.period]
        return values[kept], np.column_stack([self.less_unit_means(column) for column in on_rows.T])


def system_of(panel: pd.DataFrame) -> System:
    from scipy.sparse.csgraph import connected_components

    unit, period = (np.unique(panel[name], return_inverse=True)[1] for name in ("unit", "period"))
    cells = np.zeros((unit.max() + 1, period.max() + 1))
    np.add.at(cells, (unit, period), 1)
    shared = cells.T @ (cells / cells.sum(axis=1)[:, None])
    several = (cells > 0).sum(axis=1) > 1
    return System(
        unit,
        period,
        np.diag(cells.sum(axis=0)) - shared,
        cells[several].sum(axis=0),
        connected_components(shared, directed=False)[1],
    )


def solve(system: System, variable: np.ndarray, tolerance: float = 1e-10) -> Effects:
    within = system.less_unit_means(variable)

    def remainder(values: np.ndarray) -> np.ndarray:
        return system.sums(system.less_unit_means(variable - values[system.period, 0]))[:, None]

    return solve_effects(
        system.matrix.__matmul__,
        remainder,
        system.sums(within)[:, None],
        system.counts,
        system.component,
        np.array([within @ within]),
        tolerance,
        1000,
    )


def true_error(system: System, variable: np.ndarray, solved: Effects) -> float:
    """The distance from the direct solution, over its norm."""
    left = system.less_unit_means(variable - solved.values[system.period, 0])
    exact = demean(prepare_effects(np.column_stack([system.unit, system.period])), variable)
    return float(np.linalg.norm(left - exact) / np.linalg.norm(exact))


@pytest.mark.parametrize("tolerance", [1e-2, 1e-5, 1e-8])
@pytest.mark.parametrize("build", [in_spells, with_holes, in_joined_blocks])
def test_stated_error_bounds_the_true_one(build, tolerance: float):
    """Stopped early, the demeaned variable is off by no more than is said, and by more than rounding."""
    panel = build()
    system, variable = system_of(panel), panel["x1"].to_numpy()
    solved = solve(system, variable, tolerance)
    assert 1e-14 < true_error(system, variable, solved) <= solved.error[0] <= tolerance


@pytest.mark.parametrize("amount", [1e-7, 1e-8, 1e-9, 1e-10, 1e-11])
@pytest.mark.parametrize(("units", "periods"), [(40, 20), (300, 30), (600, 12)])
def test_stated_error_holds_where_a_variable_hardly_has_the_worst_direction(units: int, periods: int, amount: float):
    """All else converges before it shows; with the Ritz value for λ, 1e-11 was said of errors of 1e-9."""
    panel = in_joined_blocks(units, periods)
    system = system_of(panel)
    worst = system.eigen()[1][:, 0]
    worst /= np.linalg.norm(worst)
    variable = np.random.default_rng(1).normal(size=len(panel))
    variable -= worst * (worst @ variable)
    variable = variable / np.linalg.norm(variable) + amount * worst
    solved = solve(system, variable)
    assert true_error(system, variable, solved) <= solved.error[0] <= 1e-10


@every_panel
def test_bound_is_not_above_the_smallest_eigenvalue(panel: pd.DataFrame, monkeypatch: pytest.MonkeyPatch):
    """1e-9 is what eigenvalues are compared to; a bound below half of λ would cost digits for nothing."""
    bounds = []
    original = effects._least_eigenvalue
    monkeypatch.setattr(effects, "_least_eigenvalue", lambda probe: bounds.append(original(probe)) or bounds[-1])
    system = system_of(panel)
    smallest = system.eigen()[0][0]
    for seed in range(20):
        monkeypatch.setattr(effects, "PROBE_SEED", seed)
        solve(system, panel["x1"].to_numpy())
    assert len(bounds) == 20
    assert max(bounds) <= smallest * (1 + 1e-9)
    assert min(bounds) >= smallest / 2


@pytest.mark.parametrize("share", [1e-2, 1e-4, 1e-5])
def test_error_is_over_what_the_effects_leave_however_little(share: float):
    """Below a share of 1e-3 the tolerance is absolute, and the error says what that comes to."""
    panel = in_spells()
    system = system_of(panel)
    common = np.sin(panel["period"].to_numpy() / 5)
    variable = common + share * np.random.default_rng(2).normal(size=len(panel))
    solved = solve(system, variable)
    assert true_error(system, variable, solved) <= solved.error[0]
    assert solved.error[0] <= 1e-10 * max(1, 2 * effects.LEAST_SHARE_LEFT / share)


def test_probe_is_multiplied_along_only_until_it_is_done():
    system, columns = system_of(in_spells()), []
    variable = in_spells()["x1"].to_numpy()
    counted = System(system.unit, system.period, _Counting(system.matrix, columns), system.counts, system.component)
    solved = solve(counted, variable)
    assert len(columns) == solved.iterations
    assert columns == sorted(columns, reverse=True)
    assert {columns[0], columns[-1]} == {2, 1}


class _Counting:
    """A matrix that notes how many columns it is multiplied by."""

    def __init__(self, matrix: np.ndarray, columns: list[int]) -> None:
        self._matrix, self._columns = matrix, columns

    def __matmul__(self, other: np.ndarray) -> np.ndarray:
        self._columns.append(other.shape[1])
        return self._matrix @ other
