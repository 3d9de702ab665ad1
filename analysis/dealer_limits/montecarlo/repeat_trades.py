"""Population values of Tables 11, 12, 13 and 15, from whole worlds: no desk panel in memory gives them.

The population value of a column is its regression on the worlds laid end to end, effects of each world its
own. Then X'X and X'y within effects add up over worlds, and both follow from a world's coefficients and the
inverse of X'X. Quantile columns pool the worlds' rows, each world standardised by itself as in the paper.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.quantile import solve_quantile
from dealer_limits.estimation.specifications import read_csv
from dealer_limits.montecarlo.whole_worlds import FIRST_SEED, Column, WholeWorld, fingerprint, run_worlds
from dealer_limits.pseudo.parameters import Parameters, world_parameters

PLANTED_FILE = Path(__file__).with_name("planted.csv")
SIGNIFICANCE = 0.05

# table, panel, column, term
Place = tuple[str, str, str, str]


def run_trades(world: str, reps: int, output: Path, console: Console) -> pd.DataFrame:
    """Estimate Tables 11, 12, 13 and 15 in `reps` whole worlds, those of the calibration's check first.

    Writes `montecarlo_trades_<world>.csv`, with the columns of the seed `montecarlo`, facts of the run as `.json`
    beside it, `montecarlo_figures_<world>.csv`, a row per world and measure, and `montecarlo_reliability_<world>.csv`
    and `montecarlo_precision_<world>.csv`, how right the weights of the match are, to `output`. Raises
    DealerLimitsError for an unknown world or fewer than two worlds.
    """
    if reps < 2:
        raise DealerLimitsError(f"--reps {reps}: expected at least 2")
    worlds = run_worlds(world, range(FIRST_SEED, FIRST_SEED + reps), output, console)
    summary = summarise(worlds, world_parameters(world))
    summary.insert(0, "world", world)
    name = f"montecarlo_trades_{world}"
    summary.to_csv(output / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    figures = pd.DataFrame(
        [(world, one.seed, *place, level) for one in worlds for place, level in one.figures.items()],
        columns=["world", "seed", "figure", "measure", "level"],
    )
    figures.to_csv(output / f"montecarlo_figures_{world}.csv", index=False, float_format="%.6g", lineterminator="\n")
    for part, rows in (
        ("reliability", pooled_reliability([one.reliability for one in worlds])),
        ("precision", mean_precision([one.precision for one in worlds])),
    ):
        rows.insert(0, "world", world)
        rows.to_csv(output / f"montecarlo_{part}_{world}.csv", index=False, float_format="%.6g", lineterminator="\n")
    seconds = sum(one.seconds for one in worlds)
    facts = {
        "world": world,
        "reps": reps,
        "first_seed": FIRST_SEED,
        "version": version("dealer-limits"),
        "parameters": fingerprint(world),
        "processor_seconds": round(seconds),
    }
    (output / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    console.print(
        f"{reps} whole worlds {world}, seeds {FIRST_SEED} to {FIRST_SEED + reps - 1}, {seconds:.0f} processor seconds",
        highlight=False,
    )
    return summary


def summarise(worlds: Sequence[WholeWorld], parameters: Parameters) -> pd.DataFrame:
    """One line per column and term; a term that is planted has its parameter as both effects.

    bias, rmse and coverage of an estimate are beside the value pooled over the other worlds, which does not know it:
    its own error, of one world less, makes intervals of the right length miss a little more often. Intervals of 90%
    are not kept, and horizon is empty: these tables have none.
    """
    planted = planted_effects(parameters)
    lines = []
    for of_column in zip(*(world.columns for world in worlds), strict=True):
        first = of_column[0]
        table, panel, column = first.key
        population, error, others = pooled_with_error(of_column)
        coef = np.array([one.coef for one in of_column])
        se = np.array([one.se for one in of_column])
        interval, safe_interval = (
            np.array([getattr(one, name) for one in of_column]) for name in ("interval", "safe_interval")
        )
        covered, safe_covered = ((ends[:, 0] <= others) & (others <= ends[:, 1]) for ends in (interval, safe_interval))
        rejected, safe_p = (
            np.array([one.p for one in of_column]) < SIGNIFICANCE,
            np.array([one.safe_p for one in of_column]),
        )
        for place, term in enumerate(first.terms):
            effect = planted.get((*first.key, term), np.nan)
            lines.append(
                {
                    "table": table,
                    "panel": panel,
                    "column": column,
                    "dependent": first.dependent,
                    "horizon": "",
                    "term": term,
                    "worlds": len(of_column),
                    "population": population[place],
                    "population_error": error[place],
                    "effect_of_one_day": effect,
                    "effect_lasting": effect,
                    "mean": coef[:, place].mean(),
                    "bias": (coef - others)[:, place].mean(),
                    "rmse": np.sqrt(((coef - others)[:, place] ** 2).mean()),
                    "sd": coef[:, place].std(ddof=1),
                    "mean_se": se[:, place].mean(),
                    "coverage_90": np.nan,
                    "coverage_95": covered[:, place].mean(),
                    "rejection": rejected[:, place].mean(),
                    "recommended": first.recommended,
                    "coverage_95_recommended": _share(safe_covered[:, place], safe_p[:, place]),
                    "rejection_recommended": _share(safe_p[:, place] < SIGNIFICANCE, safe_p[:, place]),
                }
            )
    return pd.DataFrame(lines)


def _share(hits: np.ndarray, known: np.ndarray) -> float:
    """nan of a term that the errors do not have."""
    return np.nan if np.isnan(known).any() else float(hits.mean())


def planted_effects(parameters: Parameters) -> Mapping[Place, float]:
    """The parameter that is planted in a world, by the column and term that it serves."""
    # no negative zero in the world `null`
    return {
        (row["table"], row["panel"], row["column"], row["term"]): parameters[row["parameter"]] + 0.0
        for row in read_csv(PLANTED_FILE)
    }


def pooled_reliability(worlds: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Bins of weights (`judgement.reliability`) of several worlds as one."""
    rows = pd.concat(worlds, ignore_index=True)
    count = rows["count"]
    sums = rows.assign(
        mean_weight=rows["mean_weight"] * count, share_right=rows["share_right"] * count, se=(rows["se"] * count) ** 2
    )
    pooled = sums.groupby(["of", "low", "high"], as_index=False).sum()
    for name in ("mean_weight", "share_right"):
        pooled[name] /= pooled["count"]
    return pooled.assign(se=np.sqrt(pooled["se"]) / pooled["count"])


def mean_precision(worlds: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Precision and recall (`judgement.precision_and_recall`) on average over worlds, by kind of match."""
    return pd.concat(worlds, ignore_index=True).groupby("match_kind", as_index=False).mean()


def pooled_with_error(columns: Sequence[Column]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Population values (k,) of one column in several worlds, their jackknife errors over worlds, and what the other
    worlds have beside each (worlds, k)."""
    if columns[0].rows is None:
        population = pooled_linear(columns)
        left_out = [pooled_linear([*columns[:one], *columns[one + 1 :]]) for one in range(len(columns))]
    else:
        population, left_out = pooled_quantile(columns)
    others = np.array(left_out)
    count = len(columns)
    error = np.sqrt((count - 1) / count * ((others - others.mean(axis=0)) ** 2).sum(axis=0))
    return population, error, others


def pooled_linear(columns: Sequence[Column]) -> np.ndarray:
    """(k,) coefficients of the worlds laid end to end.

    The slopes are sum(A b) over sum(A), A = X'X within the effects of a world. A constant, where the column
    reports one, puts the means over all rows on the line.
    """
    has_constant = columns[0].terms[-1] == "constant"
    slopes = slice(len(columns[0].terms) - has_constant)
    # the block of the inverse is the inverse of what the constant leaves
    within = [np.linalg.inv(column.bread[slopes, slopes]) for column in columns]
    product = sum(matrix @ column.coef[slopes] for matrix, column in zip(within, columns, strict=True))
    slope = np.linalg.solve(sum(within), product)
    if not has_constant:
        return slope
    # the last row of X'X: sums of the regressors, and the number of rows
    sums = [np.linalg.inv(column.bread)[-1] for column in columns]
    regressors, rows = sum(own[:-1] for own in sums), sum(own[-1] for own in sums)
    outcome = sum(own @ column.coef for own, column in zip(sums, columns, strict=True))
    return np.append(slope, (outcome - slope @ regressors) / rows)


def pooled_quantile(columns: Sequence[Column]) -> tuple[np.ndarray, list[np.ndarray]]:
    """(k,) coefficients of a quantile regression on the rows of all worlds, and those without each world."""
    rows = np.concatenate([column.rows for column in columns])
    world = np.repeat(np.arange(len(columns)), [len(column.rows) for column in columns])
    y, x = rows[:, 0], np.column_stack([rows[:, 1:], np.ones(len(rows))])
    quantile = columns[0].quantile
    solution = solve_quantile(x, y, np.ones(len(y)), quantile)
    left_out = [
        solve_quantile(x, y, (world != one).astype(float), quantile, solution.basis).coef[:-1]
        for one in range(len(columns))
    ]
    return solution.coef[:-1], left_out
