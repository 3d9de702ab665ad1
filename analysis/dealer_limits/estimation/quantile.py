"""Quantile regression solved exactly, and its errors by the bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import qr

from dealer_limits.estimation.panel import CollinearError, Fit, Variables, infer

# A direction that lowers the loss by less than this per unit is level ground: slopes are sums of a few
# thousand terms of order one, rounded to 1e-12.
SLOPE_TOLERANCE = 1e-10

# A residual of this share of the largest outcome is zero: so much do the k equations of a vertex leave.
RESIDUAL_TOLERANCE = 1e-12

# A row that moves by less than this share of the farthest does not move: it depends on the rows that stay,
# and would make the equations of the next vertex singular.
MOVEMENT_TOLERANCE = 1e-10

# So many steps of length zero in a row may be a cycle; the least-index rule (Bland) then leads out of it.
MOST_ZERO_STEPS = 20

# A few steps per coefficient are needed; an end after so many per row is better than none.
MOST_STEPS_PER_ROW = 100

# Breakpoints are sorted this many at a time, since a line search mostly ends among the first few.
FIRST_BREAKPOINTS = 64


@dataclass(frozen=True)
class Bootstrap:
    """How standard errors of quantile regressions are drawn; the same seed gives the same bytes.

    `block_rows` is the length of the moving blocks, in rows, which are business days (docs/decisions.md).
    """

    draws: int = 1000
    block_rows: int = 20
    seed: int = 20200316


@dataclass(frozen=True)
class QuantileSolution:
    """Coefficients (k,) of a quantile regression and the k rows that it passes through exactly."""

    coef: np.ndarray
    basis: np.ndarray


def fit_quantile(
    variables: Variables, dependent: str, regressors: Sequence[str], quantile: float, bootstrap: Bootstrap
) -> Fit:
    """Estimate eq. 16: the conditional quantile of y, linear in x and a constant that is not reported.

    `se` is of the pairs bootstrap: the standard deviation of the coefficients over draws of n rows with
    replacement. `other_errors` has `se_block`, of draws of moving blocks of successive rows, which keep the
    dependence between days. `measures` has pseudo_r2, 1 less the loss over that of the quantile alone
    (Koenker and Machado 1999).

    Raises CollinearError where the regressors are collinear, ValueError for too few rows.
    """
    x, y = with_constant(variables, dependent, regressors)
    rows, columns = x.shape
    if rows <= columns:
        raise ValueError(f"{rows} rows for {columns} coefficients")
    if np.linalg.matrix_rank(x) < columns:
        raise CollinearError(regressors, within_effects=False)
    solution = solve_quantile(x, y, np.ones(rows), quantile)
    drawn = (x.tobytes(), y.tobytes(), quantile, tuple(solution.basis), bootstrap)
    se, se_block = (np.std(_draws(*drawn, counts), axis=0, ddof=1)[:-1] for counts in (pair_counts, block_counts))
    alone = np.sort(y)[int(np.ceil(rows * quantile - 1e-9)) - 1]
    pseudo_r2 = 1 - loss(y - x @ solution.coef, quantile) / loss(y - alone, quantile)
    measures, others = {"pseudo_r2": float(pseudo_r2)}, {"se_block": se_block}
    return infer(solution.coef[:-1], se, rows, rows - columns, measures, other_errors=others)


def draw_blocks(
    variables: Variables, dependent: str, regressors: Sequence[str], quantile: float, bootstrap: Bootstrap
) -> np.ndarray:
    """Coefficients (draws, k + 1), the constant last, of the draws of moving blocks that `se_block` is of."""
    x, y = with_constant(variables, dependent, regressors)
    basis = solve_quantile(x, y, np.ones(len(y)), quantile).basis
    return _draws(x.tobytes(), y.tobytes(), quantile, tuple(basis), bootstrap, block_counts)


def with_constant(variables: Variables, dependent: str, regressors: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """x (n, k + 1), the constant last, and y (n,)."""
    y = variables.levels[dependent]
    return np.column_stack([*(variables.levels[name] for name in regressors), np.ones(len(y))]), y


@lru_cache(maxsize=32)
def _draws(
    x: bytes,
    y: bytes,
    quantile: float,
    basis: tuple[int, ...],
    bootstrap: Bootstrap,
    counts: Callable[[int, Bootstrap], np.ndarray],
) -> np.ndarray:
    """Coefficients (draws, k + 1); who infers after who has estimated does not draw again."""
    outcome = np.frombuffer(y)
    regressors = np.frombuffer(x).reshape(len(outcome), -1)
    return bootstrap_quantile(regressors, outcome, quantile, np.array(basis), counts(len(outcome), bootstrap))


def loss(residuals: np.ndarray, quantile: float) -> float:
    """Sum of the check function: τ of each positive residual, 1 - τ of the size of each negative one."""
    return float(np.sum(residuals * (quantile - (residuals < 0))))


def pair_counts(rows: int, bootstrap: Bootstrap) -> np.ndarray:
    """How often each row is in each draw of the pairs bootstrap: (draws, rows), adding up to `rows`."""
    rng = np.random.default_rng([bootstrap.seed, 0])
    return np.stack([np.bincount(rng.integers(rows, size=rows), minlength=rows) for _ in range(bootstrap.draws)])


def block_counts(rows: int, bootstrap: Bootstrap) -> np.ndarray:
    """The same for the moving-block bootstrap: blocks begin anywhere where they are whole.

    The last block of a draw is cut to the length of the sample. Raises ValueError for a block length that is
    not between 1 and `rows`.
    """
    length = bootstrap.block_rows
    if not 1 <= length <= rows:
        raise ValueError(f"blocks of {length} rows in a sample of {rows}")
    rng = np.random.default_rng([bootstrap.seed, 1])
    blocks = -(-rows // length)
    draws = []
    for _ in range(bootstrap.draws):
        starts = rng.integers(rows - length + 1, size=blocks)
        chosen = (starts[:, None] + np.arange(length)).ravel()[:rows]
        draws.append(np.bincount(chosen, minlength=rows))
    return np.stack(draws)


def bootstrap_quantile(
    x: np.ndarray, y: np.ndarray, quantile: float, basis: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Coefficients (draws, k) of the draws in `counts` (draws, n), each begun at the sample's `basis`."""
    return np.stack([solve_quantile(x, y, weights, quantile, basis).coef for weights in counts])


def solve_quantile(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, quantile: float, basis: np.ndarray | None = None
) -> QuantileSolution:
    """Minimise the weighted check loss of y - xβ exactly, as a linear program.

    `x` is (n, k) of full rank with its constant, `y` and `weights` (n,), weights at least zero; `basis` holds
    k rows to begin with. The method is Barrodale and Roberts': at a vertex the fit passes through k rows;
    along the steepest of the 2k edges on which one of them is let go the loss falls until the weights of the
    rows crossed outweigh the slope, and the row there takes its place. The last vertex is optimal, and its
    coefficients solve k equations: they are as exact as these.

    Rows with a residual of zero outside the basis keep the side that they are on, so that ties are harmless.

    Raises ValueError where values are no numbers, so that no step leads to an optimum.
    """
    basis = _first_basis(x, y, quantile) if basis is None else basis.copy()
    kept = weights > 0
    kept[basis] = True
    rows = np.flatnonzero(kept)
    x, y, weights = x[rows], y[rows], weights[rows].astype(float)
    basis = np.searchsorted(rows, basis)
    inverse = np.linalg.inv(x[basis])
    residuals = y - x @ (inverse @ y[basis])
    # the side of the fit on which a row is, above or below; none in the basis
    side = np.where(residuals < 0, -1.0, 1.0)
    side[basis] = 0
    # what the rows outside pull the coefficients by: τ of each above, 1 - τ of each below the other way
    pull = (weights * np.where(side < 0, quantile - 1, quantile) * np.abs(side)) @ x
    zero, zero_steps = RESIDUAL_TOLERANCE * np.max(np.abs(y)), 0
    for _ in range(MOST_STEPS_PER_ROW * len(y)):
        slopes = -pull @ inverse
        # letting a fitted value of the basis rise, or fall
        edges = np.concatenate([slopes + weights[basis] * (1 - quantile), weights[basis] * quantile - slopes])
        if edges.min() >= -SLOPE_TOLERANCE:
            return QuantileSolution(inverse @ y[basis], rows[basis])
        edge = int(np.argmin(edges))
        cautious = zero_steps > MOST_ZERO_STEPS
        if cautious:
            downhill = np.flatnonzero(edges < -SLOPE_TOLERANCE)
            edge = int(downhill[np.argmin(basis[downhill % len(basis)])])
        rises, position = edge < len(basis), edge % len(basis)
        movement = x @ (inverse[:, position] if rises else -inverse[:, position])
        size = np.abs(movement)
        movement[size <= MOVEMENT_TOLERANCE * size.max()] = 0
        crossing = np.flatnonzero(side * movement > 0)
        left = residuals[crossing]
        left[np.abs(left) <= zero] = 0
        distances = np.maximum(left / movement[crossing], 0)
        if cautious:
            # the nearest row, of equally near ones the first, and none is passed
            crossed = np.array([np.argmin(distances)])
        else:
            gains = weights[crossing] * size[crossing]
            crossed = _line_search(distances, gains, -edges[edge])
        distance = distances[crossed[-1]]
        zero_steps = zero_steps + 1 if distance == 0 else 0
        *passed, entering = crossing[crossed]
        leaving = basis[position]
        # a row that is passed changes by its whole weight, one that enters loses what it pulled by
        pull = pull - (side[passed] * weights[passed]) @ x[passed]
        pull = pull + weights[leaving] * (quantile - rises) * x[leaving]
        pull = pull - weights[entering] * (quantile - (side[entering] < 0)) * x[entering]
        side[passed] = -side[passed]
        side[leaving], side[entering] = (-1.0 if rises else 1.0), 0
        residuals = residuals - distance * movement
        residuals[entering] = 0
        basis[position] = entering
        inverse = np.linalg.inv(x[basis])
    raise ValueError(f"no optimum after {MOST_STEPS_PER_ROW * len(y)} steps")


def _line_search(distances: np.ndarray, gains: np.ndarray, slope: float) -> np.ndarray:
    """Positions of the rows met on an edge, in their order, up to the one that uses up the slope."""
    count = FIRST_BREAKPOINTS
    while True:
        nearest = np.arange(len(distances))
        if count < len(distances):
            nearest = np.sort(np.argpartition(distances, count)[:count])
        nearest = nearest[np.argsort(distances[nearest], kind="stable")]
        last = int(np.searchsorted(np.cumsum(gains[nearest]), slope))
        if last < len(nearest):
            return nearest[: last + 1]
        if count >= len(distances):
            # the slope is used up exactly where rounding hides it
            return nearest
        count *= 4


def _first_basis(x: np.ndarray, y: np.ndarray, quantile: float) -> np.ndarray:
    """k independent rows near the least-squares line moved up to the quantile."""
    rows, columns = x.shape
    residuals = y - x @ np.linalg.lstsq(x, y)[0]
    nearest = np.argsort(np.abs(residuals - np.quantile(residuals, quantile)), kind="stable")
    for count in (20 * columns, rows):
        candidates = nearest[:count]
        triangle, order = qr(x[candidates].T, mode="r", pivoting=True)
        if np.abs(np.diag(triangle)).min() > SLOPE_TOLERANCE * np.abs(triangle[0, 0]):
            break
    return candidates[order[:columns]]
