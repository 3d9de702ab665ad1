"""`dealer-limits montecarlo`: many worlds, the regressions of the desk panel and the diagnostics in each.

Population values come from histories of their own, so that what estimates are compared with does not know
them. A block of worlds is one file: a run that was killed goes on where it stopped. Nothing else is written
per world.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.methods import Method
from dealer_limits.estimation.specifications import Specification
from dealer_limits.montecarlo.desk_panel import simulate_desk_panel
from dealer_limits.montecarlo.panel_regressions import (
    LEVELS,
    critical_values,
    estimate_twice,
    panel_specifications,
    read_methods,
)
from dealer_limits.montecarlo.population import CrossProducts, cross_products, pooled, structural_effects
from dealer_limits.montecarlo.processes import code_of, digest, finish, keep
from dealer_limits.pseudo.parameters import WORLDS, Parameters, world_parameters

FIRST_SEED = 1_000_001
# the histories behind the population values, and how many: their error is a seventeenth of an estimate's
FIRST_HISTORY = 2_000_001
HISTORIES = 300
STRUCTURAL_SEEDS = (4_001, 4_002, 4_003)
# regressors in log points of usage, for which an effect of usage can be said, and those that change nothing
LOG_USAGE = (
    "log_limit_usage", "fitted_log_limit_usage", "log_limit_usage_lag", "log_limit_usage_ahead",
    "log_var", "negative_log_var_limit_lag", "log_var_limit_change",
)  # fmt: skip
NOT_REACTED_TO = ("lagged_slr_distance", "log_limit_usage_x_lagged_slr_distance", "log_dv01_limit_usage")
BLOCK = 10
# starts of the names of parameters of trades
TRADE_PARTS = ("sale_", "log_sales_", "offer_", "log_buys_", "other_sales_")
# and of illiquidity
ILLIQUIDITY_PARTS = ("curve_fit_error_", "on_the_run_premium_")
# and of levels, which logs leave out
LEVEL_PARTS = ("exit_reaction", "further_desks_profit_size", "further_desks_profits")
# trades and illiquidity are seen by no row of the desk panel
OF_OTHER_PARTS = (*TRADE_PARTS, *ILLIQUIDITY_PARTS)

Task = tuple[tuple[int, ...], dict[str, float], Path]


@dataclass(frozen=True)
class Block:
    """Estimates of some worlds: one array (worlds, k) per row of the registry.

    critical: (worlds, 2) ends of the 90% and 95% intervals in standard errors. safe_se, safe_critical: with the
    recommended errors."""

    coef: list[np.ndarray]
    se: list[np.ndarray]
    critical: list[np.ndarray]
    safe_se: list[np.ndarray]
    safe_critical: list[np.ndarray]
    seconds: float


def panel_rows() -> tuple[Specification, ...]:
    """The rows that are repeated: the printed ones of the desk panel, then the diagnostics."""
    return panel_specifications("specifications", "diagnostics")


def recommended_of(row: Specification) -> Method | None:
    """The recommended errors of a row; none where these are its own."""
    (method,) = read_methods().only_recommended().of[row.observations, row.kind]
    return None if method.covariance == row.covariance else method


def estimate_block(task: Task) -> None:
    """Simulate and estimate the worlds of some seeds and write them to a file."""
    seeds, parameters, path = task
    started = time.process_time()
    rows = {row: recommended_of(row) for row in panel_rows()}
    fits = []
    for seed in seeds:
        panel = simulate_desk_panel(seed, parameters)
        fits.append([estimate_twice(panel, row, method) for row, method in rows.items()])
    by_row = list(zip(*fits, strict=True))
    block = Block(
        [np.array([fit.coef for fit, _ in worlds]) for worlds in by_row],
        [np.array([fit.se for fit, _ in worlds]) for worlds in by_row],
        [np.array([critical_values(fit) for fit, _ in worlds]) for worlds in by_row],
        [np.array([safe.se for _, safe in worlds]) for worlds in by_row],
        [np.array([critical_values(safe) for _, safe in worlds]) for worlds in by_row],
        time.process_time() - started,
    )
    keep(block, path)


def add_up_block(task: Task) -> None:
    """Simulate the histories of some seeds and write the sums that population values need."""
    seeds, parameters, path = task
    rows = panel_rows()
    sums = None
    for seed in seeds:
        panel = simulate_desk_panel(seed, parameters)
        own = [cross_products(panel, row) for row in rows]
        sums = own if sums is None else [total + more for total, more in zip(sums, own, strict=True)]
    keep(sums, path)


def fingerprint(parameters: Parameters, rows: Sequence[Specification]) -> str:
    """Twelve digits that change with the parameters of the desk panel and with the regressions."""
    own = {name: value for name, value in sorted(parameters.items()) if not name.startswith(OF_OTHER_PARTS)}
    text = json.dumps([own, [(row.key, row.sample, row.horizon, row.variables, row.absorb) for row in rows]])
    return digest((), text)


def run_montecarlo(
    world: str,
    reps: int,
    output: Path,
    console: Console,
    processes: int | None = None,
    block_size: int = BLOCK,
    histories: int = HISTORIES,
    structural_seeds: Sequence[int] = STRUCTURAL_SEEDS,
) -> pd.DataFrame:
    """Repeat a world `reps` times (a multiple of the block size) and summarise each row of the desk panel.

    Writes `montecarlo_<world>.csv` to `output` and, for `publish`, what the table cannot say to a `.json`
    beside it. Raises DealerLimitsError for an unknown world or other reps.
    """
    blocks = repeat_world(world, reps, output, console, processes, block_size)
    parameters = dict(world_parameters(world))
    rows = panel_rows()
    histories_of = _tasks(world, FIRST_HISTORY, histories, output, block_size)
    sums = finish(add_up_block, histories_of, f"histories of {world}", console, processes)
    summary = summarise(blocks, sums, rows, structural_effects(structural_seeds, parameters, rows))
    summary.insert(0, "world", world)
    summary.to_csv(output / f"montecarlo_{world}.csv", index=False, float_format="%.6g", lineterminator="\n")
    seconds = sum(block.seconds for block in blocks)
    last_seed = FIRST_SEED + reps - 1
    facts = {
        "world": world,
        "reps": reps,
        "first_seed": FIRST_SEED,
        "histories": histories,
        "first_history": FIRST_HISTORY,
        "version": version("dealer-limits"),
        "parameters": fingerprint(parameters, rows),
        "processor_seconds": round(seconds),
    }
    (output / f"montecarlo_{world}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    console.print(
        f"{reps} worlds {world}, seeds {FIRST_SEED} to {last_seed}, {seconds:.0f} processor seconds", highlight=False
    )
    return summary


def repeat_world(
    world: str, reps: int, output: Path, console: Console, processes: int | None = None, block_size: int = BLOCK
) -> list[Block]:
    """Estimates of `reps` worlds of one kind in blocks, in the order of their seeds; those that are finished are read.

    Raises DealerLimitsError for an unknown world, or reps that are no multiple of the block size.
    """
    if world not in WORLDS:
        raise DealerLimitsError(f"unknown world {world}: choose from {', '.join(WORLDS)}")
    if reps < 2 * block_size or reps % block_size:
        raise DealerLimitsError(f"--reps {reps}: expected a multiple of {block_size}, at least {2 * block_size}")
    tasks = _tasks(world, FIRST_SEED, reps, output, block_size)
    return finish(estimate_block, tasks, f"blocks of {world}", console, processes)


def _tasks(world: str, first: int, count: int, output: Path, block_size: int) -> dict[Path, tuple]:
    """By file, the seeds of a block and the world's parameters; files of two versions of the code are never mixed."""
    parameters = dict(world_parameters(world))
    code = digest(code_of("montecarlo", "pseudo", "estimation"))
    folder = output / "montecarlo" / f"{world}-{fingerprint(parameters, panel_rows())}-{code}"
    folder.mkdir(parents=True, exist_ok=True)
    seeds = np.arange(first, first + count).reshape(-1, block_size)
    return {folder / f"{own[0]}.block": (tuple(int(seed) for seed in own), parameters) for own in seeds}


def summarise(
    blocks: Sequence[Block],
    sums: Sequence[Sequence[CrossProducts]],
    rows: Sequence[Specification],
    structural: dict[tuple[str, int, str], tuple[float, float]],
) -> pd.DataFrame:
    """One line per row and regressor.

    population: value in endless data, with its Monte Carlo error; effect_of_one_day, effect_lasting: what a
    log point of usage does, nan beside a regressor in another unit; mean, bias (mean less population), rmse,
    mean_se; coverage of the population value by 90% and 95% intervals; rejection: share of worlds in which a
    test at 5% rejects that the coefficient is zero; the name of the recommended errors, coverage and rejection
    with these, of a row whose own are others.
    """
    lines = []
    for place, row in enumerate(rows):
        population, error = pooled([block[place] for block in sums], row)
        coef = np.concatenate([block.coef[place] for block in blocks])
        se = np.concatenate([block.se[place] for block in blocks])
        critical = np.concatenate([block.critical[place] for block in blocks])
        distance = np.abs(coef - population) / se
        covered = [distance <= ends[:, None] for ends in critical.T]
        at_95 = LEVELS.index(0.95)
        rejected = np.abs(coef) / se > critical[:, at_95, None]
        recommended = recommended_of(row)
        safe_se = np.concatenate([block.safe_se[place] for block in blocks])
        safe_ends = safe_se * np.concatenate([block.safe_critical[place] for block in blocks])[:, at_95, None]
        safe_covered, safe_rejected = np.abs(coef - population) <= safe_ends, np.abs(coef) > safe_ends
        for term_place, term in enumerate(row.terms):
            own = coef[:, term_place]
            one_day = lasting = 0.0 if term in NOT_REACTED_TO else np.nan
            if term in LOG_USAGE:
                one_day, lasting = structural[row.dependent, row.horizon, row.sample]
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
                    "coverage_90": covered[0][:, term_place].mean(),
                    "coverage_95": covered[1][:, term_place].mean(),
                    "rejection": rejected[:, term_place].mean(),
                    "recommended": recommended.covariance if recommended else "",
                    "coverage_95_recommended": safe_covered[:, term_place].mean() if recommended else np.nan,
                    "rejection_recommended": safe_rejected[:, term_place].mean() if recommended else np.nan,
                }
            )
    return pd.DataFrame(lines)
