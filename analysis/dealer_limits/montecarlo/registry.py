"""The registry of regressions read from the seeds, and its rows estimated on a panel in memory."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dealer_limits.estimate.methods import Methods, build_methods
from dealer_limits.montecarlo.desk_panel import DeskPanel
from dealer_limits.montecarlo.within import DenseFit, complete, fit_two_way

SEEDS = Path(__file__).resolve().parents[3] / "seeds"
# of intervals
LEVELS = (0.90, 0.95)
# the tables whose repeated estimates are shown; the seed has those of all
HEADLINE_TABLES = ("2", "3", "8", "14")


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


def read_methods() -> Methods:
    """The covariances of the registry, from the seed's file."""
    return build_methods(csv.DictReader((SEEDS / "covariances.csv").read_text(encoding="utf-8").splitlines()))


def sample_desks(panel: DeskPanel, sample: str) -> int:
    """How many desks a sample has; they come first."""
    return len(panel.is_prime) if sample == "all_treasury_desks" else int(panel.is_prime.sum())


def arrays(panel: DeskPanel, row: Row) -> tuple[np.ndarray, list[np.ndarray], np.ndarray, list[np.ndarray]]:
    """Outcome, regressors, mask and instruments of a row: (T, D) arrays over the desks of its sample."""
    desks = slice(0, sample_desks(panel, row.sample))

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
    clusters = panel.firm[: outcome.shape[1]] if row.covariance == "jackknife_firm" else None
    return fit_two_way(outcome, regressors, mask, instruments, "desk" in row.absorb, clusters)


def critical_values(fit: DenseFit) -> tuple[float, ...]:
    """Ends of the intervals of LEVELS in errors, of the t distribution."""
    from scipy import stats

    return tuple(float(stats.t.ppf((1 + level) / 2, fit.df)) for level in LEVELS)
