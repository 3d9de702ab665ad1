"""Which errors are right: coverage of 95% intervals, by covariance, of what endless data would give.

Worlds are simulated in memory and each column of Table 2 is estimated with every covariance of
`estimate.inference`. The value to be covered is the regression on all worlds laid end to end, desk and day
effects of each world its own: what estimates of one world's length are after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimate.inference import METHODS, SEED, covariance_of
from dealer_limits.estimate.panel import fit_linear, infer, take_out_effects
from dealer_limits.estimate.wild_bootstrap import WildTest, coarser, draw_signs, prepare_tests
from dealer_limits.montecarlo.desk_panel import simulate_desk_panel
from dealer_limits.montecarlo.processes import worker_pool
from dealer_limits.montecarlo.registry import Row, arrays, read_rows
from dealer_limits.pseudo.desk_roster import PRIME_DESKS
from dealer_limits.pseudo.parameters import WORLDS, Parameters, world_parameters

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from rich.console import Console

FIRST_SEED = 7_000_001
TABLE = "2"


@dataclass(frozen=True)
class Estimated:
    """One column in one world: sums of products of the demeaned variables, intervals and wild tests."""

    square: float
    product: float
    intervals: dict[str, tuple[float, float]]
    tests: dict[str, WildTest]

    def covers(self, covariance: str, value: float) -> bool:
        """Whether the 95% interval of a covariance holds a value."""
        if covariance in self.tests:
            test = self.tests[covariance]
            return test.p_value(draw_signs(len(test.squares), SEED), value) > 0.05
        low, high = self.intervals[covariance]
        return low <= value <= high


def run_coverage(world: str, reps: int, output: Path, console: Console) -> pd.DataFrame:
    """Coverage of every covariance in `reps` worlds; writes `covariance_coverage.csv` to `output`.

    Columns: panel, column, outcome, horizon, covariance, population, reps, coverage, error (Monte Carlo).
    Raises DealerLimitsError for an unknown world or fewer than two worlds.
    """
    import pandas as pd
    from rich.progress import track

    if world not in WORLDS:
        raise DealerLimitsError(f"unknown world {world}: choose from {', '.join(WORLDS)}")
    if reps < 2:
        raise DealerLimitsError(f"--reps {reps}: expected at least 2")
    rows = coverage_rows()
    parameters = dict(world_parameters(world))
    tasks = [(seed, parameters) for seed in range(FIRST_SEED, FIRST_SEED + reps)]
    with worker_pool() as pool:
        worlds = list(
            track(pool.imap(_estimate_world, tasks), "Coverage", total=reps, console=console, transient=True)
        )
    summary = []
    for place, row in enumerate(rows):
        own = [estimates[place] for estimates in worlds]
        population = sum(one.product for one in own) / sum(one.square for one in own)
        for method in METHODS["panel_desk_horizon", "ols"]:
            share = float(np.mean([one.covers(method.covariance, population) for one in own]))
            summary.append(
                {
                    "panel": row.panel,
                    "column": row.column,
                    "outcome": row.dependent,
                    "horizon": row.horizon,
                    "covariance": method.covariance,
                    "population": population,
                    "reps": reps,
                    "coverage": share,
                    "error": float(np.sqrt(share * (1 - share) / reps)),
                }
            )
    frame = pd.DataFrame(summary)
    output.mkdir(parents=True, exist_ok=True)
    frame.to_csv(output / "covariance_coverage.csv", index=False, float_format="%.6g", lineterminator="\n")
    wide = frame.pivot_table(
        index=["outcome", "horizon"], columns="covariance", values="coverage", sort=False
    )
    console.print((100 * wide).round(1).to_string(), highlight=False)
    return frame


def coverage_rows() -> tuple[Row, ...]:
    """The columns of Table 2."""
    return tuple(row for row in read_rows() if row.table == TABLE)


def _estimate_world(task: tuple[int, Parameters]) -> list[Estimated]:
    seed, parameters = task
    panel = simulate_desk_panel(seed, parameters)
    return [_estimate_column(*arrays(panel, row)[:3], row.horizon) for row in coverage_rows()]


def _estimate_column(
    outcome: np.ndarray, regressors: list[np.ndarray], mask: np.ndarray, horizon: int
) -> Estimated:
    """One column with a single regressor, from (T, D) arrays."""
    (usage,) = regressors
    day, desk = np.nonzero(mask)
    firms = np.unique([own.mpid for own in PRIME_DESKS], return_inverse=True)[1]
    groups = {"desk": desk, "day": day, "firm": firms[desk]}
    variables = take_out_effects({"y": outcome[mask], "x": usage[mask]}, np.column_stack([desk, day]))
    fit = fit_linear(variables, "y", ["x"])
    by_desk = prepare_tests(variables, "y", ["x"], desk)[0]
    intervals, tests = {}, {}
    for method in METHODS["panel_desk_horizon", "ols"]:
        if method.kind == "wild":
            together = len(method.clusters) > 1
            tests[method.covariance] = coarser(by_desk, firms[np.unique(desk)]) if together else by_desk
            continue
        covariance = covariance_of(fit, method, groups, horizon)
        found = infer(fit.coef, np.sqrt(np.diag(covariance.matrix)), fit.nobs, covariance.df, {})
        intervals[method.covariance] = (float(found.ci_low[0]), float(found.ci_high[0]))
    x, y = variables.within["x"], variables.within["y"]
    return Estimated(float(x @ x), float(x @ y), intervals, tests)
