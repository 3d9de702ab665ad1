"""The fit of the parameters of illiquidity: all columns of Table 15, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial

import numpy as np
from rich.console import Console
from scipy.optimize import least_squares

from dealer_limits.estimation.observations import standardise
from dealer_limits.estimation.panel import take_out_effects
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import fit_column
from dealer_limits.estimation.specifications import Specification, read_specifications, seed_file
from dealer_limits.montecarlo.calibration_fit import (
    FITTING_SEEDS,
    ROUNDING,
    SE_SCALE,
    STEP,
    WIDEST_FACTOR,
    write_parameters,
)
from dealer_limits.montecarlo.desk_panel_moments import ILLIQUIDITY_COLUMNS, Key, printed_numbers
from dealer_limits.montecarlo.processes import worker_pool
from dealer_limits.montecarlo.repeat_desk_panel import ILLIQUIDITY_PARTS
from dealer_limits.pseudo.desk_paths import Market
from dealer_limits.pseudo.desk_roster import PRIME_DESKS
from dealer_limits.pseudo.desk_treasury import simulate_treasury_desks
from dealer_limits.pseudo.market import limit_usage_index, simulate_market_series
from dealer_limits.pseudo.parameters import DEFAULT_WORLD, parameter_rows, with_world

# a miss of R2 that counts as one, and draws of the bootstrap: errors are good to 9%, their mean over the seeds to 3%
ILLIQUIDITY_R2_SCALE = 0.02
DRAWS = Bootstrap(draws=60)


def illiquidity_specifications() -> tuple[Specification, ...]:
    """The rows of Table 15."""
    return tuple(spec for spec in read_specifications(seed_file("specifications")) if spec.table == "15")


@cache
def market_and_index(seed: int) -> tuple[Market, np.ndarray]:
    """A seed's market and (T,) limit-usage index, which no parameter of illiquidity moves."""
    treasury = simulate_treasury_desks(seed, with_world(_start(), DEFAULT_WORLD))
    prime = slice(0, len(PRIME_DESKS))
    return treasury.market, limit_usage_index(treasury.usage[:, prime], treasury.customer_value[:, prime])


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
        measure = getattr(series, ILLIQUIDITY_COLUMNS[spec.panel])
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


def illiquidity_distances(mean: dict[Key, float], printed: dict[Key, str]) -> dict[Key, float]:
    """Distances of mean estimates from the printed numbers."""
    distances = {}
    for key, value in mean.items():
        if key not in printed:
            continue
        number, gap = float(printed[key]), value - float(printed[key])
        if key[-1] == "coef":
            distances[key] = gap / max(np.hypot(float(printed[*key[:4], "se"]), mean[*key[:4], "se"]), ROUNDING)
        elif key[-1] == "se":
            distances[key] = gap / (SE_SCALE * number + ROUNDING)
        elif key[-1] in ("r2", "pseudo_r2"):
            distances[key] = gap / ILLIQUIDITY_R2_SCALE
    return distances


def fit_illiquidity_parameters(
    console: Console, seeds: Sequence[int] = FITTING_SEEDS, evaluations: int = 4
) -> dict[Key, float]:
    """Fit the parameters of illiquidity marked so, write them back to the parameter file and return the mean numbers.

    As in `fit_parameters`: least squares in logs of the parameters, on the same seeds in every step.
    """
    start = _start()
    fitted = [
        row.parameter for row in parameter_rows() if row.is_fitted and row.parameter.startswith(ILLIQUIDITY_PARTS)
    ]
    printed = printed_numbers()

    def parameters(log_factors: np.ndarray) -> dict[str, float]:
        return start | {name: start[name] * np.exp(factor) for name, factor in zip(fitted, log_factors, strict=True)}

    with worker_pool() as pool:

        def means(log_factors: np.ndarray) -> dict[Key, float]:
            worlds = pool.map(partial(illiquidity_numbers, values=parameters(log_factors)), seeds)
            return {key: float(np.mean([world[key] for world in worlds])) for key in worlds[0]}

        def distances(log_factors: np.ndarray) -> np.ndarray:
            return np.array(list(illiquidity_distances(means(log_factors), printed).values()))

        def derivatives(log_factors: np.ndarray) -> np.ndarray:
            base = distances(log_factors)
            console.print(f"illiquidity: mean square distance {np.square(base).mean():.3f}", highlight=False)
            # a run that is stopped leaves its last step
            write_parameters(parameters(log_factors))
            steps = STEP * np.eye(len(fitted))
            return np.column_stack([(distances(log_factors + step) - base) / STEP for step in steps])

        bound = np.log(WIDEST_FACTOR)
        solution = least_squares(
            distances, np.zeros(len(fitted)), derivatives, bounds=(-bound, bound), max_nfev=evaluations, loss="soft_l1"
        )
        write_parameters(parameters(solution.x))
        console.print(
            f"illiquidity: mean square distance {np.square(solution.fun).mean():.3f} at the end", highlight=False
        )
        return means(solution.x)


def _start() -> dict[str, float]:
    return {row.parameter: row.value for row in parameter_rows()}
