"""Weights of the sets of trades that may have filled an award, by expectation and maximisation without a truth.

After Fellegi and Sunter (1969), Dempster, Laird and Rubin (1977) and Winkler (1988, 2000). A trade compares with an
award on several levels; a level has a probability m among trades that filled it and u among others. An award was
filled by exactly one of its candidate sets, or by none of them. docs/match_weights.md has the equations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

from dealer_limits.matching.comparisons import (
    ALONE,
    ALONE_IN_PART,
    AWARD_SIZES_CENTS,
    IN_PART,
    IN_PART_OFF_PRICE,
    KINDS,
    LESS,
    LEVELS,
    ROLES,
    WHOLE,
    WHOLE_OFF_PRICE,
    Comparisons,
)

# trades added to each level, and awards to each kind and number of trades, before shares are taken: none is impossible
TRADES_BEFORE, AWARDS_BEFORE = 0.5, 0.1
# of how many others awards have: from as different as can be to alike
EVENNESS = (0.05, 1000.0)
# of log weights at the start, where nothing is known: sets that are whole are likelier, and those of fewer trades
START_OF_WHOLE, START_PER_TRADE = 6.0, -0.5
# chance coincidences are told anew so many times, a few steps each; then steps go on until no weight moves by more
ROUNDS, STEPS, MOST_STEPS, NEAR = 8, 5, 300, 1e-7
# of awards that want the same trade
ROUNDS_OF_SHARING = 10
_LEAST = 1e-12


@dataclass(frozen=True)
class Chance:
    """How often sets with a trade that filled nothing look like fills: no part of the likelihood that is climbed.

    kind: (kinds,) log share of such sets of several trades with this sum and average price. gap: (kinds, levels) log
    shares of how far their sum is from the award.
    """

    kind: np.ndarray
    gap: np.ndarray


@dataclass(frozen=True)
class Levels:
    """What is learned. m: among trades that filled an award; u: among others.

    sets: (kinds x trades + 1,) probability that an award is filled by a set of that kind and number of trades, the last
    one that it is filled by none. m_time, u_time (10,); m_price (alone or not, 20), u_price (20,); m_par (sizes of
    awards, roles, 5); m_history (5, 5) and m_lot, u_lot (5, 3) by par; m_twin, u_twin (2,); others (sizes of awards, 5,
    5): other trades per award, by par beside the award and history; evenness: shape of the gamma distribution by which
    awards of a size differ in how many; m_gap (kinds, 6).
    """

    sets: np.ndarray
    m_time: np.ndarray
    u_time: np.ndarray
    m_price: np.ndarray
    u_price: np.ndarray
    m_par: np.ndarray
    m_history: np.ndarray
    m_lot: np.ndarray
    u_lot: np.ndarray
    m_twin: np.ndarray
    u_twin: np.ndarray
    others: np.ndarray
    evenness: float
    m_gap: np.ndarray


@dataclass(frozen=True)
class Weights:
    """Posterior weights: sets (sets,), none (awards,), trades (trades,) that a trade filled the award at all.

    log_sets, log_none: logs of the first two, up to a number of the award.
    """

    sets: np.ndarray
    none: np.ndarray
    trades: np.ndarray
    log_sets: np.ndarray
    log_none: np.ndarray


@dataclass(frozen=True)
class Learned:
    """Weights, what they rest on, and the objective at each of the last steps, which none lowers."""

    weights: Weights
    levels: Levels
    chance: Chance
    objective: tuple[float, ...]


class Pairs:
    """Comparisons as integer arrays, for steps that are taken many times."""

    def __init__(self, comparisons: Comparisons) -> None:
        trades, sets = comparisons.trades, comparisons.sets
        self.awards = len(comparisons.awards)
        self.award_of_trade, self.award_of_set = (rows["award"].to_numpy() for rows in (trades, sets))
        self.time, self.price, self.par, self.history, self.lot, self.twin = (
            trades[f"{name}_level"].to_numpy(dtype=np.int64)
            for name in ("time", "price", "par", "history", "lot", "twin")
        )
        self.kind, self.count, self.gap = (
            sets[name].to_numpy(dtype=np.int64) for name in ("kind", "trades", "gap_level")
        )
        awarded = comparisons.awards["awarded_cents"].to_numpy()
        self.size_of_award = np.searchsorted(AWARD_SIZES_CENTS, awarded, side="right")
        self.size = self.size_of_award[self.award_of_trade]
        self.listed = np.bincount(self.award_of_trade, minlength=self.awards)
        # trades of the award that are others, where a set filled it
        self.left = self.listed[self.award_of_set] - self.count
        self.leg_set, self.leg_trade, self.leg_role = comparisons.leg_set, comparisons.leg_trade, comparisons.leg_role
        self.most_trades = max(int(self.count.max(initial=1)), 1)
        self.cell = self.kind * self.most_trades + self.count - 1
        self.cells = len(KINDS) * self.most_trades
        # the trades of a set have no order, but for the one that filled it in part
        has_largest = np.isin(self.kind, (IN_PART, IN_PART_OFF_PRICE))
        self.log_orders = gammaln(np.where(has_largest, self.count, self.count + 1))
        self.is_several = self.count > 1
        # a sum that is the award's is at no distance, an average price that agrees says more, of one trade par says it
        self.has_gap = np.isin(self.kind, (LESS, IN_PART_OFF_PRICE)) & self.is_several
        self.seconds = comparisons.seconds


def learn(comparisons: Comparisons) -> Learned:
    """Weights of all candidate sets, from levels that make what is seen likeliest. The same input, the same bits."""
    pairs = Pairs(comparisons)
    of_award = np.ones(pairs.awards)
    log_sets = np.where(pairs.kind == WHOLE, START_OF_WHOLE, 0) + START_PER_TRADE * pairs.count
    weights, _ = weigh(pairs, log_sets, np.zeros(pairs.awards), of_award)
    levels, chance = maximise(pairs, weights, of_award), chance_of(pairs, weights, of_award)
    for _ in range(ROUNDS):
        for _ in range(STEPS):
            weights, _ = weigh(pairs, *scores(pairs, levels, chance), of_award)
            levels = maximise(pairs, weights, of_award)
        chance = chance_of(pairs, weights, of_award)
    objectives = []
    for _ in range(MOST_STEPS):
        before = weights
        weights, likelihood = weigh(pairs, *scores(pairs, levels, chance), of_award)
        objectives.append(likelihood + log_others(pairs, levels, of_award) + log_prior(pairs, levels))
        if len(objectives) > 1 and np.abs(weights.sets - before.sets).max(initial=0) < NEAR:
            break
        levels = maximise(pairs, weights, of_award)
    return Learned(share_trades(comparisons, pairs, weights), levels, chance, tuple(objectives))


def weigh(pairs: Pairs, log_sets: np.ndarray, log_none: np.ndarray, of_award: np.ndarray) -> tuple[Weights, float]:
    """Weights that add up to 1 over the sets of an award and none, and the log of what they were divided by, summed
    over awards, each as often as `of_award` says."""
    most = log_none.copy()
    np.maximum.at(most, pairs.award_of_set, log_sets)
    of_sets, of_none = np.exp(log_sets - most[pairs.award_of_set]), np.exp(log_none - most)
    total = np.bincount(pairs.award_of_set, of_sets, pairs.awards) + of_none
    of_sets, of_none = of_sets / total[pairs.award_of_set], of_none / total
    of_trades = np.bincount(pairs.leg_trade, of_sets[pairs.leg_set], len(pairs.time))
    return Weights(of_sets, of_none, of_trades, log_sets, log_none), float(of_award @ (most + np.log(total)))


def scores(pairs: Pairs, levels: Levels, chance: Chance) -> tuple[np.ndarray, np.ndarray]:
    """Log weights of sets (sets,) and of none (awards,), up to what they share."""
    of_trade = (
        np.log(levels.m_time[pairs.time])
        + np.log(levels.m_history[pairs.par, pairs.history])
        + np.log(levels.m_lot[pairs.par, pairs.lot])
        + np.log(levels.m_twin[pairs.twin])
        - _log_intensity(pairs, levels)
    )
    by_role = np.array(
        [
            of_trade
            + np.log(levels.m_price[int(role not in (ALONE, ALONE_IN_PART)), pairs.price])
            + np.log(levels.m_par[pairs.size, role, pairs.par])
            for role in range(len(ROLES))
        ]
    )
    log_sets = np.bincount(pairs.leg_set, by_role[pairs.leg_role, pairs.leg_trade], len(pairs.kind))
    log_sets += np.log(levels.sets[pairs.cell]) + pairs.log_orders
    log_sets -= np.where(pairs.is_several, chance.kind[pairs.kind], 0)
    gap = np.log(levels.m_gap[pairs.kind, pairs.gap]) - chance.gap[pairs.kind, pairs.gap]
    log_sets += np.where(pairs.has_gap, gap, 0)
    of_count = _log_of_counts(pairs, levels.evenness, levels.others.sum(axis=(1, 2)))
    log_none = np.log(levels.sets[-1]) + of_count[pairs.size_of_award, pairs.listed]
    return log_sets + of_count[pairs.size_of_award[pairs.award_of_set], pairs.left], log_none


def _log_of_counts(pairs: Pairs, evenness: float, mean: np.ndarray) -> np.ndarray:
    """(sizes, most trades + 1) log of how likely so many others are, but for what their comparisons say: an award has
    the mean (sizes,) times a gamma distributed number, so that counts are negative binomial."""
    count = np.arange(pairs.listed.max(initial=0) + 1)
    of_spread = gammaln(evenness + count) - gammaln(evenness) + evenness * np.log(evenness)
    return of_spread - (evenness + count) * np.log(evenness + mean[:, None])


def _log_intensity(pairs: Pairs, levels: Levels) -> np.ndarray:
    """(trades,) log of the other trades per award that compare as this one."""
    return (
        np.log(levels.u_time[pairs.time])
        + np.log(levels.u_price[pairs.price])
        + np.log(levels.u_lot[pairs.par, pairs.lot])
        + np.log(levels.u_twin[pairs.twin])
        + np.log(levels.others[pairs.size, pairs.par, pairs.history])
    )


def log_others(pairs: Pairs, levels: Levels, of_award: np.ndarray) -> float:
    """Log likelihood of the comparisons of all trades, were they others."""
    return float(of_award[pairs.award_of_trade] @ _log_intensity(pairs, levels))


def log_prior(pairs: Pairs, levels: Levels) -> float:
    """What the trades and awards that are added to each level weigh: the other part of the objective."""
    of_trades = (
        *(levels.m_price, levels.u_price, levels.m_time, levels.u_time, levels.m_par, levels.m_history),
        *(levels.m_lot, levels.u_lot, levels.m_twin, levels.u_twin),
    )
    total = sum(np.log(share).sum() for share in (*of_trades, levels.m_gap))
    of_awards = np.log(levels.sets).sum() + np.log(levels.others).sum() - levels.others.sum()
    return float(TRADES_BEFORE * total + AWARDS_BEFORE * of_awards)


def maximise(pairs: Pairs, weights: Weights, of_award: np.ndarray) -> Levels:
    """The levels that make what is seen likeliest, given the weights: shares of what is counted with them."""
    of_trade, of_set = of_award[pairs.award_of_trade], of_award[pairs.award_of_set]
    by_role = np.bincount(
        pairs.leg_role * len(pairs.time) + pairs.leg_trade,
        weights.sets[pairs.leg_set],
        len(ROLES) * len(pairs.time),
    ).reshape(len(ROLES), -1)
    by_role = by_role * of_trade
    fills = by_role.sum(axis=0)
    others = np.maximum(1 - weights.trades, 0) * of_trade
    alone = by_role[ALONE] + by_role[ALONE_IN_PART]
    of_par = np.ravel_multi_index((pairs.par, pairs.history), _PAR)
    of_lot = np.ravel_multi_index((pairs.par, pairs.lot), _LOT)
    counted = np.bincount(pairs.cell, of_set * weights.sets, pairs.cells)
    gaps = _count_gaps(pairs, of_set * weights.sets)
    evenness, of_others = _others(pairs, weights, of_award, others)
    return Levels(
        sets=_shares(np.r_[counted, of_award @ weights.none] + AWARDS_BEFORE),
        m_time=_shares(_count(pairs.time, fills, "time")),
        u_time=_alike_near_the_close(_shares(_count(pairs.time, others, "time")), pairs.seconds),
        m_price=np.array([_shares(_count(pairs.price, part, "price")) for part in (alone, fills - alone)]),
        u_price=_shares(_count(pairs.price, others, "price")),
        m_par=np.array(
            [[_shares(_count(pairs.par, part * (pairs.size == size), "par")) for part in by_role] for size in _SIZES]
        ),
        m_history=_shares(np.bincount(of_par, fills, np.prod(_PAR)).reshape(_PAR) + TRADES_BEFORE),
        m_lot=_shares(np.bincount(of_lot, fills, np.prod(_LOT)).reshape(_LOT) + TRADES_BEFORE),
        u_lot=_shares(np.bincount(of_lot, others, np.prod(_LOT)).reshape(_LOT) + TRADES_BEFORE),
        m_twin=_shares(_count(pairs.twin, fills, "twin")),
        u_twin=_shares(_count(pairs.twin, others, "twin")),
        others=of_others,
        evenness=evenness,
        m_gap=_shares(gaps),
    )


def _others(pairs: Pairs, weights: Weights, of_award: np.ndarray, others: np.ndarray) -> tuple[float, np.ndarray]:
    """The likeliest evenness and (sizes, par, history) others per award, of trades that are others (trades,) as often
    as weights say. For an evenness e the mean of a size is the root of

        b mean² + mean ((N + b) e - A) - (K + A) e = 0

    of N awards with K others, A what is added before and b that of one cell: near K / N."""
    size, most = len(_SIZES), pairs.listed.max(initial=0) + 1
    cells = np.ravel_multi_index((pairs.size, pairs.par, pairs.history), (size, *_PAR))
    counted = np.bincount(cells, others, size * np.prod(_PAR)).reshape(size, *_PAR) + AWARDS_BEFORE
    added = AWARDS_BEFORE * np.prod(_PAR)
    in_all = counted.sum(axis=(1, 2))
    awards = np.bincount(pairs.size_of_award, of_award, size)
    # awards of a size with so many others
    places = np.r_[
        pairs.size_of_award[pairs.award_of_set] * most + pairs.left, pairs.size_of_award * most + pairs.listed
    ]
    often = np.r_[of_award[pairs.award_of_set] * weights.sets, of_award * weights.none]
    by_count = np.bincount(places, often, size * most).reshape(size, most)

    def means(evenness: float) -> np.ndarray:
        half = ((awards + AWARDS_BEFORE) * evenness - added) / 2
        return (np.sqrt(half**2 + AWARDS_BEFORE * in_all * evenness) - half) / AWARDS_BEFORE

    def lost(log_evenness: float) -> float:
        evenness = np.exp(log_evenness)
        mean = means(evenness)
        of_counts = (by_count * _log_of_counts(pairs, evenness, mean)).sum()
        return -float(of_counts + in_all @ np.log(mean) - AWARDS_BEFORE * mean.sum())

    found = minimize_scalar(lost, bounds=np.log(EVENNESS), method="bounded", options={"xatol": 1e-10})
    evenness = float(np.exp(found.x))
    return evenness, counted * (means(evenness) / in_all)[:, None, None]


_SIZES = range(len(AWARD_SIZES_CENTS) + 1)
_PAR = (LEVELS["par"], LEVELS["history"])
_LOT = (LEVELS["par"], LEVELS["lot"])


def _count(level: np.ndarray, weight: np.ndarray, name: str) -> np.ndarray:
    return np.bincount(level, weight, LEVELS[name]) + TRADES_BEFORE


def _count_gaps(pairs: Pairs, weight: np.ndarray) -> np.ndarray:
    gap = np.ravel_multi_index((pairs.kind, pairs.gap), (len(KINDS), LEVELS["gap"]))
    counts = np.bincount(gap, weight * pairs.has_gap, len(KINDS) * LEVELS["gap"])
    return counts.reshape(len(KINDS), -1) + TRADES_BEFORE


def _shares(counts: np.ndarray) -> np.ndarray:
    return counts / counts.sum(axis=-1, keepdims=True)


def _alike_near_the_close(share: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Other trades do not know when an operation closes: as many a second in every level that has a length."""
    has_length = ~np.isnan(seconds)
    alike = share.copy()
    alike[has_length] = share[has_length].sum() * seconds[has_length] / seconds[has_length].sum()
    return alike


def chance_of(pairs: Pairs, weights: Weights, of_award: np.ndarray) -> Chance:
    """Among sets in which at least one trade filled nothing: how often those of several trades add up to the award, how
    often their average price is the published one, and how far sums are from the award."""
    log_all = np.bincount(pairs.leg_set, np.log(np.maximum(weights.trades, _LEAST))[pairs.leg_trade], len(pairs.kind))
    by_chance = (1 - np.exp(log_all)) * of_award[pairs.award_of_set]
    of_kind = np.bincount(pairs.kind[pairs.is_several], by_chance[pairs.is_several], len(KINDS)) + AWARDS_BEFORE
    kind = np.zeros(len(KINDS))
    kind[[WHOLE, WHOLE_OFF_PRICE]] = np.log(of_kind[[WHOLE, WHOLE_OFF_PRICE]] / of_kind.sum())
    parts = [IN_PART, IN_PART_OFF_PRICE]
    kind[parts] = np.log(of_kind[parts] / of_kind[parts].sum())
    return Chance(kind, np.log(_shares(_count_gaps(pairs, by_chance * (1 - weights.sets)))))


def share_trades(comparisons: Comparisons, pairs: Pairs, weights: Weights) -> Weights:
    """A trade fills one award at most: a set counts as far as the other awards of its CUSIP and day leave its trades.

    Each award is weighed given what the others are weighed at, a few times over: their trades are taken as if
    independent, which is exact where the others are certain.
    """
    key, leg_trade = comparisons.trade_key, pairs.leg_trade
    of_award = np.ones(pairs.awards)
    shared = weights
    for _ in range(ROUNDS_OF_SHARING if len(key) > key.max(initial=-1) + 1 else 0):
        taken = np.bincount(key, shared.trades)[key] - shared.trades
        left = np.log(np.clip(1 - taken, _LEAST, 1))
        log_sets = weights.log_sets + np.bincount(pairs.leg_set, left[leg_trade], len(pairs.kind))
        shared, _ = weigh(pairs, log_sets, weights.log_none, of_award)
    return shared
