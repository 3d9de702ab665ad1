"""`dealer-limits montecarlo`: many worlds, the paper's regressions and the diagnostics in each.

A block of worlds is one file, written under another name and then renamed: a run that was killed goes on
where it stopped, and what is finished is never computed twice. Nothing else is written per world.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dealer_limits.errors import DealerLimitsError
from dealer_limits.montecarlo.desk_panel import simulate_desk_panel
from dealer_limits.montecarlo.population import CrossProducts, cross_products, pooled, structural_effects
from dealer_limits.montecarlo.processes import worker_pool
from dealer_limits.montecarlo.registry import Row, estimate_row, read_rows
from dealer_limits.pseudo.parameters import DEFAULT_REACTION_SHARE, WORLDS, Parameters, world_parameters

# the tables whose rows are repeated, besides every diagnostic
HEADLINE_TABLES = ("2", "3", "8", "14")
FIRST_SEED = 1_000_001
STRUCTURAL_SEEDS = (4_001, 4_002, 4_003)
BLOCK = 10
LEVELS = (0.90, 0.95)
SIZE = 0.05


@dataclass(frozen=True)
class Block:
    """Estimates of some worlds: one array (worlds, k) per row of the registry, and the sums of the worlds."""

    seeds: tuple[int, ...]
    coef: list[np.ndarray]
    se: list[np.ndarray]
    df_resid: list[np.ndarray]
    sums: list[CrossProducts]
    seconds: float


def headline_rows() -> tuple[Row, ...]:
    """The rows that are repeated: the printed ones of HEADLINE_TABLES, then the diagnostics."""
    printed = tuple(row for row in read_rows() if row.table in HEADLINE_TABLES)
    return printed + read_rows("diagnostics")


def simulate_block(task: tuple[tuple[int, ...], dict[str, float], Path]) -> Path:
    """Simulate and estimate the worlds of some seeds and write them to a file."""
    seeds, parameters, path = task
    started = time.monotonic()
    rows = headline_rows()
    fits, sums = [], None
    for seed in seeds:
        panel = simulate_desk_panel(seed, parameters)
        fits.append([estimate_row(panel, row) for row in rows])
        own = [cross_products(panel, row) for row in rows]
        sums = own if sums is None else [total + more for total, more in zip(sums, own, strict=True)]
    block = Block(
        seeds,
        [np.array([world[place].coef for world in fits]) for place in range(len(rows))],
        [np.array([world[place].se for world in fits]) for place in range(len(rows))],
        [np.array([world[place].df_resid for world in fits]) for place in range(len(rows))],
        sums,
        time.monotonic() - started,
    )
    partial = path.with_suffix(".partial")
    partial.write_bytes(pickle.dumps(block))
    partial.replace(path)
    return path


def fingerprint(parameters: Parameters, rows: Sequence[Row]) -> str:
    """Names the folder of a run: blocks of other parameters or regressions are never mixed with it."""
    text = json.dumps([dict(parameters), [repr(row) for row in rows]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def run_montecarlo(
    world: str,
    reps: int,
    output: Path,
    console: Console,
    processes: int | None = None,
    reaction_share: float = DEFAULT_REACTION_SHARE,
) -> pd.DataFrame:
    """Repeat a world `reps` times (a multiple of 10) and summarise each headline row.

    Writes `montecarlo_<world>.csv` to `output`. Raises DealerLimitsError for an unknown world or other reps.
    """
    if world not in WORLDS:
        raise DealerLimitsError(f"unknown world {world}: choose from {', '.join(WORLDS)}")
    if reps < 2 * BLOCK or reps % BLOCK:
        raise DealerLimitsError(f"--reps {reps}: expected a multiple of {BLOCK}, at least {2 * BLOCK}")
    parameters = dict(world_parameters(world, reaction_share))
    rows = headline_rows()
    folder = output / "montecarlo" / f"{world}-{fingerprint(parameters, rows)}"
    folder.mkdir(parents=True, exist_ok=True)
    seeds = np.arange(FIRST_SEED, FIRST_SEED + reps).reshape(-1, BLOCK)
    paths = {folder / f"{block[0]}.block": tuple(int(seed) for seed in block) for block in seeds}
    missing = [(own, parameters, path) for path, own in paths.items() if not path.exists()]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"blocks of {world}", total=len(paths), completed=len(paths) - len(missing))
        if missing:
            with worker_pool(processes) as pool:
                for _ in pool.imap_unordered(simulate_block, missing):
                    progress.advance(task)
    blocks = [pickle.loads(path.read_bytes()) for path in paths]
    summary = summarise(blocks, rows, structural_effects(STRUCTURAL_SEEDS, parameters, rows))
    summary.insert(0, "world", world)
    summary.to_csv(output / f"montecarlo_{world}.csv", index=False, float_format="%.6g", lineterminator="\n")
    seconds = sum(block.seconds for block in blocks)
    last_seed = FIRST_SEED + reps - 1
    console.print(
        f"{reps} worlds {world}, seeds {FIRST_SEED} to {last_seed}, {seconds:.0f} processor seconds",
        highlight=False,
    )
    return summary


def summarise(
    blocks: Sequence[Block],
    rows: Sequence[Row],
    structural: dict[tuple[str, int], tuple[float, float]],
) -> pd.DataFrame:
    """One line per row and regressor.

    population: value in endless data, with its Monte Carlo error; effect_of_one_day, effect_lasting: what
    usage does; mean, bias (mean less population), rmse, mean_se; coverage of the population value by 90% and
    95% intervals; rejection: share of worlds in which a test at 5% rejects that the coefficient is zero.
    """
    from scipy import stats

    lines = []
    for place, row in enumerate(rows):
        population, error = pooled([block.sums[place] for block in blocks], row)
        coef = np.concatenate([block.coef[place] for block in blocks])
        se = np.concatenate([block.se[place] for block in blocks])
        df_resid = np.concatenate([block.df_resid[place] for block in blocks])[:, None]
        distance = np.abs(coef - population) / se
        covered = {level: distance <= stats.t.ppf((1 + level) / 2, df_resid) for level in LEVELS}
        rejected = np.abs(coef) / se > stats.t.ppf(1 - SIZE / 2, df_resid)
        one_day, lasting = structural[row.dependent, row.horizon]
        for term_place, term in enumerate(row.regressors):
            own = coef[:, term_place]
            lines.append(
                {
                    "table": row.table,
                    "panel": row.panel,
                    "column": row.column,
                    "dependent": row.dependent,
                    "horizon": row.horizon,
                    "term": term,
                    "worlds": len(own),
                    "population": population[term_place],
                    "population_error": error[term_place],
                    "effect_of_one_day": one_day,
                    "effect_lasting": lasting,
                    "mean": own.mean(),
                    "bias": own.mean() - population[term_place],
                    "rmse": np.sqrt(((own - population[term_place]) ** 2).mean()),
                    "sd": own.std(ddof=1),
                    "mean_se": se[:, term_place].mean(),
                    "coverage_90": covered[0.90][:, term_place].mean(),
                    "coverage_95": covered[0.95][:, term_place].mean(),
                    "rejection": rejected[:, term_place].mean(),
                }
            )
    return pd.DataFrame(lines)
