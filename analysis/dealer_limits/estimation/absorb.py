"""Fixed effects removed exactly: one by means, two by a direct solution of their normal equations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components

MOST_EFFECTS = 2

# Levels are numbered by counting up to so many whole numbers per row, which is quicker than sorting.
MOST_GAPS = 10

# Tables of both effects with no more cells are multiplied dense, a fifth of the time of sparse ones.
MOST_DENSE_CELLS = 100_000


@dataclass(frozen=True)
class Effects:
    """Up to two effects on n rows, prepared for taking them out of many variables.

    `levels` has the level of each row as whole numbers from 0, one array (n,) per effect in the order given;
    `rank` is the rank of all dummy variables together: for two effects their levels less the number of
    connected components. `elimination` is for two effects only.
    """

    levels: tuple[np.ndarray, ...]
    rank: int
    elimination: Elimination | None = None


@dataclass(frozen=True)
class Elimination:
    """The normal equations of two effects after the one with more levels has been taken out.

    `kept` and `eliminated` are the positions of the effects. `rows_in_cell` counts rows by level of both,
    `free` marks the kept levels that are not pinned at zero (one is, per component), `factor` is the lower
    Cholesky factor of the reduced matrix of the free levels.
    """

    kept: int
    eliminated: int
    rows_in_cell: csr_array
    free: np.ndarray
    factor: np.ndarray


def prepare_effects(levels: np.ndarray) -> Effects:
    """Number the levels of the effects in `levels` (n, e), any whole numbers, and factor their equations.

    No effect (e = 0) stands for a constant, a single level with all rows. Eliminating the larger effect
    leaves as many equations as the smaller has levels: 18 desks where there are 2,063 days.

    Raises ValueError for more than two effects.
    """
    rows, effects = levels.shape
    if effects > MOST_EFFECTS:
        raise ValueError(f"{effects} effects, at most {MOST_EFFECTS} can be absorbed")
    columns = levels.T if effects else np.zeros((1, rows), dtype=int)
    numbered = tuple(number_levels(column) for column in columns)
    sizes = [np.bincount(column) for column in numbered]
    if len(numbered) == 1:
        return Effects(numbered, rank=len(sizes[0]))

    kept, eliminated = (0, 1) if len(sizes[0]) <= len(sizes[1]) else (1, 0)
    shape = (len(sizes[kept]), len(sizes[eliminated]))
    # repeated pairs are added up
    rows_in_cell = coo_array((np.ones(rows), (numbered[kept], numbered[eliminated])), shape=shape).tocsr()
    if rows_in_cell.shape[0] * rows_in_cell.shape[1] <= MOST_DENSE_CELLS:
        cells = rows_in_cell.toarray()
        shared = np.einsum("it,jt->ij", cells / sizes[eliminated], cells)
    else:
        shared = (rows_in_cell @ diags_array(1 / sizes[eliminated]) @ rows_in_cell.T).toarray()
    # two kept levels are connected where they share a level of the other effect
    components, component = connected_components(csr_array(shared), directed=False)
    free = np.ones(shape[0], dtype=bool)
    free[np.unique(component, return_index=True)[1]] = False
    reduced = (np.diag(sizes[kept].astype(float)) - shared)[np.ix_(free, free)]
    factor = cholesky(reduced, lower=True) if free.any() else reduced
    return Effects(
        numbered,
        rank=sum(shape) - int(components),
        elimination=Elimination(kept, eliminated, rows_in_cell, free, factor),
    )


def number_levels(values: np.ndarray) -> np.ndarray:
    """Whole numbers (n,) as their places, from 0, among those that are there: by counts where these are few."""
    offset = values - values.min()
    if offset.max() > MOST_GAPS * len(values):
        return np.unique(values, return_inverse=True)[1]
    is_there = np.bincount(offset) > 0
    return (np.cumsum(is_there) - 1)[offset]


def demean(effects: Effects, values: np.ndarray) -> np.ndarray:
    """Residuals of `values` (n,) from least squares on the dummy variables of the effects.

    Done twice: the second time takes out the rounding that the first left behind, so that what is constant
    within the effects becomes zero to machine precision also where the panel is badly connected.
    """
    for _ in range(2):
        values = _demean_once(effects, values)
    return values


def _demean_once(effects: Effects, values: np.ndarray) -> np.ndarray:
    if effects.elimination is None:
        (levels,) = effects.levels
        return values - (np.bincount(levels, values) / np.bincount(levels))[levels]
    system = effects.elimination
    kept, eliminated = effects.levels[system.kept], effects.levels[system.eliminated]
    sums, rows = np.bincount(eliminated, values), np.bincount(eliminated)
    unexplained = np.bincount(kept, values) - system.rows_in_cell @ (sums / rows)
    kept_part = np.zeros(len(system.free))
    if system.free.any():
        kept_part[system.free] = cho_solve((system.factor, True), unexplained[system.free])
    eliminated_part = (sums - system.rows_in_cell.T @ kept_part) / rows
    return values - kept_part[kept] - eliminated_part[eliminated]


def coordinates_by_group(effects: Effects, values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """What the effects explain of the values (n,) of each group alone: (rank, G), on an orthonormal basis.

    `group` (n,) has whole numbers from 0. A column is the projection of `values` in one group, zero
    elsewhere: products of columns are those of what `demean` takes out, at the cost of sums by level.
    """
    count = int(group.max()) + 1

    def sums(levels: np.ndarray) -> np.ndarray:
        size = int(levels.max()) + 1
        return np.bincount(levels * count + group, values, size * count).reshape(size, count)

    if effects.elimination is None:
        (levels,) = effects.levels
        return sums(levels) / np.sqrt(np.bincount(levels))[:, None]
    system = effects.elimination
    kept, eliminated = effects.levels[system.kept], effects.levels[system.eliminated]
    of_eliminated, rows = sums(eliminated), np.bincount(eliminated)[:, None]
    unexplained = (sums(kept) - system.rows_in_cell @ (of_eliminated / rows))[system.free]
    if system.free.any():
        unexplained = solve_triangular(system.factor, unexplained, lower=True)
    return np.vstack([of_eliminated / np.sqrt(rows), unexplained])
