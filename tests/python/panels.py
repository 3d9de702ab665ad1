"""Unbalanced panels of every shape that two-way effects find hard, as frames: unit, period, y, x1, x2."""

from __future__ import annotations

import numpy as np
import pandas as pd


def with_variables(unit: np.ndarray, period: np.ndarray, seed: int = 1) -> pd.DataFrame:
    """Regressors that go with both effects, errors whose spread goes with the first regressor."""
    rng = np.random.default_rng(seed)
    unit_effect = rng.normal(size=unit.max() + 1)[unit]
    period_effect = np.cumsum(rng.normal(size=period.max() + 1))[period] / 3
    x1 = rng.normal(size=unit.size) + unit_effect + period_effect
    x2 = rng.normal(size=unit.size) - unit_effect + 0.2 * x1
    error = rng.normal(size=unit.size) * (0.3 + np.abs(x1)) / 2
    y = -0.3 * x1 + 0.1 * x2 + 2 * unit_effect - period_effect + error + 5
    return pd.DataFrame({"unit": unit, "period": period, "y": y, "x1": x1, "x2": x2})


def with_holes(units: int = 12, periods: int = 70, seed: int = 2) -> pd.DataFrame:
    """Units in overlapping spells, a tenth of the rows missing, none alone."""
    unit, period = (grid.ravel() for grid in np.indices((units, periods)))
    rng = np.random.default_rng(seed)
    kept = (period >= 3 * unit) & (period < 3 * unit + 45) & (rng.uniform(size=unit.size) > 0.1)
    # at least two units a day
    kept &= np.bincount(period, kept)[period] > 1
    return with_variables(unit[kept], period[kept])


def in_spells(units: int = 60, periods: int = 80, spell: int = 8, seed: int = 3) -> pd.DataFrame:
    """Entry and exit: every unit is there for two short spells, so that far periods are barely connected."""
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.integers(0, periods - 2 * spell, units))
    unit = np.repeat(np.arange(units), 2 * spell)
    offset = np.tile(np.concatenate([np.arange(spell), np.arange(spell) + spell + 3]), units)
    period = np.minimum(np.repeat(starts, 2 * spell) + offset, periods - 1)
    return with_variables(unit, period)


def with_sparse_mobility(workers: int = 250, firms: int = 30, moves: float = 0.15, seed: int = 4) -> pd.DataFrame:
    """Workers of six years each, few of whom ever move, and then to a neighbouring firm; pairs repeat."""
    rng = np.random.default_rng(seed)
    home = rng.integers(0, firms, workers)
    # one mover between each firm and the next, so that all are connected
    home[: firms - 1] = np.arange(firms - 1)
    movers = rng.uniform(size=workers) < moves
    movers[: firms - 1] = True
    second_half = np.arange(6) >= 3
    firm = home[:, None] + (movers[:, None] & second_half[None, :])
    firm = np.minimum(firm, firms - 1)
    return with_variables(np.repeat(np.arange(workers), 6), firm.ravel())


def in_two_parts(seed: int = 5) -> pd.DataFrame:
    """Two sets of units on two sets of days: one component more than effects usually lose."""
    first = with_holes(units=6, periods=40, seed=seed)
    second = first.assign(unit=first["unit"] + 100, period=first["period"] + 500)
    return with_variables(*(pd.concat([first[key], second[key]]).to_numpy() for key in ("unit", "period")), seed=seed)


def with_singletons() -> pd.DataFrame:
    """A day with one unit, a unit with one day, and one row that is alone once these are gone."""
    panel = with_holes()
    unit = [*panel["unit"], 0, 900, 901, 901]
    period = [*panel["period"], 800, 20, 900, 20]
    return with_variables(np.array(unit), np.array(period))


def in_joined_blocks(units: int = 40, periods: int = 20, seed: int = 6) -> pd.DataFrame:
    """Two dense blocks that one mover joins: what tells them apart comes last, and may be next to nothing."""
    rng = np.random.default_rng(seed)
    unit, period = (grid.ravel() for grid in np.indices((2 * units, 2 * periods)))
    same_block = unit // units == period // periods
    kept = same_block & (rng.uniform(size=unit.size) < 0.5)
    mover = np.full(2, 2 * units)
    return with_variables(np.append(unit[kept], mover), np.append(period[kept], [0, periods]))


PANELS = {
    "holes": with_holes,
    "spells": in_spells,
    "mobility": with_sparse_mobility,
    "two parts": in_two_parts,
    "singletons": with_singletons,
    "joined blocks": in_joined_blocks,
}
