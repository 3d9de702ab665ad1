"""The fit of the parameters of illiquidity: all columns of Table 15, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial

import numpy as np
from rich.console import Console

from dealer_limits.estimation.observations import standardise
from dealer_limits.estimation.panel import take_out_effects
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import fit_column
from dealer_limits.estimation.specifications import Specification, read_specifications, seed_file
from dealer_limits.montecarlo.calibration_fit import (
    FITTING_SEEDS,
    estimate_distances,
    fit_in_logs,
    write_parameters,
)
from dealer_limits.montecarlo.desk_panel_moments import Key, printed_numbers
from dealer_limits.montecarlo.processes import worker_pool
from dealer_limits.montecarlo.repeat_desk_panel import ILLIQUIDITY_PARTS
from dealer_limits.pseudo.desk_paths import Market
from dealer_limits.pseudo.desk_treasury import simulate_treasury_desks
from dealer_limits.pseudo.market import limit_usage_index, simulate_market_series
from dealer_limits.pseudo.parameters import DEFAULT_WORLD, parameter_rows, parameter_values, with_world

# a miss of R2 that counts as one, and draws of the bootstrap: errors are good to 9%, their mean over the seeds to 3%
ILLIQUIDITY_R2_SCALE = 0.02
DRAWS = Bootstrap(draws=60)


def illiquidity_specifications() -> tuple[Specification, ...]:
    """The rows of Table 15."""
    return tuple(spec for spec in read_specifications(seed_file("specifications")) if spec.table == "15")


@cache
def market_and_index(seed: int) -> tuple[Market, np.ndarray]:
    """A seed's market and (T,) limit-usage index, which no parameter of illiquidity moves."""
    treasury = simulate_treasury_desks(seed, with_world(parameter_values(), DEFAULT_WORLD))
    return treasury.market, limit_usage_index(treasury)


def illiquidity_numbers(seed: int, values: dict[str, float], draws: Bootstrap = DRAWS) -> dict[Key, float]:
    """Table 15 of one seed in long form, as its regressions have it: both sides standardised over their sample."""
    market, index = market_and_index(seed)
    series = simulate_market_series(seed, market, index, with_world(values, DEFAULT_WORLD))
    days = market.days
    move = series.move.set_index("date")["move"].reindex(days).to_numpy()
    both = np.isfinite(index) & np.isfinite(move)
    slope, intercept = np.polyfit(move[both], index[both], 1)
    numbers: dict[Key, float] = {}
    for spec in illiquidity_specifications():
        measure = getattr(series, spec.dependent)
        outcome = measure.set_index("date").iloc[:, 0].reindex(days).to_numpy()
        known = both & np.isfinite(outcome)
        sides = (spec.dependent, *spec.regressors)
        variables = {
            name: standardise(side[known])
            for name, side in zip(sides, (outcome, move, index - intercept - slope * move), strict=True)
        }
        fit = fit_column(take_out_effects(variables, np.empty((known.sum(), 0), dtype=int)), spec, draws)
        numbers |= {(*spec.key, "", name): value for name, value in fit.measures.items()}
        for place, term in enumerate(spec.coefficients):
            numbers[*spec.key, term, "coef"] = float(fit.coef[place])
            numbers[*spec.key, term, "se"] = float(fit.se[place])
    return numbers


def fit_illiquidity_parameters(console: Console, seeds: Sequence[int] = FITTING_SEEDS, evaluations: int = 4) -> None:
    """Fit the parameters of illiquidity marked so and write them back to the parameter file.

    As in `fit_parameters`: least squares in logs of the parameters, on the same seeds in every step.
    """
    start, printed = parameter_values(), printed_numbers()
    fitted = [
        row.parameter for row in parameter_rows() if row.is_fitted and row.parameter.startswith(ILLIQUIDITY_PARTS)
    ]

    def parameters(log_factors: np.ndarray) -> dict[str, float]:
        return start | {name: start[name] * np.exp(factor) for name, factor in zip(fitted, log_factors, strict=True)}

    with worker_pool() as pool:

        def distances(log_factors: np.ndarray) -> np.ndarray:
            worlds = pool.map(partial(illiquidity_numbers, values=parameters(log_factors)), seeds)
            mean = {key: float(np.mean([world[key] for world in worlds])) for key in worlds[0]}
            return np.array(list(estimate_distances(mean, printed, ILLIQUIDITY_R2_SCALE).values()))

        def keep_step(log_factors: np.ndarray, base: np.ndarray) -> None:
            console.print(f"illiquidity: mean square distance {np.square(base).mean():.3f}", highlight=False)
            write_parameters(parameters(log_factors))

        write_parameters(parameters(fit_in_logs(distances, len(fitted), keep_step, evaluations)))
