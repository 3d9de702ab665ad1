"""Two-way effects by alternating projections, accelerated: conjugate gradients on the smaller effect.

Projecting on units and on periods in turn is a fixed-point iteration for the period effects b of
v = a_unit + b_period + w: the units' effects are their means of v - b, and what is left of the normal
equations is S b = r, where S = D - C' N⁻¹ C, D and N count the rows of a period and of a unit, and C those of
each pair. Conjugate gradients solve the same equations in far fewer steps. S is never formed: the caller
multiplies by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dealer_limits.errors import DealerLimitsError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

# A variable of which the effects leave less than this share is held to an absolute accuracy instead: rounding
# allows no more.
LEAST_SHARE_LEFT = 1e-3

# The residual is computed anew after the recursion says that it is small enough, at most so often.
MOST_RESTARTS = 10


@dataclass(frozen=True)
class Effects:
    """Effects of the smaller dimension, (levels, variables), up to a constant per connected component.

    `error` bounds, per variable, the error of the demeaned variable over its norm; `iterations` counts
    multiplications by S.
    """

    values: np.ndarray
    error: np.ndarray
    iterations: int


def solve_effects(
    multiply: Callable[[np.ndarray], np.ndarray],
    remainder: Callable[[np.ndarray], np.ndarray],
    right_side: np.ndarray,
    counts: np.ndarray,
    component: np.ndarray,
    squares: np.ndarray,
    tolerance: float,
    most_iterations: int,
) -> Effects:
    """Solve S b = r for several variables at once.

    `multiply` gives S b for b of shape (levels, variables), `remainder` r - S b, as exactly as can be: the
    sums by level of what is left of the variables; `right_side` has that shape; `counts` (levels,)
    is the diagonal D, zero for a level that no unit shares with another; `component` (levels,) numbers the
    connected components; `squares` (variables,) is the sum of squares of each variable, demeaned by unit.

    Stops where the demeaned variables are known to `tolerance` of their norm. The error is at most the norm
    of what projecting on the periods would still take away, over the root of the smallest eigenvalue of
    D^-½ S D^-½, for which the Lanczos values of the same iteration stand. The error that counts is of the
    residual computed anew at the end, not of the recursion.

    Raises DealerLimitsError where `most_iterations` do not suffice, or rounding allows no such accuracy.
    """
    import numpy as np

    inverse = np.divide(1.0, counts, out=np.zeros_like(counts, dtype=float), where=counts > 0)
    values = np.zeros_like(right_side)
    residual = _balance(right_side, counts, component)
    left = squares.astype(float)
    floor = LEAST_SHARE_LEFT * np.sqrt(squares)
    smallest_eigenvalue, iterations = 1.0, 0
    error = _error(residual, inverse, smallest_eigenvalue, left, floor)
    before = np.inf
    for _ in range(MOST_RESTARTS):
        scaled = inverse[:, None] * residual
        direction = scaled.copy()
        size = (residual * scaled).sum(axis=0)
        lanczos = _Lanczos()
        while error.max() > tolerance:
            if iterations >= most_iterations:
                raise DealerLimitsError(
                    f"the effects have not converged in {iterations} iterations: {error.max():.1g} "
                    f"instead of {tolerance:.0e}; the panel is badly connected, allow more iterations"
                )
            product = multiply(direction)
            iterations += 1
            curvature = (direction * product).sum(axis=0)
            # a variable that is solved exactly has no direction left
            moving = (curvature > 0) & (size > 0)
            step = np.divide(size, curvature, out=np.zeros_like(size), where=moving)
            values += step * direction
            residual = _balance(residual - step * product, counts, component)
            left = left - step * size
            scaled = inverse[:, None] * residual
            new_size = (residual * scaled).sum(axis=0)
            ratio = np.divide(new_size, size, out=np.zeros_like(size), where=moving)
            lanczos.add(step, ratio)
            direction = scaled + ratio * direction
            size = new_size
            error = _error(residual, inverse, 1.0, left, floor)
            if error.max() <= tolerance:
                smallest_eigenvalue = min(smallest_eigenvalue, lanczos.smallest_eigenvalue())
                error = _error(residual, inverse, smallest_eigenvalue, left, floor)
            if not moving.any():
                break
        residual = _balance(remainder(values), counts, component)
        error = _error(residual, inverse, smallest_eigenvalue, left, floor)
        if error.max() <= tolerance:
            return Effects(values, error, iterations)
        if error.max() > before / 2:
            raise DealerLimitsError(
                f"the effects converge to {error.max():.1g} and no further, short of {tolerance:.0e}: "
                "rounding allows no more where effects are so much larger than what they leave"
            )
        before = error.max()
    raise DealerLimitsError(
        f"the effects have not converged: {before:.1g} instead of {tolerance:.0e} "
        f"after {MOST_RESTARTS} restarts"
    )


def _balance(residual: np.ndarray, counts: np.ndarray, component: np.ndarray) -> np.ndarray:
    """Residuals that add up to zero in each component, as they do but for rounding: S has no other range."""
    import numpy as np

    rows = np.bincount(component, counts)
    rows[rows == 0] = 1.0
    balanced = np.empty_like(residual)
    for variable in range(residual.shape[1]):
        excess = np.bincount(component, residual[:, variable]) / rows
        balanced[:, variable] = residual[:, variable] - counts * excess[component]
    return balanced


def _error(
    residual: np.ndarray, inverse: np.ndarray, eigenvalue: float, left: np.ndarray, floor: np.ndarray
) -> np.ndarray:
    """The bound on the error of each demeaned variable, over its norm."""
    import numpy as np

    projected = np.sqrt((residual * residual * inverse[:, None]).sum(axis=0) / eigenvalue)
    norm = np.maximum(np.sqrt(np.maximum(left, 0.0)), floor)
    return np.divide(projected, norm, out=np.zeros_like(projected), where=projected > 0)


class _Lanczos:
    """The tridiagonal matrices that conjugate gradients make on the way, one per variable."""

    def __init__(self) -> None:
        self._steps: list[np.ndarray] = []
        self._ratios: list[np.ndarray] = []

    def add(self, step: np.ndarray, ratio: np.ndarray) -> None:
        self._steps.append(step)
        self._ratios.append(ratio)

    def smallest_eigenvalue(self) -> float:
        """Over all variables; each one's own iterations only."""
        import numpy as np
        from scipy.linalg import eigvalsh_tridiagonal

        steps, ratios = np.array(self._steps), np.array(self._ratios)
        smallest = 1.0
        for variable in range(steps.shape[1]):
            own = int(np.argmin(steps[:, variable] > 0)) or len(steps)
            if steps[0, variable] <= 0:
                continue
            step, ratio = steps[:own, variable], ratios[:own, variable]
            diagonal = 1 / step
            diagonal[1:] += ratio[:-1] / step[:-1]
            beside = np.sqrt(ratio[:-1]) / step[:-1]
            (least,) = eigvalsh_tridiagonal(diagonal, beside, select="i", select_range=(0, 0))
            smallest = min(smallest, least)
        return max(smallest, np.finfo(float).eps)
