"""Multiple imputation of the match: draws from its weights, and what estimates on several draws say together.

After Rubin (1987). Before each draw, levels are learned again from awards that count by random weights (the Bayesian
bootstrap of Rubin 1981), so that draws also differ by what is not known of the levels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from dealer_limits.matching.comparisons import Comparisons
from dealer_limits.matching.weights import Learned, Pairs, maximise, scores, weigh

# from the levels of all awards on, to those of awards that count otherwise
STEPS_OF_A_DRAW = 5


@dataclass(frozen=True)
class Pooled:
    """Several estimates of one coefficient, (k,) each: see `pool`.

    coef, se: mean, and its standard error. within, between: parts of its variance. df: degrees of freedom. p:
    two-sided. missing: fraction of information that is missing because the match is not known.
    """

    coef: np.ndarray
    se: np.ndarray
    within: np.ndarray
    between: np.ndarray
    df: np.ndarray
    p: np.ndarray
    missing: np.ndarray


def draws(comparisons: Comparisons, learned: Learned, count: int, seed: int) -> Iterator[np.ndarray]:
    """`count` draws of the match: per award the row of its set in `comparisons.sets`, -1 for none. (awards,) each."""
    pairs = Pairs(comparisons)
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        of_award = rng.exponential(size=pairs.awards)
        levels = learned.levels
        for _ in range(STEPS_OF_A_DRAW):
            weights, _ = weigh(pairs, *scores(pairs, levels, learned.chance), of_award)
            levels = maximise(pairs, weights, of_award)
        yield draw(comparisons, pairs, *scores(pairs, levels, learned.chance), rng)


def draw(
    comparisons: Comparisons, pairs: Pairs, log_sets: np.ndarray, log_none: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """One set per award, or none (-1), drawn by these log weights. (awards,).

    Awards of a CUSIP and day take turns in the order of their operations; a set with a trade that an earlier award
    has drawn is left out, so that a trade fills one award at most.
    """
    turn = np.zeros(pairs.awards, dtype=np.int64)
    turn[pairs.award_of_trade] = comparisons.trades["award_of_cusip_day"]
    # the largest of weights with Gumbel noise is a draw by the weights
    key_of_set, key_of_none = log_sets + rng.gumbel(size=len(log_sets)), log_none + rng.gumbel(size=len(log_none))
    chosen = np.full(pairs.awards, -1)
    is_taken = np.zeros(comparisons.trade_key.max(initial=-1) + 1, dtype=bool)
    for number in range(turn.max(initial=0) + 1):
        blocked = np.bincount(pairs.leg_set, is_taken[comparisons.trade_key[pairs.leg_trade]], len(log_sets)) > 0
        key = np.where(blocked, -np.inf, key_of_set)
        best = np.full(pairs.awards, -np.inf)
        np.maximum.at(best, pairs.award_of_set, key)
        wins = (key == best[pairs.award_of_set]) & (key > key_of_none[pairs.award_of_set])
        wins &= turn[pairs.award_of_set] == number
        chosen[pairs.award_of_set[wins]] = np.flatnonzero(wins)
        is_taken[comparisons.trade_key[pairs.leg_trade[wins[pairs.leg_set]]]] = True
    return chosen


def pool(coefs: np.ndarray, errors: np.ndarray) -> Pooled:
    """Rubin's rules. `coefs`, `errors`: (draws, k) estimates and standard errors of m >= 2 draws.

        T = W + (1 + 1/m) B,   r = (1 + 1/m) B / W,   df = (m - 1) (1 + 1/r)^2,   missing = (r + 2 / (df + 3)) / (r + 1)

    with W the mean of the squared errors and B the variance of the estimates. Draws that agree leave the normal
    distribution.
    """
    count = len(coefs)
    within, between = np.square(errors).mean(axis=0), coefs.var(axis=0, ddof=1)
    added = (1 + 1 / count) * between
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = added / within
        df = (count - 1) * np.square(1 + 1 / ratio)
        missing = (ratio + 2 / (df + 3)) / (ratio + 1)
        coef, se = coefs.mean(axis=0), np.sqrt(within + added)
        p = 2 * stats.t.sf(np.abs(coef / se), df)
    return Pooled(coef, se, within, between, df, p, missing)
