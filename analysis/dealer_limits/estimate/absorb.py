"""Fixed effects removed exactly: one by means, two by a direct solution of their normal equations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from scipy.sparse import csr_array

MOST_EFFECTS = 2


@dataclass(frozen=True)
class Effects:
    """Up to two effects on n rows, prepared for taking them out of many variables.

    `levels` has the level of each row as whole numbers from 0, one array (n,) per effect, the effect with
    the most levels last: it is the one that is eliminated. `rank` is the rank of all dummy variables
    together: for two effects their levels less the number of connected components. The other fields belong
    to the reduced normal equations of two effects: `rows_in_cell` counts rows by level of the first and of
    the last effect, `free` marks the levels of the first effect that are not pinned at zero (one is, per
    component), `factor` is the lower Cholesky factor of the reduced matrix of the free levels.
    """

    levels: tuple[np.ndarray, ...]
    rows_per_level: tuple[np.ndarray, ...]
    rank: int
    rows_in_cell: csr_array | None = None
    free: np.ndarray | None = None
    factor: np.ndarray | None = None


def prepare_effects(levels: np.ndarray) -> Effects:
    """Number the levels of the effects in `levels` (n, e), any whole numbers, and factor their equations.

    No effect (e = 0) stands for a constant, a single level with all rows. Eliminating the larger effect
    leaves as many equations as the smaller has levels: 18 desks where there are 2,063 days.

    Raises ValueError for more than two effects.
    """
    import numpy as np
    from scipy.linalg import cholesky
    from scipy.sparse import coo_array, diags_array
    from scipy.sparse.csgraph import connected_components

    rows, effects = levels.shape
    if effects > MOST_EFFECTS:
        raise ValueError(f"{effects} effects, at most {MOST_EFFECTS} can be absorbed")
    columns = levels.T if effects else np.zeros((1, rows), dtype=int)
    numbered = sorted((np.unique(column, return_inverse=True)[1] for column in columns), key=np.max)
    sizes = tuple(np.bincount(column) for column in numbered)
    if len(numbered) == 1:
        return Effects(tuple(numbered), sizes, rank=len(sizes[0]))

    kept, eliminated = numbered
    shape = (len(sizes[0]), len(sizes[1]))
    # repeated pairs are added up
    rows_in_cell = coo_array((np.ones(rows), (kept, eliminated)), shape=shape).tocsr()
    shared = (rows_in_cell @ diags_array(1 / sizes[1]) @ rows_in_cell.T).toarray()
    # two levels of the kept effect are connected where they share a level of the other one
    components, component = connected_components(shared, directed=False)
    free = np.ones(shape[0], dtype=bool)
    free[np.unique(component, return_index=True)[1]] = False
    reduced = (np.diag(sizes[0].astype(float)) - shared)[np.ix_(free, free)]
    return Effects(
        levels=(kept, eliminated),
        rows_per_level=sizes,
        rank=sum(shape) - int(components),
        rows_in_cell=rows_in_cell,
        free=free,
        factor=cholesky(reduced, lower=True) if free.any() else reduced,
    )


def demean(effects: Effects, values: np.ndarray) -> np.ndarray:
    """Residuals of `values` (n,) from least squares on the dummy variables of the effects.

    Done twice: the second time takes out the rounding that the first left behind, so that what is constant
    within the effects becomes zero to machine precision also where the panel is badly connected.
    """
    for _ in range(2):
        values = _demean_once(effects, values)
    return values


def _demean_once(effects: Effects, values: np.ndarray) -> np.ndarray:
    import numpy as np
    from scipy.linalg import cho_solve

    *_, eliminated = effects.levels
    sums = np.bincount(eliminated, values)
    if effects.rows_in_cell is None:
        return values - (sums / effects.rows_per_level[-1])[eliminated]
    kept, eliminated = effects.levels
    kept_part = np.zeros(len(effects.rows_per_level[0]))
    unexplained = np.bincount(kept, values) - effects.rows_in_cell @ (sums / effects.rows_per_level[1])
    if effects.free.any():
        kept_part[effects.free] = cho_solve((effects.factor, True), unexplained[effects.free])
    eliminated_part = (sums - effects.rows_in_cell.T @ kept_part) / effects.rows_per_level[1]
    return values - kept_part[kept] - eliminated_part[eliminated]
