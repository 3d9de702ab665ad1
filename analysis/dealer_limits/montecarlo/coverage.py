"""Which errors are right: coverage of 95% intervals, by covariance, of what endless data would give.

Worlds are simulated in memory and each column of Tables 2 and 8 is estimated with every covariance of
`estimate.inference`; for Table 8, Anderson-Rubin sets stand beside them. The value to be covered is the
population value of the committed Monte Carlo, so that the estimates' own bias counts. A block of worlds is
one file: a run that was killed goes on where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.inference import SEED, cell_numbers, covariance_of
from dealer_limits.estimation.instruments import SETS, anderson_rubin_set, project
from dealer_limits.estimation.methods import Method
from dealer_limits.estimation.panel import Fit, Variables, infer
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import fit_column
from dealer_limits.estimation.specifications import Specification, read_csv, seed_file
from dealer_limits.estimation.wild_bootstrap import WildTest, coarser, draw_signs, prepare_tests
from dealer_limits.montecarlo.desk_panel import DeskPanel, simulate_desk_panel
from dealer_limits.montecarlo.panel_regressions import panel_specifications, panel_variables, read_methods
from dealer_limits.montecarlo.processes import code_of, digest, finish, keep
from dealer_limits.pseudo.parameters import WORLDS, Parameters, world_parameters

FIRST_SEED = 7_000_001
TABLES = ("2", "8")
FILE = "covariance_coverage.csv"
BLOCK = 10


@dataclass(frozen=True)
class Estimated:
    """One column in one world: its coefficient, and intervals or wild tests by covariance.

    A set may be of several intervals, and their ends infinite.
    """

    coef: float
    intervals: dict[str, tuple[tuple[float, float], ...]]
    tests: dict[str, WildTest]

    def covers(self, covariance: str, value: float) -> bool:
        """Whether the 95% interval or set of a covariance holds a value."""
        if covariance in self.tests:
            test = self.tests[covariance]
            return test.p_value(draw_signs(len(test.squares), SEED), value) > 0.05
        return any(low <= value <= high for low, high in self.intervals[covariance])


def run_coverage(world: str, reps: int, output: Path, console: Console) -> pd.DataFrame:
    """Coverage of every covariance in `reps` worlds; writes `covariance_coverage.csv` to `output`, beside the rows
    of other kinds of worlds that the file has.

    Columns: world, table, panel, column, outcome, horizon, covariance, population, reps, coverage, error
    (Monte Carlo). Blocks of worlds are kept in `output`/covariance_coverage. Raises DealerLimitsError for an
    unknown world or fewer than two worlds, or where the committed Monte Carlo has not the world.
    """
    if world not in WORLDS:
        raise DealerLimitsError(f"unknown world {world}: choose from {', '.join(WORLDS)}")
    if reps < 2:
        raise DealerLimitsError(f"--reps {reps}: expected at least 2")
    rows, truth = coverage_rows(), population_values(world)
    values = tuple(truth[row.key] for row in rows)
    parameters = dict(world_parameters(world))
    code = digest(code_of("montecarlo", "pseudo", "estimation"), repr((parameters, rows, values, read_methods())))
    folder = output / "covariance_coverage" / f"{world}-{code}"
    folder.mkdir(parents=True, exist_ok=True)
    tasks = {}
    for first in range(FIRST_SEED, FIRST_SEED + reps, BLOCK):
        seeds = tuple(range(first, min(first + BLOCK, FIRST_SEED + reps)))
        tasks[folder / f"{first}-{seeds[-1]}.block"] = (seeds, parameters, values)
    worlds = [own for block in finish(cover_block, tasks, f"coverage in {world}", console) for own in block]
    summary = []
    for place, row in enumerate(rows):
        for covariance in worlds[0][place]:
            share = float(np.mean([covered[place][covariance] for covered in worlds]))
            summary.append(
                {
                    "world": world,
                    "table": row.table,
                    "panel": row.panel,
                    "column": row.column,
                    "outcome": row.outcome,
                    "horizon": row.horizon,
                    "covariance": covariance,
                    "population": truth[row.key],
                    "reps": reps,
                    "coverage": share,
                    "error": float(np.sqrt(share * (1 - share) / reps)),
                }
            )
    frame = pd.DataFrame(summary)
    output.mkdir(parents=True, exist_ok=True)
    _write(output / FILE, world, frame)
    for _, of_table in frame.groupby("table", sort=False):
        wide = of_table.pivot_table(index=["outcome", "horizon"], columns="covariance", values="coverage", sort=False)
        console.print((100 * wide).round(1).to_string(), highlight=False, soft_wrap=True)
    return frame


def _write(path: Path, world: str, frame: pd.DataFrame) -> None:
    """Rows of a kind of worlds in the place of those that the file has of it."""
    header, *rows = frame.to_csv(index=False, float_format="%.6g", lineterminator="\n").splitlines(keepends=True)
    if path.exists():
        written = path.read_text(encoding="utf-8").splitlines(keepends=True)[1:]
        rows += [row for row in written if not row.startswith(f"{world},")]
    rows.sort(key=lambda row: list(WORLDS).index(row.partition(",")[0]))
    path.write_text("".join((header, *rows)), encoding="utf-8")


def coverage_rows() -> tuple[Specification, ...]:
    """The columns of Tables 2 and 8."""
    return tuple(row for row in panel_specifications() if row.table in TABLES)


def population_values(world: str) -> dict[tuple[str, str, str], float]:
    """The committed population values of the columns in a world.

    Raises DealerLimitsError where the Monte Carlo of the world is not committed.
    """
    found = {
        (row["table"], row["panel"], row["column"]): float(row["population"])
        for row in read_csv(seed_file("montecarlo"))
        if row["world"] == world and row["table"] in TABLES
    }
    if any(row.key not in found for row in coverage_rows()):
        raise DealerLimitsError(f"seeds/montecarlo.csv lacks the world {world}: run `make montecarlo`")
    return found


def cover_block(task: tuple[tuple[int, ...], Parameters, tuple[float, ...], Path]) -> None:
    """Write which intervals hold their value in the worlds of some seeds: by world, column and covariance."""
    seeds, parameters, values, path = task
    worlds = [estimate_world((seed, parameters)) for seed in seeds]
    covered = [
        [
            {name: one.covers(name, value) for name in (*one.intervals, *one.tests)}
            for one, value in zip(columns, values, strict=True)
        ]
        for columns in worlds
    ]
    keep(covered, path)


def estimate_world(task: tuple[int, Parameters]) -> list[Estimated]:
    """Every column of `coverage_rows` in the world of one seed."""
    seed, parameters = task
    panel = simulate_desk_panel(seed, parameters)
    return [_estimate_column(panel, row) for row in coverage_rows()]


def _estimate_column(panel: DeskPanel, row: Specification) -> Estimated:
    """One column with a single regressor."""
    variables, groups = panel_variables(panel, row)
    fit = fit_column(variables, row, Bootstrap())
    methods = read_methods().of[row.observations, row.kind]
    intervals = {}
    for method in methods:
        if method.kind != "wild":
            covariance = covariance_of(fit, method, groups, row.horizon)
            found = infer(fit.coef, np.sqrt(np.diag(covariance.matrix)), fit.nobs, covariance.df, {})
            intervals[method.covariance] = ((float(found.ci_low[0]), float(found.ci_high[0])),)
    wild = [method for method in methods if method.kind == "wild"]
    return Estimated(
        float(fit.coef[0]),
        intervals | _sets(variables, fit, row, groups),
        _wild_tests(variables, row, wild, groups) if wild else {},
    )


def _wild_tests(
    variables: Variables, row: Specification, methods: list[Method], groups: dict[str, np.ndarray]
) -> dict[str, WildTest]:
    """All by desk, put together by firm where the method says so."""
    (by_desk,) = prepare_tests(variables, row.dependent, row.regressors, groups["desk_id"])
    firm = groups["firm_rssd"][np.unique(groups["desk_id"], return_index=True)[1]]
    return {
        method.covariance: by_desk if method.clusters == ("desk_id",) else coarser(by_desk, firm) for method in methods
    }


def _sets(
    variables: Variables, fit: Fit, row: Specification, groups: dict[str, np.ndarray]
) -> dict[str, tuple[tuple[float, float], ...]]:
    """Anderson-Rubin sets of an instrumented column."""
    if not row.instruments:
        return {}
    clusters = (
        (cell_numbers(groups["firm_rssd"], groups["business_date"]), False),
        (groups["firm_rssd"], False),
        (groups["firm_rssd"], True),
    )
    asked = (variables, fit.parts, row.dependent, row.endogenous[0], list(row.instruments), [])
    return {
        name: anderson_rubin_set(project(*asked, own, by_jackknife)).intervals
        for name, (own, by_jackknife) in zip(SETS, clusters, strict=True)
    }
