"""The fit of what no regression in logs sees: sizes of desks, the level of their P&L and the fall of March 2020, to
Table 1(a) and to the axes of Figures 1 and 2."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from dealer_limits.estimation.specifications import read_csv, seed_file
from dealer_limits.montecarlo.calibration_check import MOMENT_TARGET, half_digit
from dealer_limits.montecarlo.calibration_fit import FITTING_SEEDS, fit_in_logs, write_parameters
from dealer_limits.montecarlo.desk_panel import positions_of, shift
from dealer_limits.montecarlo.desk_panel_moments import Key, printed_numbers, summary_moments
from dealer_limits.montecarlo.processes import worker_pool
from dealer_limits.montecarlo.repeat_desk_panel import LEVEL_PARTS
from dealer_limits.project import PROJECT
from dealer_limits.pseudo.desk_roster import PRIME_DESKS, TREASURY_DESKS, TreasuryDesk
from dealer_limits.pseudo.desk_treasury import TreasuryDesks, simulate_treasury_desks
from dealer_limits.pseudo.parameters import DEFAULT_WORLD, parameter_rows, parameter_values, with_world
from dealer_limits.variables import documented

SIZES_FILE = Path(__file__).resolve().parents[1] / "pseudo" / "desk_sizes.csv"
POSITION_SIZES = ("securities_gross_bn", "securities_net_bn", "derivatives_gross_bn", "net_bn")
BILLION, MILLION = 1e9, 1e6
# a size that doubles weighs as a third of a miss: of fits as good the one that moves least
WEIGHT_OF_SIZES = 0.45
# those whose axes are met; of the others an axis is out of reach (docs/deviations.md) or of trades
FIGURES = ("1", "2")


def level_moments(treasury: TreasuryDesks) -> dict[Key, float]:
    """Table 1(a) of one world, but for the leverage ratio, and what the axes of Figures 1 and 2 let one read."""
    limit = shift(np.where(treasury.has_usage, treasury.limit, np.nan), -1)
    profit = treasury.pnl_new + treasury.pnl_existing
    var = np.where(treasury.reported_var > 0, treasury.reported_var, np.nan)
    variables = {name: values / BILLION for name, values in positions_of(treasury).items()}
    variables |= {
        "var": treasury.reported_var / MILLION,
        "var_limit": np.where(treasury.has_usage, treasury.limit, np.nan) / MILLION,
        "limit_usage": treasury.reported_var / limit,
        "pnl_total": profit / MILLION,
        "pnl_total_to_var": profit / var,
    }
    moments = summary_moments("a", variables)
    return moments | {("figure", *key): value for key, value in _figures(treasury).items()}


def _figures(treasury: TreasuryDesks) -> dict[tuple[str, str, str, str], float]:
    """As `fct_figure_measure` has them."""
    constants, prime = documented(PROJECT), slice(0, len(PRIME_DESKS))
    total = np.nansum(positions_of(treasury)["net_securities_position"][:, prime], axis=1)
    start, end = (pd.Timestamp(str(constants[name])) for name in ("stress_start", "stress_end"))
    index = pd.Series(total, treasury.days)
    index = 100 * index / index[start]
    half_year = index[(index.index.year == start.year) & ((index.index.month <= 6) == (start.month <= 6))]
    usage = np.nanmean(treasury.usage[1:, prime], axis=1)
    found = {
        ("1", "index_lowest"): half_year.min(),
        ("1", "index_highest"): half_year.max(),
        ("1", "index_at_stress_end"): index[end],
        ("2", "usage_highest"): usage.max(),
    }
    return {(figure, "", measure, "level"): float(value) for (figure, measure), value in found.items()}


def level_targets() -> dict[Key, tuple[float, float]]:
    """What moments are to be, and how far off is a miss: of figures the middle of what an axis leaves open, and half of
    it."""
    targets = {
        key: (float(text), MOMENT_TARGET * abs(float(text)) + half_digit(text))
        for key, text in printed_numbers().items()
        if key[:2] == ("1", "a") and key[-1] != "count" and key[3] != "slr_distance"
    }
    for row in read_csv(seed_file("printed_figures")):
        if row["figure"] in FIGURES:
            low, high = float(row["printed_low"]), float(row["printed_high"])
            targets["figure", row["figure"], "", row["measure"], "level"] = ((low + high) / 2, (high - low) / 2)
    return targets


def sized_desks(log_factors: np.ndarray) -> tuple[TreasuryDesk, ...]:
    """The roster with positions of other sizes: those of a prime desk all by one factor, which leaves its logs as they
    are; of further desks each by its own. The steady desks, of which Figure 1 is made, keep theirs."""
    left = iter(np.exp(log_factors))
    desks = []
    for desk in TREASURY_DESKS:
        if desk.is_prime and desk.volatility < 1:
            factors = [1.0] * len(POSITION_SIZES)
        elif desk.is_prime:
            factors = [next(left)] * len(POSITION_SIZES)
        else:
            factors = [next(left) for _ in POSITION_SIZES]
        sizes = zip(POSITION_SIZES, factors, strict=True)
        desks.append(replace(desk, **{name: getattr(desk, name) * factor for name, factor in sizes}))
    return tuple(desks)


def _free_sizes() -> int:
    prime = sum(desk.is_prime and desk.volatility >= 1 for desk in TREASURY_DESKS)
    return prime + len(POSITION_SIZES) * sum(not desk.is_prime for desk in TREASURY_DESKS)


def _moments_of(seed: int, values: dict[str, float], log_sizes: tuple[float, ...]) -> dict[Key, float]:
    parameters = with_world(values, DEFAULT_WORLD)
    return level_moments(simulate_treasury_desks(seed, parameters, sized=_sized(log_sizes)))


@cache
def _sized(log_sizes: tuple[float, ...]) -> tuple[TreasuryDesk, ...]:
    return sized_desks(np.array(log_sizes))


def fit_levels(console: Console, seeds: Sequence[int] = FITTING_SEEDS, evaluations: int = 3) -> None:
    """Fit sizes and the parameters of levels and write both back to their files.

    As in `fit_parameters`: least squares in logs, on the same seeds in every step.
    """
    start = parameter_values()
    fitted = [row.parameter for row in parameter_rows() if row.is_fitted and row.parameter in LEVEL_PARTS]
    targets, sizes = level_targets(), _free_sizes()

    def parameters(log_factors: np.ndarray) -> dict[str, float]:
        factors = np.exp(log_factors[sizes:])
        return start | {name: start[name] * factor for name, factor in zip(fitted, factors, strict=True)}

    with worker_pool() as pool:

        def distances(log_factors: np.ndarray) -> np.ndarray:
            log_sizes = tuple(log_factors[:sizes].tolist())
            worlds = pool.map(partial(_moments_of, values=parameters(log_factors), log_sizes=log_sizes), seeds)
            off = [
                (np.mean([world[key] for world in worlds]) - wanted) / miss for key, (wanted, miss) in targets.items()
            ]
            return np.r_[off, WEIGHT_OF_SIZES * log_factors[:sizes]]

        def keep_step(log_factors: np.ndarray, base: np.ndarray) -> None:
            hits = (np.abs(base[: len(targets)]) <= 1).sum()
            console.print(f"levels: {hits} of {len(targets)} within target", highlight=False)
            write_levels(parameters(log_factors), log_factors[:sizes])

        found = fit_in_logs(distances, sizes + len(fitted), keep_step, evaluations)
    write_levels(parameters(found), found[:sizes])


def write_levels(values: dict[str, float], log_sizes: np.ndarray) -> None:
    """Put parameters and, of two digits, sizes into their files."""
    write_parameters(values)
    names = ("mpid", "name", "limit_mn", "usage", *POSITION_SIZES)
    with SIZES_FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for desk in sized_desks(log_sizes):
            sizes = (float(f"{getattr(desk, name):.2g}") for name in POSITION_SIZES)
            writer.writerow((*(getattr(desk, name) for name in names[:2]), f"{desk.limit_mn:g}", f"{desk.usage:g}",
                             *(f"{size:g}" for size in sizes)))  # fmt: skip
