"""How awards, trades and sets of trades compare: what two models of the build found, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd

# what a set is to its award, as `kind` of int_soma_weighed_sets; a kind is named by its place
KINDS = ("whole", "whole, off price", "less", "in part", "in part, off price")
WHOLE, WHOLE_OFF_PRICE, LESS, IN_PART, IN_PART_OFF_PRICE = range(len(KINDS))
# what a trade is in a set: all that filled the award, whole or in part; one of several; the one that filled it in part;
# all that is seen of what filled it
ROLES = ("alone", "alone in part", "one of several", "in part", "all that is seen")
ALONE, ALONE_IN_PART, OF_SEVERAL, LARGEST_IN_PART, ALL_SEEN = range(len(ROLES))
# sizes by which awards are told apart: fills are parts of an award, others have a size of their own
AWARD_SIZES_CENTS = (2_000_000_000, 6_000_000_000, 15_000_000_000)
# levels of each comparison, unknown ones among them (int_soma_weighed_trades, int_soma_weighed_sets)
LEVELS = {"time": 10, "price": 20, "par": 5, "history": 5, "lot": 3, "twin": 2, "gap": 6}

_TRADES = """
select
    award_id, trade_id, dealer_mpid, place, award_of_cusip_day, is_in_window, time_level, time_level_seconds,
    price_level, par_level, history_level, lot_level, twin_level, cast(100 * par_usd as bigint) as par_cents
from intermediate.int_soma_weighed_trades
order by award_id, place
"""
_SETS = """
select award_id, candidate, trades, kind, gap_level, cast(100 * filled_par_usd as bigint) as filled_cents
from intermediate.int_soma_weighed_sets
order by award_id, candidate
"""


@dataclass(frozen=True)
class Comparisons:
    """Awards, their trades, the sets of these, and the legs of sets: a row each, known by its place.

    awards: all of the event window in order of their IDs, of which only some have trades. trades, sets: rows of
    the models, with `award` (place in awards) and of sets `kind` (place in KINDS). leg_set, leg_trade, leg_role,
    leg_cents: (legs,) places, and par that fills the award, in cents. trade_key: (trades,) the same number for the same
    trade beside several awards. seconds: (levels of time,) how long a level is, NaN where it has no end.
    """

    awards: pd.DataFrame
    trades: pd.DataFrame
    sets: pd.DataFrame
    leg_set: np.ndarray
    leg_trade: np.ndarray
    leg_role: np.ndarray
    leg_cents: np.ndarray
    trade_key: np.ndarray
    seconds: np.ndarray


def read_comparisons(build: duckdb.DuckDBPyConnection) -> Comparisons:
    """Read them from the file of a build. Raises duckdb.CatalogException where the build is older than the models."""
    awards = build.execute("""
        select award_id, cast(100 * awarded_par_usd as bigint) as awarded_cents, match_kind
        from marts.fct_soma_award order by award_id
    """).df()
    return arrange(awards, build.execute(_TRADES).df(), build.execute(_SETS).df())


def arrange(awards: pd.DataFrame, trades: pd.DataFrame, sets: pd.DataFrame) -> Comparisons:
    """Comparisons of rows in the order of their keys: awards by award_id, trades by place, sets by candidate."""
    place_of = pd.Series(np.arange(len(awards)), index=awards["award_id"])
    trades = trades.assign(award=place_of.reindex(trades["award_id"]).to_numpy())
    kind = pd.Categorical(sets["kind"], KINDS).codes.astype(np.int64)
    sets = sets.assign(award=place_of.reindex(sets["award_id"]).to_numpy(), kind=kind)
    first_trade = np.searchsorted(trades["award"].to_numpy(), np.arange(len(awards)))
    bits, parts = sets["candidate"].to_numpy(), []
    for place in range(int(trades["place"].max()) if len(trades) else 0):
        having = np.flatnonzero((bits >> place) & 1)
        parts.append((having, first_trade[sets["award"].to_numpy()[having]] + place))
    leg_set, leg_trade = (
        (np.concatenate(part).astype(np.int64) for part in zip(*parts, strict=True))
        if parts
        else (np.zeros(0, np.int64), np.zeros(0, np.int64))
    )
    order = np.lexsort((leg_trade, leg_set))
    leg_set, leg_trade = leg_set[order], leg_trade[order]
    is_first = np.r_[True, leg_set[1:] != leg_set[:-1]] if len(leg_set) else np.zeros(0, bool)
    is_alone = (sets["trades"].to_numpy() == 1)[leg_set]
    in_part = np.isin(kind, (IN_PART, IN_PART_OFF_PRICE))[leg_set]
    # trades are in the order of their par: the first of a set is the largest
    role = np.where(in_part & is_first, LARGEST_IN_PART, OF_SEVERAL)
    role = np.where(is_alone, np.where(in_part, ALONE_IN_PART, np.where(kind[leg_set] == LESS, ALL_SEEN, ALONE)), role)
    cents = trades["par_cents"].to_numpy()[leg_trade]
    above = np.bincount(leg_set, cents, len(sets)).astype(np.int64) - sets["filled_cents"].to_numpy()
    lengths = trades.groupby("time_level")["time_level_seconds"].first().reindex(range(LEVELS["time"]))
    return Comparisons(
        awards=awards,
        trades=trades,
        sets=sets,
        leg_set=leg_set,
        leg_trade=leg_trade,
        leg_role=role,
        leg_cents=cents - np.where(is_first, above[leg_set], 0),
        trade_key=pd.factorize(trades["trade_id"])[0],
        seconds=lengths.to_numpy(dtype=float, na_value=np.nan),
    )
