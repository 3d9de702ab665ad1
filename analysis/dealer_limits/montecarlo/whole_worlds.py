"""Whole worlds: raw files, the marts and every estimate of the paper's tables, once per seed.

What the desk panel in memory lacks is here: Table 1, the trade tables and the quantile columns, each through
the files, the models and the estimators that real data take. A finished world is one small file: a run that
was killed goes on where it stopped.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.inference import infer_columns
from dealer_limits.estimation.methods import Methods, load_methods
from dealer_limits.estimation.observations import complete_rows, read_rows, variables_of
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import estimate, long_rows, summary_statistics
from dealer_limits.estimation.specifications import Specification, load_registry
from dealer_limits.matching.comparisons import read_comparisons
from dealer_limits.matching.judgement import precision_and_recall, reliability, true_sets
from dealer_limits.matching.weights import learn
from dealer_limits.montecarlo.desk_panel_moments import Key
from dealer_limits.montecarlo.processes import PACKAGE, code_of, digest, finish, keep
from dealer_limits.project import PROJECT
from dealer_limits.pseudo.parameters import WORLDS, world_parameters
from dealer_limits.pseudo.world import write_world
from dealer_limits.variables import documented
from dealer_limits.warehouse import open_warehouse

FIRST_SEED = 9_001
# a world holds up to 2 GB at its peak
PROCESSES = 2
# tables that the desk panel in memory does not give: what pooling their columns needs is kept
POOLED_TABLES = ("11", "12", "13", "15")
# what estimation reads, besides the seeds of the registry
READ = ("observations", "fct_summary_statistics", "fct_figure_measure")
# and what weights of the match are learned from, and judged by
WEIGHED = ("int_soma_weighed_trades", "int_soma_weighed_sets", "qc_weighed_trades_judged", "qc_awards_judged")
REGISTRY_SEEDS = ("printed_tables", "specifications", "covariances")
# by which files of the project a world comes to be what it is
PROJECT_FILES = ("dbt_project.yml", "macros/*.sql", "models/**/*.sql", "models/**/*.yml", "seeds/*.*")
# written by this package or printed: no world depends on them
OTHER_SEEDS = (
    "montecarlo.csv",
    "montecarlo_figures.csv",
    "covariance_coverage.csv",
    "diagnostics.csv",
    "printed_tables.csv",
)
LONGEST_MESSAGE = 300
# an error of 200 draws is good to 5%, its mean over twenty worlds to 1%
BOOTSTRAP = Bootstrap(draws=200)


@dataclass(frozen=True)
class Column:
    """One column of Tables 11, 12, 13 or 15 in one world.

    coef, se, p: (k,) of `terms`. interval: (2, k) ends of 95%. recommended: the name of the recommended errors;
    safe_p (k,) and safe_interval (2, k) with these, nan of a constant that they do not have. bread: (k, k) of a linear
    column, as in `estimate.panel.Parts`. rows: (n, 1 + k) standardised outcome and regressors of a quantile column,
    and its quantile.
    """

    key: tuple[str, str, str]
    dependent: str
    terms: tuple[str, ...]
    coef: np.ndarray
    se: np.ndarray
    p: np.ndarray
    interval: np.ndarray
    recommended: str
    safe_p: np.ndarray
    safe_interval: np.ndarray
    bread: np.ndarray | None = None
    rows: np.ndarray | None = None
    quantile: float | None = None


@dataclass(frozen=True)
class WholeWorld:
    """Every estimate of one world in long form, the columns to be pooled, what figures are told by, by figure and
    measure, how right the weights of the match are (`judgement.reliability`, `judgement.precision_and_recall`), and
    processor seconds."""

    seed: int
    numbers: dict[Key, float]
    columns: tuple[Column, ...]
    figures: dict[tuple[str, str], float]
    seconds: float
    reliability: pd.DataFrame = field(default_factory=pd.DataFrame)
    precision: pd.DataFrame = field(default_factory=pd.DataFrame)


def run_worlds(
    world: str,
    seeds: Sequence[int],
    output: Path,
    console: Console,
    scale: float = 1.0,
    bootstrap: Bootstrap = BOOTSTRAP,
    processes: int = PROCESSES,
) -> list[WholeWorld]:
    """One world per seed, in the order of the seeds; those that are finished in `output` are read.

    Raises DealerLimitsError for an unknown world, and where a world cannot be built or estimated.
    """
    if world not in WORLDS:
        raise DealerLimitsError(f"unknown world {world}: choose from {', '.join(WORLDS)}")
    folder = output / "whole_worlds" / f"{world}-{fingerprint(world)}-{pipeline_digest(scale, bootstrap)}"
    folder.mkdir(parents=True, exist_ok=True)
    tasks = {folder / f"{seed}.world": (seed, world, scale, bootstrap) for seed in seeds}
    worlds = finish(simulate_world, tasks, f"whole worlds {world}", console, processes)
    for unfinished in folder.glob("*.building"):
        shutil.rmtree(unfinished)
    return worlds


def simulate_world(task: tuple[int, str, float, Bootstrap, Path]) -> Path:
    """Write, build and estimate the world of one seed, in a folder that no other process has.

    Raw files and warehouse are removed again. What dbt made of the project is kept for the next world of this
    process: nothing in it differs but the time that it takes.
    """
    seed, world, scale, bootstrap, path = task
    started = processor_seconds()
    folder = path.parent.absolute() / f"{multiprocessing.current_process().name}.building"
    data, warehouse = folder / "data", folder / "warehouse"
    # of a run that was killed
    for part in (data, warehouse):
        shutil.rmtree(part, ignore_errors=True)
    try:
        write_world(data, seed, scale, lambda step: None, world)
        marts = build_marts(data / "raw", folder)
        numbers, columns = estimate_world(marts, bootstrap)
        figures = read_figures(marts)
        judged = judge_weights(marts)
    except DealerLimitsError as error:
        raise DealerLimitsError(f"world {world}, seed {seed}: {error}") from error
    finally:
        for part in (data, warehouse):
            shutil.rmtree(part, ignore_errors=True)
    finished = WholeWorld(seed, numbers, columns, figures, processor_seconds() - started, *judged)
    keep(finished, path)
    return path


def build_marts(raw: Path, folder: Path) -> Path:
    """Build the marts of some raw files in `folder`/warehouse, by dbt in a process of its own.

    Returns the file of the build. Raises DealerLimitsError with what dbt says, in one line.
    """
    settings = {name: value for name, value in os.environ.items() if not name.startswith("RAW_DATA")}
    settings |= {
        "RAW_DATA": str(raw),
        "WAREHOUSE_DIR": str(folder / "warehouse"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_PROJECT_DIR": str(PROJECT),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }
    command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "--log-level-file", "none"]
    command += ["--no-write-json", "build", "--threads", "1"]
    # no tests: those of the marts are left to builds
    command += ["--resource-type", "model", "--resource-type", "seed"]
    command += ["--select", *REGISTRY_SEEDS, *(f"+{node}" for node in (*READ, *WEIGHED))]
    finished = subprocess.run(
        command, cwd=PROJECT, env=settings, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if finished.returncode:
        said = " ".join((finished.stdout.strip() or finished.stderr).split())
        raise DealerLimitsError(f"dbt failed: {said[:LONGEST_MESSAGE]}")
    return folder / "warehouse" / "build" / "dealer_limits.duckdb"


def estimate_world(warehouse: Path, bootstrap: Bootstrap) -> tuple[dict[Key, float], tuple[Column, ...]]:
    """Tables 1 to 15 of a warehouse in long form, and the columns of POOLED_TABLES.

    Raises DealerLimitsError where a mart is missing or a printed column cannot be estimated.
    """
    numbers: dict[Key, float] = {}
    columns = []
    with open_warehouse(warehouse) as connection:
        registry, methods = load_registry(connection), load_methods(connection)
        safe = _recommended(connection, registry.of_tables(POOLED_TABLES), methods, bootstrap)
        numbers |= {row[:5]: row[5] for row in summary_statistics(connection)}
        for spec, fit in estimate(connection, registry, registry.specifications, bootstrap, "arrays"):
            if isinstance(fit, str):
                raise DealerLimitsError(f"{spec.label} cannot be estimated: {fit}")
            numbers |= {row[:5]: row[5] for row in long_rows(spec, fit)}
            if spec.table not in POOLED_TABLES:
                continue
            estimates = (spec.key, spec.dependent, spec.coefficients, fit.coef, fit.se, fit.p)
            estimates += (np.array([fit.ci_low, fit.ci_high]), *safe[spec])
            if spec.kind == "quantile":
                quantile = spec.estimator.partition(":")[2]
                read = read_rows(connection, [spec])
                variables = variables_of(read, [spec], complete_rows(read, spec)).levels
                names = (spec.dependent, *spec.regressors)
                rows = np.column_stack([variables[name] for name in names])
                columns.append(Column(*estimates, rows=rows, quantile=float(quantile)))
            else:
                columns.append(Column(*estimates, bread=fit.parts.bread))
    return numbers, tuple(sorted(columns, key=lambda column: (int(column.key[0]), *column.key[1:])))


def _recommended(
    connection: duckdb.DuckDBPyConnection, specs: Sequence[Specification], methods: Methods, bootstrap: Bootstrap
) -> dict[Specification, tuple[str, np.ndarray, np.ndarray]]:
    """The name of the recommended errors of each column, p-values (k,) and intervals (2, k) with these."""
    found = {}
    for spec, inferred in infer_columns(connection, specs, methods.only_recommended(), bootstrap):
        p, interval = np.full(len(spec.coefficients), np.nan), np.full((2, len(spec.coefficients)), np.nan)
        for row in inferred.rows:
            place = spec.coefficients.index(row.term)
            p[place], interval[:, place] = row.p, (row.ci_low, row.ci_high)
        found[spec] = (methods.recommended_for(spec.observations, spec.kind), p, interval)
    return found


def judge_weights(warehouse: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reliability of the weights of the match, and precision and recall, beside the truth of the world."""
    with open_warehouse(warehouse) as connection:
        comparisons = read_comparisons(connection)
        weights = learn(comparisons).weights
        right, filled = true_sets(connection, comparisons)
        rule = str(documented(PROJECT)["matching_rule"])
        precision = precision_and_recall(connection, comparisons, weights, filled, rule)
        return reliability(comparisons, weights, right, filled), precision


def read_figures(warehouse: Path) -> dict[tuple[str, str], float]:
    """What the figures of a warehouse are told by, by figure and measure."""
    with open_warehouse(warehouse) as connection:
        rows = connection.execute("select figure, measure, level from marts.fct_figure_measure order by all").fetchall()
    return {(figure, measure): level for figure, measure, level in rows}


def fingerprint(world: str) -> str:
    """Twelve digits that change with any parameter of a world."""
    text = json.dumps(dict(world_parameters(world)), sort_keys=True)
    return digest((), text)


def pipeline_digest(scale: float, bootstrap: Bootstrap) -> str:
    """Twelve digits that change with the code behind a world: worlds of two versions are never mixed."""
    return digest(_sources(), f"{scale} {bootstrap}")


def _sources() -> Iterable[Path]:
    yield Path(__file__).resolve()
    yield PACKAGE / "bond_calendar.py"
    yield from code_of("pseudo", "estimation", "matching")
    for pattern in PROJECT_FILES:
        yield from (path for path in sorted(PROJECT.glob(pattern)) if path.name not in OTHER_SEEDS)


def processor_seconds() -> float:
    """Of this process and of those that it has waited for."""
    return sum(os.times()[:4])
