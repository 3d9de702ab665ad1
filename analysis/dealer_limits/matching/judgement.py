"""How right the weights are where the truth is known, on pseudo data: reliability, precision and recall."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd

from dealer_limits.matching.comparisons import Comparisons
from dealer_limits.matching.marts import most_likely
from dealer_limits.matching.weights import Weights

# of weights; those nearly certain have bins of their own
EDGES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_JUDGED = """
select award_id, trade_id, cast(100 * filled_par_usd as bigint) as filled_cents, fills
from quality.qc_weighed_trades_judged
"""
_AWARDS = """
select awards.award_id, awards.match_kind, cast(100 * judged.matched_par_usd as bigint) as matched,
    cast(100 * judged.right_par_usd as bigint) as "right", cast(100 * judged.reported_par_usd as bigint) as reported
from marts.fct_soma_award as awards
inner join quality.qc_awards_judged as judged on awards.award_id = judged.award_id
where judged.matching_rule = ?
"""


_TRUE_LEGS = """
select
    ? as matching_rule, fills.award_id, trades.trade_id, 2 as match_level, 'exact' as match_kind,
    cast(100 * sum(fills.filled_par_usd) as bigint) as leg_cents
from quality.qc_truth_fills as fills
inner join intermediate.int_soma_trade_candidates as trades
    on fills.control_date = trades.control_date and fills.control_number = trades.control_number
inner join marts.fct_soma_award as awards on fills.award_id = awards.award_id
group by all
order by fills.award_id, trades.trade_id
"""


def true_legs(connection: duckdb.DuckDBPyConnection, rule: str) -> pd.DataFrame:
    """The candidates that truly filled awards as rows of int_soma_matches, as if all of level 2, par in cents."""
    return connection.execute(_TRUE_LEGS, [rule]).df()


def true_sets(connection: duckdb.DuckDBPyConnection, comparisons: Comparisons) -> tuple[np.ndarray, np.ndarray] | None:
    """Which sets (sets,) are what truly filled their award, no trade more or less, and what of each trade did
    (trades,), in cents. None without a truth."""
    judged = connection.execute(_JUDGED).df()
    if judged.empty:
        return None
    trades = comparisons.trades.merge(judged, how="left", on=["award_id", "trade_id"], validate="one_to_one")
    filled = trades["filled_cents"].fillna(0).to_numpy(dtype=np.int64)
    sets, leg_set = comparisons.sets, comparisons.leg_set
    has_filled = (filled > 0)[comparisons.leg_trade]
    fills = np.zeros(len(comparisons.awards))
    fills[trades["award"]] = trades["fills"].fillna(0)
    right = np.bincount(leg_set, has_filled, len(sets)) == sets["trades"].to_numpy()
    return right & (sets["trades"].to_numpy() == fills[sets["award"].to_numpy()]), filled


def reliability(comparisons: Comparisons, weights: Weights, right: np.ndarray, filled: np.ndarray) -> pd.DataFrame:
    """How often what has a weight is right, a row per bin: `of` ("sets", none among them, or "trades"), low, high,
    count, mean_weight, share_right, and se, the error of that share were the weights right."""
    is_none = np.bincount(comparisons.sets["award"].to_numpy(), right, len(weights.none)) == 0
    alternatives = {
        "sets": (np.r_[weights.sets, weights.none], np.r_[right, is_none]),
        "trades": (weights.trades, filled > 0),
    }
    rows = []
    for of, (weight, is_right) in alternatives.items():
        place = np.clip(np.searchsorted(EDGES, weight, side="right") - 1, 0, len(EDGES) - 2)
        for number in np.unique(place):
            here = place == number
            w, count = weight[here], int(here.sum())
            error = np.sqrt((w * (1 - w)).sum()) / count
            rows.append((of, EDGES[number], EDGES[number + 1], count, w.mean(), is_right[here].mean(), error))
    columns = ["of", "low", "high", "count", "mean_weight", "share_right", "se"]
    return pd.DataFrame(rows, columns=columns)


def precision_and_recall(
    connection: duckdb.DuckDBPyConnection, comparisons: Comparisons, weights: Weights, filled: np.ndarray, rule: str
) -> pd.DataFrame:
    """By the rule's kind of match, and of all: precision and recall, by par, of the rule, of the set of the largest
    weight and of all sets by their weights. Columns match_kind, awards, and <which>_precision and <which>_recall."""
    awards = comparisons.awards.merge(
        connection.execute(_AWARDS, [rule]).df().drop(columns="match_kind"), how="left", on="award_id"
    ).fillna({"matched": 0, "right": 0, "reported": 0})
    sets = comparisons.sets
    leg = comparisons.leg_cents
    matched = np.bincount(comparisons.leg_set, leg, len(sets))
    right = np.bincount(comparisons.leg_set, np.minimum(leg, filled[comparisons.leg_trade]), len(sets))
    best, is_none = most_likely(comparisons, weights)
    is_best = np.zeros(len(sets))
    is_best[best[~is_none]] = 1
    found = {"rule": (awards["matched"].to_numpy(), awards["right"].to_numpy())}
    for name, weight in (("most_likely", is_best), ("weighted", weights.sets)):
        found[name] = tuple(
            np.bincount(sets["award"].to_numpy(), weight * part, len(awards)) for part in (matched, right)
        )
    rows = []
    for kind in (*sorted(awards["match_kind"].unique()), "all"):
        here = np.ones(len(awards), bool) if kind == "all" else (awards["match_kind"] == kind).to_numpy()
        row = {"match_kind": kind, "awards": int(here.sum())}
        for name, (of_match, of_right) in found.items():
            row[f"{name}_precision"] = _ratio(of_right[here].sum(), of_match[here].sum())
            row[f"{name}_recall"] = _ratio(of_right[here].sum(), awards["reported"].to_numpy()[here].sum())
        rows.append(row)
    return pd.DataFrame(rows)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
