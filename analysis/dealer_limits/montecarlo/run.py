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
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dealer_limits.errors import DealerLimitsError
from dealer_limits.montecarlo.desk_panel import simulate_desk_panel
from dealer_limits.montecarlo.population import CrossProducts, cross_products, pooled, structural_effects
from dealer_limits.montecarlo.processes import worker_pool
from dealer_limits.montecarlo.registry import LEVELS, Row, critical_values, estimate_row, read_rows
from dealer_limits.pseudo.parameters import WORLDS, Parameters, world_parameters

# the tables whose rows are repeated, besides every diagnostic
HEADLINE_TABLES = ("2", "3", "8", "14")
FIRST_SEED = 1_000_001
STRUCTURAL_SEEDS = (4_001, 4_002, 4_003)
BLOCK = 10
# parameters of trades and of illiquidity, which no headline row sees
OF_OTHER_PARTS = ("sale_", "log_sales_", "offer_", "log_buys_", "curve_fit_", "on_the_run_", "illiquidity_")


@dataclass(frozen=True)
class Block:
    """Estimates of some worlds: one array (worlds, k) per row of the registry, and the sums of the worlds.

    critical: (worlds, 2) ends of the 90% and 95% intervals in standard errors."""

    seeds: tuple[int, ...]
    coef: list[np.ndarray]
    se: list[np.ndarray]
    critical: list[np.ndarray]
    sums: list[CrossProducts]
    seconds: float


def headline_rows() -> tuple[Row, ...]:
    """The rows that are repeated: the printed ones of HEADLINE_TABLES, then the diagnostics."""
    printed = tuple(row for row in read_rows() if row.table in HEADLINE_TABLES)
    return printed + read_rows("diagnostics")


def simulate_block(task: tuple[tuple[int, ...], dict[str, float], Path]) -> Path:
    """Simulate and estimate the worlds of some seeds and write them to a file."""
    seeds, parameters, path = task
    started = time.process_time()
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
        [np.array([critical_values(world[place], row) for world in fits]) for place, row in enumerate(rows)],
        sums,
        time.process_time() - started,
    )
    partial = path.with_suffix(".partial")
    partial.write_bytes(pickle.dumps(block))
    partial.replace(path)
    return path


def fingerprint(parameters: Parameters, rows: Sequence[Row]) -> str:
    """Twelve digits that change with the parameters of the desk panel and with the regressions."""
    own = {name: value for name, value in parameters.items() if not name.startswith(OF_OTHER_PARTS)}
    text = json.dumps([own, [repr(row) for row in rows]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def code_digest() -> str:
    """Twelve digits that change with the code: blocks of another version are never mixed with a run."""
    digest = hashlib.sha256()
    package = Path(__file__).resolve().parents[1]
    for folder in ("montecarlo", "pseudo"):
        for path in sorted((package / folder).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def run_montecarlo(
    world: str,
    reps: int,
    output: Path,
    console: Console,
    processes: int | None = None,
    block_size: int = BLOCK,
) -> pd.DataFrame:
    """Repeat a world `reps` times (a multiple of the block size) and summarise each headline row.

    Writes `montecarlo_<world>.csv` to `output` and, for `publish`, what the table cannot say to a `.json`
    beside it. Raises DealerLimitsError for an unknown world or other reps.
    """
    if world not in WORLDS:
        raise DealerLimitsError(f"unknown world {world}: choose from {', '.join(WORLDS)}")
    if reps < 2 * block_size or reps % block_size:
        raise DealerLimitsError(
            f"--reps {reps}: expected a multiple of {block_size}, at least {2 * block_size}"
        )
    parameters = dict(world_parameters(world))
    rows = headline_rows()
    folder = output / "montecarlo" / f"{world}-{fingerprint(parameters, rows)}-{code_digest()}"
    folder.mkdir(parents=True, exist_ok=True)
    seeds = np.arange(FIRST_SEED, FIRST_SEED + reps).reshape(-1, block_size)
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
    facts = {
        "world": world,
        "reps": reps,
        "first_seed": FIRST_SEED,
        "version": version("dealer-limits"),
        "parameters": fingerprint(parameters, rows),
        "processor_seconds": round(seconds),
    }
    (output / f"montecarlo_{world}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
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
    lines = []
    for place, row in enumerate(rows):
        population, error = pooled([block.sums[place] for block in blocks], row)
        coef = np.concatenate([block.coef[place] for block in blocks])
        se = np.concatenate([block.se[place] for block in blocks])
        critical = np.concatenate([block.critical[place] for block in blocks])
        distance = np.abs(coef - population) / se
        covered = [distance <= ends[:, None] for ends in critical.T]
        rejected = np.abs(coef) / se > critical[:, LEVELS.index(0.95), None]
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
                    "coverage_90": covered[0][:, term_place].mean(),
                    "coverage_95": covered[1][:, term_place].mean(),
                    "rejection": rejected[:, term_place].mean(),
                }
            )
    return pd.DataFrame(lines)
