"""The marts of the weights in the published warehouse: what an analyst sums, and what the weights rest on.

As `marts.fct_estimate`, a build has none of them: they are written by `dealer-limits match-weights` and go with the
next build.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd

from dealer_limits.estimation.mart import create_mart
from dealer_limits.matching.comparisons import LESS, LEVELS, ROLES, WHOLE, Comparisons
from dealer_limits.matching.weights import Learned, Weights

CANDIDATES = "marts.fct_soma_award_candidate"
LEGS = "marts.fct_soma_award_candidate_leg"
LEVEL_SHARES = "marts.fct_match_comparison"
# weights are published in millionths
MILLION = 1_000_000

_KIND = (
    "varchar not null",
    "equal, lone, exact or partial, as in fct_soma_award; by_price, whose largest trade filled it in part; none.",
)
_CANDIDATE = ("integer not null", "Set of trades, a bit per trade of the award; 0 where none of the sets filled it.")
_MARTS = {
    CANDIDATES: (
        "One row per award of the event window and set of trades that may have filled it, and one for none of them: "
        "its weight. Weights of an award add up to 1; sets of less than half a millionth are left out.",
        {
            "award_id": ("varchar not null", "Operation and CUSIP."),
            "candidate": _CANDIDATE,
            "kind": _KIND,
            "trades": ("integer not null", "Trades in the set."),
            "filled_par_usd": ("decimal(18,2) not null", "Par of the award that they would have filled, dollars."),
            "weight": (
                "decimal(7,6) not null",
                "Probability that this set, or none, filled the award, given what is seen.",
            ),
            "is_most_likely": ("boolean not null", "The largest weight of the award."),
        },
        "award_id, candidate",
    ),
    LEGS: (
        "One row per award, candidate set and trade in it. sum(weight * leg_par_usd) by dealer is what it is expected "
        "to have sold; what is missing to the awards has no trade that is seen.",
        {
            "award_id": ("varchar not null", "Operation and CUSIP."),
            "candidate": _CANDIDATE,
            "trade_id": ("varchar not null", "Trade."),
            "dealer_mpid": ("varchar not null", "Dealer that sold."),
            "leg_par_usd": ("decimal(18,2) not null", "Par of the award that it would have filled, dollars."),
            "weight": ("decimal(7,6) not null", "That of the set, the same for all of its trades."),
        },
        "award_id, candidate, trade_id",
    ),
    LEVEL_SHARES: (
        "What the weights rest on, one row per comparison of a trade with an award and level: its share among trades "
        "that filled awards, and among others.",
        {
            "comparison": (
                "varchar not null",
                "time, price (alone, or one of several), par (by the part in a set and the size of the award), history "
                "or lot (by par) or twin.",
            ),
            "level": ("integer not null", "Level, as in int_soma_weighed_trades."),
            "m": ("double not null", "Its share among trades that filled an award."),
            "u": ("double not null", "Its share among other trades."),
            "log2_ratio": ("double not null", "What a trade of this level gains, log2(m / u)."),
        },
        "comparison, level",
    ),
}


def names_of_kinds(comparisons: Comparisons) -> tuple[np.ndarray, np.ndarray]:
    """(sets,) match_level and match_kind of Appendix B that a set is, were it the match."""
    kind, count = comparisons.sets["kind"].to_numpy(), comparisons.sets["trades"].to_numpy()
    in_window = np.zeros(len(kind), dtype=bool)
    in_window[comparisons.leg_set] = comparisons.trades["is_in_window"].to_numpy()[comparisons.leg_trade]
    is_lone = (kind == WHOLE) & (count == 1)
    conditions = [is_lone & in_window, is_lone, kind < LESS, kind == LESS]
    return (
        np.select(conditions, [1, 2, 2, 2], 3),
        np.select(conditions, ["equal", "lone", "exact", "partial"], "by_price"),
    )


def in_millionths(comparisons: Comparisons, weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """Weights of sets (sets,) and of none (awards,) as whole millionths that add up to a million per award: what
    rounding leaves goes to the largest."""
    award = comparisons.sets["award"].to_numpy()
    of_sets = np.rint(weights.sets * MILLION).astype(np.int64)
    of_none = np.rint(weights.none * MILLION).astype(np.int64)
    left = MILLION - of_none - np.bincount(award, of_sets, len(of_none)).astype(np.int64)
    best, is_none = most_likely(comparisons, weights)
    of_none[is_none] += left[is_none]
    of_sets[best[~is_none]] += left[~is_none]
    return of_sets, of_none


def most_likely(comparisons: Comparisons, weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """(awards,) the set of the largest weight, the first of several, -1 without any; and whether none has a larger."""
    award = comparisons.sets["award"].to_numpy()
    order = np.lexsort((-np.arange(len(award)), weights.sets, award))
    best, largest = np.full(len(weights.none), -1), np.full(len(weights.none), -1.0)
    # the last of an award stands
    best[award[order]] = order
    largest[award[order]] = weights.sets[order]
    return best, weights.none > largest


def write_marts(connection: duckdb.DuckDBPyConnection, comparisons: Comparisons, learned: Learned) -> None:
    """Make the three marts anew in an open warehouse. The same weights give the same rows in the same order."""
    frames = dict(zip(_MARTS, (*_candidates(comparisons, learned.weights), _shares(learned)), strict=True))
    for name, (description, columns, key) in _MARTS.items():
        create_mart(connection, name, description, columns, key)
        connection.register("rows", frames[name])
        connection.execute(f"insert into {name} by name select * from rows order by {key}")
        connection.unregister("rows")


def _candidates(comparisons: Comparisons, weights: Weights) -> tuple[pd.DataFrame, pd.DataFrame]:
    of_sets, of_none = in_millionths(comparisons, weights)
    best, is_none = most_likely(comparisons, weights)
    sets, awards = comparisons.sets, comparisons.awards
    is_best = np.zeros(len(sets), dtype=bool)
    is_best[best[~is_none]] = True
    candidates = pd.DataFrame(
        {
            "award_id": sets["award_id"],
            "candidate": sets["candidate"],
            "kind": names_of_kinds(comparisons)[1],
            "trades": sets["trades"],
            "filled_par_usd": _dollars(sets["filled_cents"].to_numpy()),
            "weight": of_sets / MILLION,
            "is_most_likely": is_best,
        }
    )[of_sets > 0]
    none = pd.DataFrame(
        {
            "award_id": awards["award_id"],
            "candidate": 0,
            "kind": "none",
            "trades": 0,
            "filled_par_usd": 0.0,
            "weight": of_none / MILLION,
            "is_most_likely": is_none,
        }
    )[of_none > 0]
    kept = of_sets[comparisons.leg_set] > 0
    leg_set, trades = comparisons.leg_set[kept], comparisons.trades.iloc[comparisons.leg_trade[kept]]
    legs = pd.DataFrame(
        {
            "award_id": trades["award_id"].to_numpy(),
            "candidate": sets["candidate"].to_numpy()[leg_set],
            "trade_id": trades["trade_id"].to_numpy(),
            "dealer_mpid": trades["dealer_mpid"].to_numpy(),
            "leg_par_usd": _dollars(comparisons.leg_cents[kept]),
            "weight": of_sets[leg_set] / MILLION,
        }
    )
    return pd.concat([candidates, none]), legs


def _dollars(cents: np.ndarray) -> np.ndarray:
    # a double holds cents of up to $90 trillion
    return cents / 100


def _shares(learned: Learned) -> pd.DataFrame:
    levels = learned.levels
    others = levels.others.sum(axis=0)
    shares = {
        "time": (levels.m_time, levels.u_time),
        "price, alone": (levels.m_price[0], levels.u_price),
        "price, one of several": (levels.m_price[1], levels.u_price),
        **{
            f"par, {role}, size {size}": (of_roles[place], of_size.sum(axis=1) / of_size.sum())
            for size, (of_roles, of_size) in enumerate(zip(levels.m_par, levels.others, strict=True))
            for place, role in enumerate(ROLES)
        },
        **{
            f"history, par {par}": (levels.m_history[par], others[par] / others[par].sum())
            for par in range(LEVELS["par"])
        },
        **{f"lot, par {par}": (levels.m_lot[par], levels.u_lot[par]) for par in range(LEVELS["par"])},
        "twin": (levels.m_twin, levels.u_twin),
    }
    return pd.DataFrame(
        [
            (comparison, level, *np.round([m[level], u[level], np.log2(m[level] / u[level])], 6))
            for comparison, (m, u) in shares.items()
            for level in range(len(m))
        ],
        columns=["comparison", "level", "m", "u", "log2_ratio"],
    )
