"""The registry of regressions read from the seeds, and its rows estimated on a panel in memory."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dealer_limits.montecarlo.desk_panel import DeskPanel
from dealer_limits.montecarlo.within import (
    DenseFit,
    complete,
    driscoll_kraay,
    fit_two_way,
    fixed_b_critical,
)

SEEDS = Path(__file__).resolve().parents[3] / "seeds"
# most of a year: given the position, what is left of a change and the limits are both persistent
LAG_DAYS = 200
# of intervals
LEVELS = (0.90, 0.95)


@dataclass(frozen=True)
class Row:
    """One row of `specifications.csv` or `diagnostics.csv`, as far as a panel in memory needs it."""

    table: str
    panel: str
    column: str
    horizon: int
    sample: str
    dependent: str
    regressors: tuple[str, ...]
    also_observed: tuple[str, ...]
    absorb: tuple[str, ...]
    instruments: tuple[str, ...]
    covariance: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.table, self.panel, self.column


def read_rows(name: str = "specifications") -> tuple[Row, ...]:
    """The rows of a registry file whose sample lies in the desk panel, in the file's order."""
    in_panel = {
        row["sample"]
        for row in csv.DictReader((SEEDS / "samples.csv").read_text(encoding="utf-8").splitlines())
        if row["mart"] == "panel_desk_horizon"
    }

    def names(text: str) -> tuple[str, ...]:
        return tuple(text.split(";")) if text else ()

    return tuple(
        Row(
            row["table"], row["panel"], row["column"], int(row["horizon"]), row["sample"], row["dependent"],
            names(row["regressors"]), names(row["also_observed"]), names(row["absorb"]),
            names(row["instruments"]), row["covariance"],
        )
        for row in csv.DictReader((SEEDS / f"{name}.csv").read_text(encoding="utf-8").splitlines())
        if row["sample"] in in_panel
    )  # fmt: skip


def arrays(panel: DeskPanel, row: Row) -> tuple[np.ndarray, list[np.ndarray], np.ndarray, list[np.ndarray]]:
    """Outcome, regressors, mask and instruments of a row: (T, D) arrays over the desks of its sample."""
    is_broad = row.sample == "all_treasury_desks"
    desks = slice(0, len(panel.is_prime) if is_broad else int(panel.is_prime.sum()))

    def term(name: str) -> np.ndarray:
        # a few terms belong to the horizon of the change, not to the day on which it begins
        values = panel.outcomes.get((f"d_{name}", row.horizon), panel.terms.get(name))
        return values[:, desks]

    outcome = panel.outcomes[row.dependent, row.horizon][:, desks]
    regressors = [term(name) for name in row.regressors]
    instruments = [term(name) for name in row.instruments]
    needed = regressors + instruments + [term(name) for name in row.also_observed]
    in_sample = np.ones(outcome.shape, dtype=bool)
    if row.sample == "2020":
        in_sample &= (panel.days.year == 2020)[:, None]
    return outcome, regressors, complete(outcome, needed, in_sample), instruments


def estimate_row(panel: DeskPanel, row: Row) -> DenseFit:
    """The same regression as `dealer-limits estimate` runs on the marts, with the covariance of the row."""
    outcome, regressors, mask, instruments = arrays(panel, row)
    fit = fit_two_way(outcome, regressors, mask, instruments, desk_effects="desk" in row.absorb)
    if row.covariance == "driscoll_kraay":
        covariance = driscoll_kraay(fit, LAG_DAYS)
        return DenseFit(fit.coef, covariance, fit.r2, fit.nobs, fit.df_resid, fit.scores, fit.bread)
    return fit


def critical_values(fit: DenseFit, row: Row) -> tuple[float, ...]:
    """Ends of the intervals of LEVELS in errors: of the t distribution, or fixed-b with Driscoll-Kraay."""
    from scipy import stats

    if row.covariance == "driscoll_kraay":
        return tuple(fixed_b_critical(level, LAG_DAYS, fit.days) for level in LEVELS)
    return tuple(float(stats.t.ppf((1 + level) / 2, fit.df_resid)) for level in LEVELS)
