"""Calibration of the world `paper`: the fit of its parameters, which `check` sets beside the printed numbers.

`fit_parameters` moves the parameters marked `fitted` in the parameter file until the mean estimates over some
seeds are near the printed ones.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from scipy.optimize import least_squares

from dealer_limits.estimation.specifications import Specification, read_csv
from dealer_limits.montecarlo.desk_panel_moments import Key, Moments, many_moments, printed_numbers
from dealer_limits.montecarlo.panel_regressions import panel_specifications
from dealer_limits.montecarlo.processes import worker_pool
from dealer_limits.montecarlo.repeat_desk_panel import LEVEL_PARTS, OF_OTHER_PARTS
from dealer_limits.pseudo.parameters import (
    DEFAULT_REACTION_SHARE,
    DEFAULT_WORLD,
    parameter_rows,
    parameter_values,
    with_world,
)

PARAMETER_FILE = Path(__file__).resolve().parents[1] / "pseudo" / "parameters.csv"
FITTING_SEEDS = tuple(range(7_001, 7_009))

# what the fit cares about: a miss of one of these counts as one
SE_SCALE, R2_SCALE = 0.15, 0.015
# the null world's Table 2, in printed standard errors
SPLIT_SCALE = 0.3
# half of the last printed digit of a coefficient, a standard error or R2
ROUNDING = 0.0005
# a parameter is not moved beyond this factor of where it stood, per run
WIDEST_FACTOR = 8.0
# relative step of the numerical derivatives
STEP = 0.08
ALL_TABLES = ("2", "3", "4", "5", "7", "8", "9", "14")
# tables that a group of parameters can change, by the start of its name; Table 15 is always estimated
AFFECTED = {"pnl_": ("14",), "dv01_": ("7",), "slr_": ("4", "5"), "new_": ("3",), "further_desks": ("9",)}


def residuals(moments: Moments, printed: dict[Key, str]) -> dict[Key, float]:
    """Distances of the mean estimates from the printed numbers, for least squares."""
    mean = dict(zip(moments.keys, moments.values.mean(axis=0), strict=True))
    return estimate_distances(mean, printed, R2_SCALE)


def estimate_distances(mean: Mapping[Key, float], printed: Mapping[Key, str], r2_scale: float) -> dict[Key, float]:
    """How far mean coefficients, errors and R2 are from the printed ones, in misses, in the order of `mean`."""
    distances = {}
    for key, value in mean.items():
        if key not in printed:
            continue
        number = float(printed[key])
        if key[-1] == "coef":
            error = np.hypot(float(printed[*key[:4], "se"]), mean[*key[:4], "se"])
            distances[key] = (value - number) / max(error, ROUNDING)
        elif key[-1] == "se":
            # where the printed digits leave the number open, its range is the tolerance
            distances[key] = (value - number) / (SE_SCALE * number + ROUNDING)
        elif key[-1] in ("r2", "pseudo_r2"):
            distances[key] = (value - number) / r2_scale
    return distances


def fit_in_logs(
    distances: Callable[[np.ndarray], np.ndarray],
    many: int,
    keep_step: Callable[[np.ndarray, np.ndarray], None],
    evaluations: int,
) -> np.ndarray:
    """(many,) log factors of least distances, from none on, by numerical derivatives.

    `keep_step` is called with the factors and their distances before derivatives are taken: a run that is stopped
    leaves its last step.
    """

    def derivatives(log_factors: np.ndarray) -> np.ndarray:
        base = distances(log_factors)
        keep_step(log_factors, base)
        steps = STEP * np.eye(many)
        return np.column_stack([(distances(log_factors + step) - base) / STEP for step in steps])

    bound = np.log(WIDEST_FACTOR)
    return least_squares(
        distances, np.zeros(many), derivatives, bounds=(-bound, bound), max_nfev=evaluations, loss="soft_l1"
    ).x


def split_residuals(null: Moments, printed: dict[Key, str]) -> dict[Key, float]:
    """Distances of what the null world gives for Table 2 from the mechanical share of the printed numbers."""
    mean = dict(zip(null.keys, null.values.mean(axis=0), strict=True))
    distances = {}
    for key, value in mean.items():
        if key[0] == "2" and key[-1] == "coef":
            wanted = (1 - DEFAULT_REACTION_SHARE) * float(printed[key])
            error = max(float(printed[*key[:4], "se"]), 2 * ROUNDING)
            distances["null", *key[1:]] = (value - wanted) / (SPLIT_SCALE * error)
    return distances


def affected_tables(parameter: str) -> tuple[str, ...]:
    """Tables whose rows can change with a parameter; what it leaves alone need not be estimated again."""
    for start, tables in AFFECTED.items():
        if parameter.startswith(start):
            return tables
    return ALL_TABLES


def fit_parameters(console: Console, seeds: Sequence[int] = FITTING_SEEDS, evaluations: int = 3) -> None:
    """Fit the parameters marked so and write them back to the parameter file.

    Least squares over `evaluations` steps, in the logs of the parameters, on the same seeds in every step:
    their noise is the same then, and the distance is smooth in the parameters. The split between reaction and
    mechanics is held by the null world, whose Table 2 must have the mechanical share of the printed numbers.
    """
    rows = parameter_rows()
    # those of levels, of trades and of illiquidity have fits of their own
    of_others = (*OF_OTHER_PARTS, *LEVEL_PARTS)
    fitted = [row.parameter for row in rows if row.is_fitted and not row.parameter.startswith(of_others)]
    is_reaction = {row.parameter for row in rows if row.role.startswith("reaction")}
    start = parameter_values()
    printed, registry = printed_numbers(), fitting_rows()
    baseline = tuple(row for row in registry if row.table == "2")

    def parameters(log_factors: np.ndarray) -> dict[str, float]:
        factors = dict(zip(fitted, np.exp(log_factors), strict=True))
        return {name: value * factors.get(name, 1.0) for name, value in start.items()}

    with worker_pool() as pool:

        def distances(log_factors: np.ndarray, moved: str | None = None) -> dict[Key, float]:
            values = parameters(log_factors)
            tables = ALL_TABLES if moved is None else affected_tables(moved)
            own = tuple(row for row in registry if row.table in tables)
            found = residuals(many_moments(seeds, with_world(values, DEFAULT_WORLD), own, pool), printed)
            if "2" in tables and moved not in is_reaction:
                null = many_moments(seeds, with_world(values, "null"), baseline, pool)
                found |= split_residuals(null, printed)
            return found

        def derivatives(log_factors: np.ndarray) -> np.ndarray:
            base = distances(log_factors)
            squares = np.square(list(base.values()))
            console.print(f"mean square distance {squares.mean():.3f}", highlight=False)
            # a run that is stopped leaves its last step
            write_parameters(parameters(log_factors))
            columns = []
            for place, parameter in enumerate(fitted):
                step = STEP * (np.arange(len(fitted)) == place)
                changed = distances(log_factors + step, parameter)
                columns.append([(changed.get(key, value) - value) / STEP for key, value in base.items()])
            return np.array(columns).T

        bound = np.log(WIDEST_FACTOR)
        solution = least_squares(
            lambda log_factors: np.array(list(distances(log_factors).values())),
            np.zeros(len(fitted)), derivatives, bounds=(-bound, bound), max_nfev=evaluations, loss="soft_l1",
        )  # fmt: skip
    console.print(f"mean square distance {np.square(solution.fun).mean():.3f} at the end", highlight=False)
    write_parameters(parameters(solution.x))


def fitting_rows() -> tuple[Specification, ...]:
    """The rows that the fit uses: not those of Tables 6 and 10, which follow from Tables 2 and 9."""
    return tuple(row for row in panel_specifications() if row.table not in ("6", "10"))


def write_parameters(values: dict[str, float]) -> None:
    """Put values of four digits into the parameter file, all else as it is."""
    table = read_csv(PARAMETER_FILE)
    for row in table:
        if row["fitted"] == "yes":
            row["value"] = f"{values[row['parameter']]:.4g}"
    with PARAMETER_FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
