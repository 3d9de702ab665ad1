"""What one pseudo world gives for the printed numbers: every estimate of the desk panel in long form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dealer_limits.estimation.observations import standardise
from dealer_limits.estimation.panel import fit_linear, take_out_effects
from dealer_limits.estimation.specifications import Specification, read_csv, seed_file
from dealer_limits.montecarlo.desk_panel import DeskPanel, simulate_desk_panel
from dealer_limits.montecarlo.panel_regressions import estimate_on, panel_specifications
from dealer_limits.pseudo.parameters import Parameters

# table, panel, column, term, statistic
Key = tuple[str, str, str, str, str]

ILLIQUIDITY_COLUMNS = {"a": "curve_fit_error", "b": "on_the_run_premium"}
# statistics of the printed tables that are numbers
NUMBERS = ("coef", "se", "r2", "pseudo_r2", "nobs", "mean", "sd", "p25", "p50", "p75", "count")
ILLIQUIDITY_TERMS = ("move", "limit_usage_index_residual")


@dataclass(frozen=True)
class Moments:
    """Statistics of several worlds: values is (worlds, statistics), in the order of keys."""

    keys: tuple[Key, ...]
    values: np.ndarray


def world_moments(
    seed: int, parameters: Parameters, rows: Sequence[Specification], scale: float = 1.0
) -> dict[Key, float]:
    """Every coefficient, standard error, R2 and N of the desk panel's rows, and Table 15's least squares."""
    panel = simulate_desk_panel(seed, parameters, scale)
    moments: dict[Key, float] = {}
    for row in rows:
        fit = estimate_on(panel, row)
        moments[*row.key, "", "nobs"] = float(fit.nobs)
        # two-stage least squares has none
        if "r2" in fit.measures:
            moments[*row.key, "", "r2"] = fit.measures["r2"]
        for place, term in enumerate(row.terms):
            moments[*row.key, term, "coef"] = float(fit.coef[place])
            moments[*row.key, term, "se"] = float(fit.se[place])
    return moments | illiquidity_moments(panel)


def illiquidity_moments(panel: DeskPanel) -> dict[Key, float]:
    """Column 1 of Table 15: both sides standardised over the estimation sample, robust errors (HC1)."""
    index, move = panel.market["log_limit_usage_index"], panel.market["move"]
    both = np.isfinite(index) & np.isfinite(move)
    slope, intercept = np.polyfit(move[both], index[both], 1)
    residual = index - intercept - slope * move
    moments: dict[Key, float] = {}
    for panel_name, name in ILLIQUIDITY_COLUMNS.items():
        outcome = panel.market[name]
        known = both & np.isfinite(outcome)
        columns = {"y": outcome, "move": move, "residual": residual}
        variables = {name: standardise(values[known]) for name, values in columns.items()}
        fit = fit_linear(take_out_effects(variables, np.empty((known.sum(), 0), dtype=int)), "y", ["move", "residual"])
        key = ("15", panel_name, "1")
        moments[*key, "", "nobs"] = float(fit.nobs)
        moments[*key, "", "r2"] = fit.measures["r2"]
        for place, term in enumerate(ILLIQUIDITY_TERMS):
            moments[*key, term, "coef"] = float(fit.coef[place])
            moments[*key, term, "se"] = float(fit.se[place])
    return moments


def printed_numbers() -> dict[Key, str]:
    """The printed numbers as typed: by column, term and statistic, the digits as text; in the file's order.

    Table 1 has its variable as term. Stars, and which effects a column has, are no numbers.
    """
    return {
        (row["table"], row["panel"], row["column"], row["outcome" if row["table"] == "1" else "term"],
         row["statistic"]): row["value"]
        for row in read_csv(seed_file("printed_tables"))
        if row["statistic"] in NUMBERS
    }  # fmt: skip


def _moments_of(task: tuple[int, dict[str, float], tuple[Specification, ...]]) -> dict[Key, float]:
    seed, parameters, rows = task
    return world_moments(seed, parameters, rows)


def many_moments(
    seeds: Iterable[int], parameters: Parameters, rows: Sequence[Specification] | None = None, pool=None
) -> Moments:
    """Moments of one world per seed; `pool`: a multiprocessing pool that shares the work."""
    rows = panel_specifications() if rows is None else tuple(rows)
    tasks = [(seed, dict(parameters), rows) for seed in seeds]
    worlds = pool.map(_moments_of, tasks) if pool else [_moments_of(task) for task in tasks]
    keys = tuple(worlds[0])
    return Moments(keys, np.array([[world[key] for key in keys] for world in worlds]))
