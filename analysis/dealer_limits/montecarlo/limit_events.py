"""Changes of a desk's own limit in one pseudo world, in memory, and what limits do there.

The rows are those of `obs_limit_event`; a test holds estimates on them equal to those on the warehouse. What is planted
comes from pairs of simulations: in one of them desks believe from day 1 on that their usage is a log point higher, as
it is where the limit falls by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dealer_limits.estimation.limit_events import SIZE
from dealer_limits.estimation.observations import DAY, FIRM, Rows
from dealer_limits.estimation.specifications import Specification
from dealer_limits.montecarlo.desk_panel import CONSTANTS, firm_of_desk, log_or_nan, positions_of, shift
from dealer_limits.montecarlo.population import IMPULSE_SPACING
from dealer_limits.pseudo.desk_roster import PRIME_DESKS
from dealer_limits.pseudo.desk_treasury import TreasuryDesks, simulate_treasury_desks
from dealer_limits.pseudo.parameters import Parameters

WINDOW = CONSTANTS["limit_event_days"]
DAYS = range(-WINDOW, WINDOW + 1)
_LOGS = ("net_securities_position", "gross_securities_position", "customer_volume")
_PROFITS = ("total", "new")


@dataclass(frozen=True)
class EventPanel:
    """Desks with a change of their limit, and clean controls, on n desk-days; arrays are (n,) unless said otherwise.

    day, desk: places in the panel. is_prime, raised, lowered: booleans. size: log change of the limit. limit_before:
    dollars.
    levels: (T, 40) by outcome without `d_`, logs of dollars, P&L in dollars.
    """

    day: np.ndarray
    desk: np.ndarray
    firm: np.ndarray
    is_prime: np.ndarray
    raised: np.ndarray
    lowered: np.ndarray
    size: np.ndarray
    limit_before: np.ndarray
    levels: Mapping[str, np.ndarray]

    def sample(self, flag: str) -> np.ndarray:
        """(n,) rows of a sample by its flag."""
        other = self.lowered if "raised" in flag else self.raised
        return ~other & (self.is_prime | ("prime" not in flag))

    def rows(self, spec: Specification, horizon: int) -> Rows:
        """The rows of a specification's sample on one day, as `read_rows` has them."""
        chosen = self.sample(spec.sample)
        day, desk = self.day[chosen], self.desk[chosen]
        name = spec.dependent.removeprefix("d_").removesuffix("_to_limit_before")
        level = self.levels[name]
        ahead = day + horizon
        inside = (ahead >= 0) & (ahead < len(level))
        change = np.full(len(day), np.nan)
        change[inside] = level[ahead[inside], desk[inside]] - level[day[inside] - 1, desk[inside]]
        if name.startswith("pnl_"):
            change = change / self.limit_before[chosen]
        values = {
            spec.dependent: change,
            "is_limit_raised": self.raised[chosen].astype(float),
            "is_limit_lowered": self.lowered[chosen].astype(float),
            SIZE: self.size[chosen],
        }
        return Rows(values, {DAY: day, FIRM: self.firm[chosen]})


def event_panel(treasury: TreasuryDesks) -> EventPanel:
    """What `obs_limit_event` has of a simulated world."""
    limit = np.where(treasury.has_usage, treasury.limit, np.nan)
    before, after = _shifts(limit, range(-WINDOW, 0)), _shifts(limit, range(WINDOW + 1))
    known = np.isfinite(np.stack([before[0], before[-1], after[0], after[-1]])).all(axis=0)
    is_clean = known & (np.fmin.reduce(before) == np.fmax.reduce(before))
    is_clean &= np.fmin.reduce(after) == np.fmax.reduce(after)
    reported = np.isfinite(shift(np.where(treasury.exists, 1.0, np.nan), -1))
    size = np.where(is_clean, np.log(limit) - np.log(before[-1]), np.nan)
    has_event = (is_clean & reported & (size != 0)).any(axis=1)
    day, desk = np.nonzero(is_clean & reported & has_event[:, None])
    positions = positions_of(treasury) | {"customer_volume": treasury.customer_value}
    levels = {f"log_{name}": log_or_nan(positions[name]) for name in _LOGS}
    levels |= {"pnl_total": treasury.pnl_new + treasury.pnl_existing, "pnl_new": treasury.pnl_new}
    return EventPanel(
        day=day,
        desk=desk,
        firm=firm_of_desk()[desk],
        is_prime=desk < len(PRIME_DESKS),
        raised=size[day, desk] > 0,
        lowered=size[day, desk] < 0,
        size=size[day, desk],
        limit_before=before[-1][day, desk],
        levels=levels,
    )


def _shifts(values: np.ndarray, days: range) -> np.ndarray:
    """(days, T, D) the values of some days on."""
    return np.stack([shift(values, step) if step else values for step in days])


def planted_responses(parameters: Parameters, seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """(days from 0 to the end of the window, 40) by outcome: what usage that is a log point higher from day 1 on does.

    Outcomes are those of `EventPanel.levels`, P&L over the limit. Each seed is simulated twice; VaR and limits are what
    they were, so that only reactions differ. The mean is over days a year apart.
    """
    gaps: dict[str, list[np.ndarray]] = {}
    for seed in seeds:
        plain = simulate_treasury_desks(seed, parameters)
        starts = np.arange(IMPULSE_SPACING, len(plain.days) - IMPULSE_SPACING, IMPULSE_SPACING)
        impulse = np.zeros(len(plain.days))
        for step in range(1, WINDOW + 1):
            impulse[starts + step] = 1.0
        moved = event_panel(simulate_treasury_desks(seed, parameters, impulse)).levels
        limit = plain.limit[starts]
        for name, level in event_panel(plain).levels.items():
            change = (moved[name] - level)[starts[:, None] + np.arange(WINDOW + 1)]
            gaps.setdefault(name, []).append(change / limit[:, None] if name.startswith("pnl_") else change)
    return {name: _over_starts(np.concatenate(each)) for name, each in gaps.items()}


def _over_starts(gaps: np.ndarray) -> np.ndarray:
    """(days, 40) means of (starts, days, 40); a desk without a start has the mean of its kind, prime or further."""
    count = np.isfinite(gaps).sum(axis=0)
    mean = np.divide(np.nansum(gaps, axis=0), count, where=count > 0, out=np.full(count.shape, np.nan))
    for kind in (slice(0, len(PRIME_DESKS)), slice(len(PRIME_DESKS), None)):
        own = mean[:, kind]
        mean[:, kind] = np.where(np.isfinite(own), own, np.nanmean(own, axis=1, keepdims=True))
    return mean


def planted_path(panel: EventPanel, spec: Specification, responses: Mapping[str, np.ndarray]) -> np.ndarray:
    """(H,) what limits do to the events of a sample on `DAYS` but the base day: nothing before day 0."""
    chosen = panel.sample(spec.sample) & (panel.raised if "raised" in spec.regressors[0] else panel.lowered)
    response = responses[spec.dependent.removeprefix("d_").removesuffix("_to_limit_before")]
    after = -(response[:, panel.desk[chosen]] * panel.size[chosen]).mean(axis=1)
    return np.concatenate([np.zeros(WINDOW - 1), after])
