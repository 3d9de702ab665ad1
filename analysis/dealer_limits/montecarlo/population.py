"""What a regression would find in endless data of a world, and what usage does there.

The population value of a row is its regression on many histories laid end to end: desk effects are common to
all histories, day effects are each history's own. It has no small-sample bias, and it is not the effect of
usage: VaR moves with positions that revert, so that the two differ even in endless data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dealer_limits.estimation.specifications import Specification
from dealer_limits.montecarlo.desk_panel import DeskPanel, simulate_desk_panel
from dealer_limits.montecarlo.panel_regressions import arrays
from dealer_limits.pseudo.parameters import Parameters

# business days between the impulses of `structural_effects`: the last one has died out
IMPULSE_SPACING = 250
# for how many days the lasting impulse lasts
LASTING_DAYS = 10
# eigenvalues of the desk system below this share of the largest belong to effects that the days span
RANK_TOLERANCE = 1e-10


@dataclass(frozen=True)
class CrossProducts:
    """Sums over histories of what a regression needs once day effects are out.

    system: (D, D) of the desk effects; by_desk: (D, m) sums over desks; products: (m, m). The m columns are
    outcome, regressors and instruments. Histories add up.
    """

    system: np.ndarray
    by_desk: np.ndarray
    products: np.ndarray

    def __add__(self, other: CrossProducts) -> CrossProducts:
        return CrossProducts(self.system + other.system, self.by_desk + other.by_desk, self.products + other.products)


def cross_products(panel: DeskPanel, row: Specification) -> CrossProducts:
    """The sums of one history for one row."""
    outcome, regressors, mask, instruments = arrays(panel, row)
    rows = mask.astype(float)
    of_day = np.maximum(rows.sum(axis=1, keepdims=True), 1)
    columns = []
    for values in (outcome, *regressors, *instruments):
        filled = np.where(mask, values, 0.0)
        columns.append(np.where(mask, filled - filled.sum(axis=1, keepdims=True) / of_day, 0.0))
    system = np.diag(rows.sum(axis=0)) - (rows / of_day).T @ rows
    by_desk = np.stack([values.sum(axis=0) for values in columns], axis=1)
    flat = np.stack([values.ravel() for values in columns])
    return CrossProducts(system, by_desk, flat @ flat.T)


def population_coefficients(sums: CrossProducts, row: Specification) -> np.ndarray:
    """(k,) coefficients of the regressors in pooled histories; two-stage least squares with instruments."""
    products = sums.products
    if "desk_id" in row.absorb:
        inverse = np.linalg.pinv(sums.system, rcond=RANK_TOLERANCE, hermitian=True)
        products = products - sums.by_desk.T @ inverse @ sums.by_desk
    regressors = slice(1, 1 + len(row.regressors))
    if not row.instruments:
        return np.linalg.solve(products[regressors, regressors], products[regressors, 0])
    instruments = slice(1 + len(row.regressors), None)
    first = np.linalg.solve(products[instruments, instruments], products[instruments, regressors])
    return np.linalg.solve(first.T @ products[instruments, regressors], first.T @ products[instruments, 0])


def pooled(blocks: Sequence[CrossProducts], row: Specification) -> tuple[np.ndarray, np.ndarray]:
    """Population coefficients (k,) and their Monte Carlo errors (k,), by the jackknife over blocks."""
    total = blocks[0]
    for block in blocks[1:]:
        total = total + block
    left_out = np.array(
        [
            population_coefficients(
                CrossProducts(
                    total.system - block.system, total.by_desk - block.by_desk, total.products - block.products
                ),
                row,
            )
            for block in blocks
        ]
    )
    count = len(blocks)
    spread = ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0)
    return population_coefficients(total, row), np.sqrt((count - 1) / count * spread)


def structural_effects(
    seeds: Sequence[int], parameters: Parameters, rows: Sequence[Specification]
) -> dict[tuple[str, int, str], tuple[float, float]]:
    """By outcome, horizon and sample, what a log point more of usage does to the change from t to t + h, all
    else equal: of usage on day t alone, and of usage that stays up for ten days.

    Each seed is simulated twice, with and without usage that desks believe to be higher from one day in 250.
    VaR and limits are what they were, so that only reactions differ.
    """
    wanted = sorted({(row.dependent, row.horizon, row.sample) for row in rows})
    effects: dict[tuple[str, int, str], list[np.ndarray]] = {key: [] for key in wanted}
    for seed in seeds:
        plain = simulate_desk_panel(seed, parameters)
        starts = np.arange(IMPULSE_SPACING, len(plain.days) - IMPULSE_SPACING, IMPULSE_SPACING)
        paths = []
        for days in (1, LASTING_DAYS):
            impulse = np.zeros(len(plain.days))
            for step in range(days):
                impulse[starts + step] = 1.0
            paths.append(simulate_desk_panel(seed, parameters, impulse=impulse))
        for dependent, horizon, sample in wanted:
            desks = slice(0, plain.sample(sample).shape[1])
            gaps = [path.outcomes[dependent, horizon] - plain.outcomes[dependent, horizon] for path in paths]
            effects[dependent, horizon, sample].append(np.stack([gap[starts, desks].ravel() for gap in gaps]))
    return {
        key: tuple(float(value) for value in np.nanmean(np.concatenate(gaps, axis=1), axis=1))
        for key, gaps in effects.items()
    }
