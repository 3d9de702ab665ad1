"""The desk half of the pseudo data: Form FR VV-1 of every desk, FR Y-9C, market series and the firms.

`simulate_desk_world` makes everything in memory, `write_desk_world` writes it as the raw files lie.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dealer_limits.pseudo.bank_capital import QUARTERS, simulate_bank_capital
from dealer_limits.pseudo.desk_files import write_csv, write_parquet
from dealer_limits.pseudo.desk_limits import build_limits
from dealer_limits.pseudo.desk_other import ALL_FIRMS, OtherDesks, simulate_other_desks
from dealer_limits.pseudo.desk_paths import round_limit, stream
from dealer_limits.pseudo.desk_roster import PRIME_DESKS, TREASURY_DESKS
from dealer_limits.pseudo.desk_treasury import (
    AGING_BUCKETS,
    LAST_AGING_DAY,
    LAST_NOTIONAL_DAY,
    SIDES,
    TreasuryDesks,
    cents,
    simulate_treasury_desks,
)
from dealer_limits.pseudo.firms import SAMPLE_FIRMS
from dealer_limits.pseudo.market import limit_usage_index, simulate_market_series
from dealer_limits.pseudo.parameters import Parameters, world_parameters

COMPLIANCE_DATE = "2014-07-21"
# the prime desk (place in TREASURY_DESKS) whose VaR limit gets a new id, and when
REPLACED_VAR_LIMIT = (3, "2018-10-01")
# the desk that reports no inventory aging before this day
LATE_AGING = (5, "2017-01-03")
RENAMED_ON = "2017-07-03"
AVERAGE_TRADE = 6e6

FR_VV1_TABLES = (
    "desks",
    "limits",
    "limit_usage",
    "value_at_risk",
    "pnl",
    "positions",
    "inventory_aging",
    "transactions",
)
MARKET_FILES = {
    "treasury_yields": ("DGS10", "%.2f"),
    "move": ("move", "%.2f"),
    "curve_fit_error": ("curve_fit_error", "%.4f"),
    "on_the_run_premium": ("on_the_run_premium", "%.4f"),
}


@dataclass(frozen=True)
class DeskWorld:
    """One frame per raw table, columns as in the files, sorted by key, money in dollars and whole cents.

    fr_y9c holds all quarters; a null is a column that the quarter's file lacks. firm_usage: mean limit usage
    of a firm's prime desks, business days x rssd_id, without gaps from 2020-03-02 to 2020-06-30.
    truth: seed, scale and parameters.
    """

    desks: pd.DataFrame
    limits: pd.DataFrame
    limit_usage: pd.DataFrame
    value_at_risk: pd.DataFrame
    pnl: pd.DataFrame
    positions: pd.DataFrame
    inventory_aging: pd.DataFrame
    transactions: pd.DataFrame
    fr_y9c: pd.DataFrame
    treasury_yields: pd.DataFrame
    move: pd.DataFrame
    curve_fit_error: pd.DataFrame
    on_the_run_premium: pd.DataFrame
    firms: pd.DataFrame
    firm_usage: pd.DataFrame
    truth: dict[str, object]


def simulate_desk_world(seed: int, scale: float = 1.0, parameters: Parameters | None = None) -> DeskWorld:
    """The world of `seed`; `scale` multiplies the desks that trade no Treasuries (264, at least 6).

    `parameters`: of one of the worlds, by default of `paper`.
    """
    parameters = world_parameters() if parameters is None else parameters
    treasury = simulate_treasury_desks(seed, parameters)
    other = simulate_other_desks(seed, scale, treasury.days, treasury.appetite, parameters)
    series = simulate_market_series(seed, treasury.market, limit_usage_index(treasury), parameters)
    roster = _Roster(treasury, other)
    limits, limit_usage = _limit_tables(seed, treasury, other, roster)
    return DeskWorld(
        desks=_desk_rows(treasury, other, roster),
        limits=limits,
        limit_usage=limit_usage,
        value_at_risk=roster.daily(var_99_1d=(treasury.reported_var, other.var)),
        pnl=_pnl(treasury, other, roster),
        positions=_positions(treasury, other, roster),
        inventory_aging=_inventory_aging(treasury, roster),
        transactions=_transactions(seed, treasury, other, roster),
        fr_y9c=simulate_bank_capital(seed, parameters),
        treasury_yields=series.treasury_yields,
        move=series.move,
        curve_fit_error=series.curve_fit_error,
        on_the_run_premium=series.on_the_run_premium,
        firms=pd.DataFrame(
            {
                "RSSD": [firm.rssd_id for firm in ALL_FIRMS],
                "NAME": [firm.name for firm in ALL_FIRMS],
                "ESLR": ["Y" if firm.is_eslr else "N" for firm in ALL_FIRMS],
            }
        ),
        firm_usage=firm_usage(treasury),
        truth={"seed": seed, "scale": scale, **parameters},
    )


def firm_usage(treasury: TreasuryDesks) -> pd.DataFrame:
    """Mean limit usage over each firm's prime desks: business days x rssd_id, nan where a firm has none."""
    rssd = {firm.mpid: firm.rssd_id for firm in SAMPLE_FIRMS}
    usage = pd.DataFrame(treasury.usage[:, : len(PRIME_DESKS)], index=treasury.days)
    by_firm = usage.T.groupby([rssd[desk.mpid] for desk in PRIME_DESKS]).mean().T
    return by_firm.rename_axis(columns="rssd_id")


class _Roster:
    """Ids of all desks and the order of columns in which (day, desk) arrays flatten to rows sorted by key."""

    def __init__(self, treasury: TreasuryDesks, other: OtherDesks) -> None:
        self.days = treasury.days
        mpids = [desk.mpid for desk in TREASURY_DESKS] + [ALL_FIRMS[firm].mpid for firm in other.firm]
        numbers = dict.fromkeys(mpids, 0)
        ids = []
        for place, mpid in enumerate(mpids):
            numbers[mpid] += 1
            # Treasury desks stand among the others: 107, 114, ...; the others take the numbers in between
            number = numbers[mpid]
            treasury_desks = sum(desk.mpid == mpid for desk in TREASURY_DESKS)
            if place < len(TREASURY_DESKS):
                code = 7 * number
            else:
                rest = number - treasury_desks
                code = rest + min((rest - 1) // 6, treasury_desks)
            ids.append(f"{mpid}{100 + code}")
        rssd = {firm.mpid: firm.rssd_id for firm in ALL_FIRMS}
        self.order = np.argsort(ids)
        self.ids = np.array(ids)[self.order]
        self.unordered_ids = ids
        self.rssd_ids = np.array([rssd[mpid] for mpid in mpids])

    def combine(self, treasury: np.ndarray, other: np.ndarray) -> np.ndarray:
        """(T, all desks) in the order of ids."""
        return np.concatenate([treasury, other], axis=1)[:, self.order]

    def keys(self, day: np.ndarray, desk: np.ndarray, ids: np.ndarray | None = None) -> dict[str, object]:
        """The key columns of rows at positions (day, desk), where desk counts `ids`, by default all desks."""
        return {
            "business_date": self.days.to_numpy()[day],
            "desk_id": pd.Categorical.from_codes(desk, self.ids if ids is None else ids),
        }

    def daily(self, **measures: tuple[np.ndarray, np.ndarray]) -> pd.DataFrame:
        """Rows of all desks on the days on which the first measure is reported."""
        arrays = {name: self.combine(*pair) for name, pair in measures.items()}
        day, desk = np.nonzero(~np.isnan(next(iter(arrays.values()))))
        columns = {name: values[day, desk] for name, values in arrays.items()}
        return pd.DataFrame(self.keys(day, desk) | columns)


def _desk_rows(treasury: TreasuryDesks, other: OtherDesks, roster: _Roster) -> pd.DataFrame:
    """One row per desk and spell or name."""
    rows = []
    for place, desk in enumerate(TREASURY_DESKS):
        spells = desk.spells
        renamed = desk.former_name is not None or desk.former_exclusions is not None
        if renamed:
            first, last = spells[0]
            eve = (pd.Timestamp(RENAMED_ON) - pd.Timedelta(days=1)).strftime("%Y-%m-%d")
            spells = ((first, eve), (RENAMED_ON, last))
        for number, (first, last) in enumerate(spells):
            former = renamed and number == 0
            name = (desk.former_name if former else None) or desk.name
            exclusions = (desk.former_exclusions if former else None) or desk.exclusions
            rows.append((place, name, desk.description, exclusions, first, last))
    for number, name in enumerate(other.names):
        open_end = other.last_day[number] == len(roster.days) - 1
        first = roster.days[other.first_day[number]].strftime("%Y-%m-%d")
        last = None if open_end else roster.days[other.last_day[number]].strftime("%Y-%m-%d")
        rows.append(
            (len(TREASURY_DESKS) + number, name, other.descriptions[number], other.exclusions[number],
             COMPLIANCE_DATE if other.first_day[number] == 0 else first, last)
        )  # fmt: skip
    names = {firm.rssd_id: firm.name for firm in ALL_FIRMS}
    places = [row[0] for row in rows]
    table = pd.DataFrame(
        {
            "rssd_id": roster.rssd_ids[places],
            "firm_name": [names[rssd] for rssd in roster.rssd_ids[places]],
            "desk_id": [roster.unordered_ids[place] for place in places],
            "desk_name": [row[1] for row in rows],
            "desk_description": [row[2] for row in rows],
            "claimed_exclusions": [row[3] for row in rows],
            "valid_from": pd.to_datetime([row[4] for row in rows]),
            "valid_to": pd.to_datetime([row[5] for row in rows]),
        }
    )
    return table.sort_values(["desk_id", "valid_from"], ignore_index=True)


def _limit_tables(
    seed: int, treasury: TreasuryDesks, other: OtherDesks, roster: _Roster
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables limits and limit_usage."""
    place_of = {int(place): column for column, place in enumerate(roster.order)}
    dv01 = {
        place_of[place]: (treasury.dv01[:, place], float(round_limit(np.array([0.3 * desk.limit_mn * 1e6]))[0]))
        for place, desk in enumerate(TREASURY_DESKS)
        if desk.has_dv01_limit
    }
    place, since = REPLACED_VAR_LIMIT
    desk_limits = build_limits(
        stream(seed, "limit usage"),
        roster.rssd_ids[roster.order],
        roster.combine(treasury.limit, other.limit),
        roster.combine(treasury.var, other.var),
        roster.combine(treasury.has_usage, other.exists),
        dv01,
        {place_of[place]: int(roster.days.searchsorted(since))},
    )
    day, limit = np.nonzero(desk_limits.reported)
    usage = pd.DataFrame(
        roster.keys(day, desk_limits.desk[limit])
        | {
            "limit_id": pd.Categorical.from_codes(limit, desk_limits.limits["limit_id"].to_numpy(object)),
            "limit_size": desk_limits.size[day, limit],
            "usage_value": desk_limits.usage[day, limit],
        }
    )
    return desk_limits.limits, usage


def _pnl(treasury: TreasuryDesks, other: OtherDesks, roster: _Roster) -> pd.DataFrame:
    table = roster.daily(
        pnl_existing_positions=(treasury.pnl_existing, other.pnl_existing),
        pnl_new_positions=(treasury.pnl_new, other.pnl_new),
        pnl_residual=(treasury.pnl_residual, other.pnl_residual),
    )
    total = table["pnl_existing_positions"] + table["pnl_new_positions"] + table["pnl_residual"]
    table.insert(2, "pnl_comprehensive", cents(total.to_numpy()))
    return table


def _positions(treasury: TreasuryDesks, other: OtherDesks, roster: _Roster) -> pd.DataFrame:
    table = roster.daily(
        securities_long=(treasury.securities_long, other.securities_long),
        securities_short=(treasury.securities_short, other.securities_short),
        derivatives_long=(treasury.derivatives_long, other.derivatives_long),
        derivatives_short=(treasury.derivatives_short, other.derivatives_short),
    )
    is_market = (table["business_date"] > LAST_NOTIONAL_DAY).to_numpy().astype(np.int8)
    return table.assign(derivatives_basis=pd.Categorical.from_codes(is_market, ["notional", "market"]))


def _inventory_aging(treasury: TreasuryDesks, roster: _Roster) -> pd.DataFrame:
    """Treasury desks only, six buckets a side, derivatives where the desk has any."""
    order = roster.order[roster.order < len(TREASURY_DESKS)]
    ids = np.array(roster.unordered_ids)[order]
    reported = ~np.isnan(treasury.aging) & (roster.days <= LAST_AGING_DAY)[:, None, None, None, None]
    place, since = LATE_AGING
    reported[: roster.days.searchsorted(since), place] = False
    day, desk, side, instrument, bucket = np.nonzero(reported[:, order])
    return pd.DataFrame(
        roster.keys(day, desk, ids)
        | {
            "side": pd.Categorical.from_codes(side, SIDES),
            "instrument": pd.Categorical.from_codes(instrument, ["securities", "derivatives"]),
            "aging_bucket": pd.Categorical.from_codes(bucket, AGING_BUCKETS),
            "value": treasury.aging[:, order][day, desk, side, instrument, bucket],
        }
    )


def _transactions(seed: int, treasury: TreasuryDesks, other: OtherDesks, roster: _Roster) -> pd.DataFrame:
    values = np.stack(
        [
            roster.combine(treasury.customer_value, other.customer_value),
            roster.combine(treasury.non_customer_value, other.non_customer_value),
        ],
        axis=2,
    )
    day, desk, kind = np.nonzero(~np.isnan(values))
    value = values[day, desk, kind]
    size = AVERAGE_TRADE * stream(seed, "transactions").uniform(0.7, 1.4, len(value))
    return pd.DataFrame(
        roster.keys(day, desk)
        | {
            "counterparty_kind": pd.Categorical.from_codes(kind, ["customer", "non_customer"]),
            "transaction_value": value,
            "transaction_count": np.maximum(np.rint(value / size), 1).astype(np.int64),
        }
    )


def write_desk_world(world: DeskWorld, raw: Path, truth: Path, advance: Callable[[str], None]) -> None:
    """Write the raw files under `raw` and what was planted under `truth`; `advance(label)` after each file.

    The same world gives the same bytes.
    """
    for name in FR_VV1_TABLES:
        write_parquet(getattr(world, name), raw / "fr_vv1" / f"{name}.parquet")
        advance(f"fr_vv1/{name}")
    folder = raw / "fr_y9c"
    folder.mkdir(parents=True, exist_ok=True)
    # hundreds of columns of text: a frame would be taken apart column by column for each quarter
    names, text = world.fr_y9c.columns.to_numpy(object), world.fr_y9c.to_numpy(object)
    present, quarters = world.fr_y9c.notna().to_numpy(), world.fr_y9c["RSSD9999"].to_numpy(object)
    for quarter in QUARTERS:
        rows = quarters == quarter
        columns = present[rows].any(axis=0)
        lines = ["^".join(names[columns]), *("^".join(row) for row in text[rows][:, columns])]
        (folder / f"BHCF{quarter}.txt").write_bytes(("\n".join(lines) + "\n").encode("latin-1"))
        advance(f"fr_y9c/BHCF{quarter}")
    for table, (stem, float_format) in MARKET_FILES.items():
        write_csv(getattr(world, table), raw / "market" / f"{stem}.csv", float_format)
        advance(f"market/{stem}")
    write_csv(world.firms, raw / "reference" / "firms.csv")
    advance("reference/firms")
    truth.mkdir(parents=True, exist_ok=True)
    text = json.dumps(world.truth, indent=2, sort_keys=True)
    (truth / "desk_parameters.json").write_text(text + "\n", encoding="utf-8")
    advance("truth/desk_parameters")
