"""Form FR Y-9C: quarterly files that give the distance to the supplementary leverage ratio (section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dealer_limits.project import PROJECT
from dealer_limits.pseudo.desk_other import ALL_FIRMS
from dealer_limits.pseudo.desk_paths import autoregression, stream
from dealer_limits.pseudo.parameters import Parameters
from dealer_limits.variables import documented

QUARTERS = tuple(pd.date_range("2014-12-31", "2023-03-31", freq="QE").strftime("%Y%m%d"))
MISSING = "--------"
# other holding companies, one of them with a letter that latin-1 and UTF-8 write differently
FURTHER_NAMES = [
    f"{first} {second}"
    for first in (
        "NORTHGATE", "OSPREY", "PEÑASCO", "QUARRY", "RIVERBEND", "STONELEIGH", "THORNBURY", "UPLAND",
    )
    for second in ("BANCORP", "FINANCIAL CORP", "BANCSHARES, INC.", "HOLDINGS", "& CO.")
]  # fmt: skip
FIRST_QUARTER_WITH_EXPOSURE = "20180331"  # BHCALE88 was not collected before
QUARTER_WITHOUT_RATIO = "20181231"  # BHCAH036 has to be computed as 100 x BHCA8274 / BHCALE88
MINIMUM_SLR, MINIMUM_ESLR = (float(documented(PROJECT)[f"{kind}_minimum_pct"]) for kind in ("slr", "eslr"))
# excess over the minimum, percent: the firms that must hold 3% are far above it (Table 1(a), SLR dist)
TYPICAL_DISTANCE = (1.62, 1.53, 1.25, 0.69, 1.34, 1.34, 1.99, 6.01, 4.25, 9.25, 3.15, 3.79, 3.52)
RELIEF_QUARTERS = ("20200630", "20210331")  # Treasuries and reserves were left out of the exposure in between
RELIEF = 0.5
# what the relief leaves out, as firms hold it in every quarter: items and their shares
RELIEVED_ITEMS = {"BHCK0395": 0.46, "BHCK0211": 0.06, "BHCK1287": 0.30, "BHCM3531": 0.18}
CALM_QUARTERS = ("20190930", "20200930")  # the quarters behind the days of 2020

# mnemonics of the schedules that the project does not use: prefix, first number, how many
FILLER = (
    ("BHCK", 2170, 1), ("BHBC", 3368, 30), ("BHCA", 5310, 22), ("BHCB", 2210, 24), ("BHCK", 1403, 60),
    ("BHCK", 3123, 48), ("BHDM", 1410, 20), ("BHFN", 6631, 16), ("BHCT", 2143, 12), ("BHOD", 2389, 14),
    ("bhcap", 840, 18), ("bhckd", 957, 24),
)  # fmt: skip


@dataclass(frozen=True)
class LeverageRatios:
    """(quarters, firms): tier 1 capital, leverage exposure and what the relief leaves out of it in $ thousands, and
    whether the filing has the ratio itself. minimum: (firms,) percent."""

    tier_1: np.ndarray
    exposure: np.ndarray
    relieved: np.ndarray
    has_ratio: np.ndarray
    minimum: np.ndarray

    @property
    def distance_pct(self) -> np.ndarray:
        """Ratio less minimum, percent, with the ratio to four decimals where it is filed (section 4.2)."""
        ratio = 100 * self.tier_1 / self.exposure
        return np.where(self.has_ratio, np.round(ratio, 4), ratio) - self.minimum


def simulate_leverage_ratios(seed: int, parameters: Parameters) -> LeverageRatios:
    """Log distances to the minimum follow AR(1) paths around TYPICAL_DISTANCE."""
    rng = stream(seed, "leverage ratios")
    firms = len(ALL_FIRMS)
    quarters = np.array(QUARTERS)
    minimum = np.where([firm.is_eslr for firm in ALL_FIRMS], MINIMUM_ESLR, MINIMUM_SLR)
    persistence = parameters["slr_persistence"]
    deviation = parameters["slr_drift"] / np.sqrt(1 - persistence**2)
    drift = autoregression(rng, len(quarters), firms, persistence, deviation)
    # payouts were restricted in 2020: distances stay where they were but for a part of their usual moves
    calm = np.flatnonzero((quarters > CALM_QUARTERS[0]) & (quarters <= CALM_QUARTERS[1]))
    start = drift[calm[0] - 1]
    drift[calm] = start + parameters["slr_calm"] * (drift[calm] - start)
    drift = np.exp(drift)
    distance = np.maximum(np.array(TYPICAL_DISTANCE) * drift, 0.23)
    relieved = (quarters >= RELIEF_QUARTERS[0]) & (quarters <= RELIEF_QUARTERS[1])
    unrelieved_ratio = minimum + np.minimum(distance, 13.0)
    relieved_ratio = minimum + np.minimum(distance + RELIEF, 13.0)
    ratio = np.where(relieved[:, None], relieved_ratio, unrelieved_ratio)
    tier_1 = np.exp(rng.uniform(np.log(15e6), np.log(220e6), firms)) * (1 + 0.008 * np.arange(len(quarters))[:, None])
    tier_1 = np.rint(tier_1).astype(np.int64)
    exposure = np.rint(100 * tier_1 / ratio).astype(np.int64)
    left_out = np.rint(100 * tier_1 / unrelieved_ratio - 100 * tier_1 / relieved_ratio).astype(np.int64)
    unreported = (rng.random(ratio.shape) < 0.04) & (quarters >= FIRST_QUARTER_WITH_EXPOSURE)[:, None]
    unreported |= (quarters == QUARTER_WITHOUT_RATIO)[:, None]
    return LeverageRatios(tier_1, exposure, left_out, ~unreported, minimum)


def simulate_bank_capital(seed: int, parameters: Parameters) -> pd.DataFrame:
    """All quarters in one frame of text, a row per company and quarter; null where a file lacks a column."""
    leverage = simulate_leverage_ratios(seed, parameters)
    rng = stream(seed, "bank capital")
    firms = len(ALL_FIRMS)
    companies = firms + len(FURTHER_NAMES)
    quarters = np.array(QUARTERS)
    names = [firm.name for firm in ALL_FIRMS] + FURTHER_NAMES
    rssd = [firm.rssd_id for firm in ALL_FIRMS]
    rssd += [9910000 + 13 * number for number in range(len(FURTHER_NAMES))]

    def text(values: np.ndarray, reported: np.ndarray, pattern: str = "%d") -> np.ndarray:
        """(quarters, companies) text; companies beyond the firms report nothing in these columns."""
        filled = np.full((len(quarters), companies), MISSING, dtype=object)
        filled[:, :firms] = np.where(reported, np.char.mod(pattern, values), MISSING)
        return filled

    always = np.ones_like(leverage.has_ratio)
    ratio = 100 * leverage.tier_1 / leverage.exposure
    columns = {
        "RSSD9001": np.tile(np.array([str(number) for number in rssd], dtype=object), len(quarters)),
        "RSSD9999": np.repeat(quarters.astype(object), companies),
        "RSSD9017": np.tile(np.array(names, dtype=object), len(quarters)),
        "BHCAH036": text(ratio, leverage.has_ratio, "%.4f").ravel(),
        "BHCA8274": text(leverage.tier_1, always).ravel(),
        "BHCALE88": text(leverage.exposure, always).ravel(),
        **{item: text(np.rint(share * leverage.relieved), always).ravel() for item, share in RELIEVED_ITEMS.items()},
    } | _filler(rng, quarters, companies)
    table = pd.DataFrame(columns)
    table.loc[table["RSSD9999"] == QUARTER_WITHOUT_RATIO, "BHCAH036"] = None
    table.loc[table["RSSD9999"] < FIRST_QUARTER_WITH_EXPOSURE, "BHCALE88"] = None
    return table


def _filler(rng: np.random.Generator, quarters: np.ndarray, companies: int) -> dict[str, np.ndarray]:
    """Columns that only make the files as wide as they are; a fifth of them come or go between quarters."""
    names = [f"{prefix}{first + step}" for prefix, first, many in FILLER for step in range(many)]
    shape = (len(quarters), companies, len(names))
    size = np.exp(rng.normal(0, 1.5, (1, companies, 1)) + rng.normal(11, 2, (1, 1, len(names))))
    amounts = np.rint(size * np.exp(rng.normal(0, 0.1, shape))).astype(np.int64)
    text = np.char.mod("%d", amounts).astype(object)
    text[rng.random(shape) < 0.08] = MISSING
    for number in rng.choice(len(names), len(names) // 5, replace=False):
        change = rng.integers(4, len(quarters) - 4)
        text[slice(None, change) if rng.random() < 0.5 else slice(change, None), :, number] = None
    return {name: text[:, :, number].ravel() for number, name in enumerate(names)}
