"""The fit of the trade parameters: the event study in memory beside Tables 1(b), 11 and 13 and Figure 5."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial

import numpy as np
import pandas as pd
from rich.console import Console

from dealer_limits.montecarlo.calibration_check import half_digit
from dealer_limits.montecarlo.calibration_fit import (
    FITTING_SEEDS,
    estimate_distances,
    fit_in_logs,
    write_parameters,
)
from dealer_limits.montecarlo.desk_panel_moments import Key, printed_numbers
from dealer_limits.montecarlo.event_study_panel import (
    event_study_moments,
    event_study_specifications,
    high_and_low,
    simulate_event_study,
)
from dealer_limits.montecarlo.processes import worker_pool
from dealer_limits.montecarlo.repeat_desk_panel import TRADE_PARTS
from dealer_limits.pseudo.desks import simulate_desk_world
from dealer_limits.pseudo.parameters import DEFAULT_WORLD, parameter_rows, parameter_values, with_world

# a miss of Table 1(b) that counts as one: relative, and in log points for the level of a log
MOMENT_SCALE = 0.05
# few dealers and days explain the event study: its R2 are what fits worst, and would drown the rest
TRADE_R2_SCALE = 0.03
# Figure 5's axis is labelled by 100s and ends at 500: the higher line ends between 400 and 500 ($ billions)
HIGHEST_LINE_USD_BN, AXIS_PRECISION_USD_BN = 450.0, 50.0
FIGURE_5: Key = ("figure 5", "", "", "high_sales_usd_bn", "end")


@cache
def firm_usage(seed: int) -> pd.DataFrame:
    """Usage of the firms of a seed's desks, which no trade parameter moves."""
    return simulate_desk_world(seed, 1.0, with_world(parameter_values(), DEFAULT_WORLD)).firm_usage


def moments_of(seed: int, values: dict[str, float]) -> dict[Key, float]:
    """What the fit compares with print, of one seed."""
    study = simulate_event_study(seed, firm_usage(seed), with_world(values, DEFAULT_WORLD))
    moments = event_study_moments(study, event_study_specifications())
    return moments | {FIGURE_5: high_and_low(study)["high_sales_usd_bn"]}


def trade_distances(mean: dict[Key, float], printed: dict[Key, str]) -> dict[Key, float]:
    """Distances of mean estimates from the printed numbers, and from the axis of Figure 5."""
    distances = {FIGURE_5: (mean[FIGURE_5] - HIGHEST_LINE_USD_BN) / AXIS_PRECISION_USD_BN}
    distances |= estimate_distances(mean, printed, TRADE_R2_SCALE)
    for key, value in mean.items():
        if key in printed and key[-1] in ("mean", "p25", "p50", "p75", "sd"):
            number = float(printed[key])
            is_level_of_log = key[3].startswith("log_") and key[-1] != "sd"
            scale = MOMENT_SCALE * (1.0 if is_level_of_log else abs(number))
            distances[key] = (value - number) / (scale + half_digit(printed[key]))
    return distances


def fit_trade_parameters(console: Console, seeds: Sequence[int] = FITTING_SEEDS, evaluations: int = 4) -> None:
    """Fit the trade parameters marked so and write them back to the parameter file.

    As in `fit_parameters`: least squares in logs of the parameters, on the same seeds in every step.
    """
    start = parameter_values()
    fitted = [row.parameter for row in parameter_rows() if row.is_fitted and row.parameter.startswith(TRADE_PARTS)]
    printed = printed_numbers()

    def parameters(log_factors: np.ndarray) -> dict[str, float]:
        return start | {name: start[name] * np.exp(factor) for name, factor in zip(fitted, log_factors, strict=True)}

    with worker_pool() as pool:

        def distances(log_factors: np.ndarray) -> np.ndarray:
            worlds = pool.map(partial(moments_of, values=parameters(log_factors)), seeds)
            mean = {key: float(np.mean([world[key] for world in worlds])) for key in worlds[0]}
            return np.array(list(trade_distances(mean, printed).values()))

        def keep_step(log_factors: np.ndarray, base: np.ndarray) -> None:
            console.print(f"trades: mean square distance {np.square(base).mean():.3f}", highlight=False)
            write_parameters(parameters(log_factors))

        write_parameters(parameters(fit_in_logs(distances, len(fitted), keep_step, evaluations)))
