"""What one pseudo world gives for the printed numbers: every estimate of the desk panel in long form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dealer_limits.estimation.specifications import Specification, read_csv, seed_file
from dealer_limits.montecarlo.desk_panel import simulate_desk_panel
from dealer_limits.montecarlo.panel_regressions import estimate_on, panel_specifications
from dealer_limits.pseudo.parameters import Parameters

# table, panel, column, term, statistic
Key = tuple[str, str, str, str, str]

# statistics of the printed tables that are numbers
NUMBERS = ("coef", "se", "r2", "pseudo_r2", "nobs", "mean", "sd", "p25", "p50", "p75", "count")
QUARTILES = {"p25": 25, "p50": 50, "p75": 75}


@dataclass(frozen=True)
class Moments:
    """Statistics of several worlds: values is (worlds, statistics), in the order of keys."""

    keys: tuple[Key, ...]
    values: np.ndarray


def world_moments(
    seed: int, parameters: Parameters, rows: Sequence[Specification], scale: float = 1.0
) -> dict[Key, float]:
    """Every coefficient, standard error, R2 and N of the desk panel's rows."""
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
    return moments


def summary_moments(panel: str, variables: Mapping[str, np.ndarray]) -> dict[Key, float]:
    """A panel of Table 1: count, mean, standard deviation and quartiles of what is known of each variable."""
    moments: dict[Key, float] = {}
    for name, values in variables.items():
        known = values[np.isfinite(values)]
        key = ("1", panel, "", name)
        moments |= {(*key, "count"): float(len(known)), (*key, "mean"): known.mean(), (*key, "sd"): known.std(ddof=1)}
        moments |= {(*key, quartile): float(np.percentile(known, at)) for quartile, at in QUARTILES.items()}
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
