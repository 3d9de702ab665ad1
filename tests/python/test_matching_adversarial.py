"""Exact sums where subsets cannot be counted: hundreds of trades of odd pars, within 1 GB of memory.

The expected subset is found over reachable sums held in Python's integers, one bit per sum.
"""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from matching_oracle import RULES, Award, CusipDay, Match, Trade, compile_matching

LISTED_TRADES = 12
TRADES = 300
MEMORY_LIMIT = "set memory_limit = '1GB'; set threads = 2"
THOUSAND, HUNDRED, DOLLAR = 100_000, 10_000, 100
AVERAGE_PRICE = Fraction("100.015625")


def odd_trades(unit: int, low: int, high: int, seed: int, count: int = TRADES) -> tuple[Trade, ...]:
    """Trades of odd numbers of units between `low` and `high`, each a second farther from the close."""
    random_numbers = random.Random(seed)
    return tuple(
        Trade(
            second,
            unit * random_numbers.randrange(low | 1, high, 2),
            Fraction(random_numbers.randrange(6400, 6410), 64),
        )
        for second in range(1, count + 1)
    )


def one_award(trades: tuple[Trade, ...], par: int) -> CusipDay:
    return CusipDay((Award(0, par, AVERAGE_PRICE),), trades)


def nearest_subset(day: CusipDay, unit: int) -> set[int] | None:
    """Of the subsets that add up to the only award, the one that avoids the farthest trades."""
    target = day.awards[0].par // unit
    # bit s of the n-th integer: the n nearest trades reach s
    reachable = [1]
    for trade in day.trades:
        if reachable[-1] >> target & 1:
            break
        reachable.append((reachable[-1] | reachable[-1] << trade.par // unit) & (2 << target) - 1)
    if not reachable[-1] >> target & 1:
        return None
    chosen = set()
    for place in reversed(range(len(reachable) - 1)):
        if not reachable[place] >> target & 1:
            chosen.add(place)
            target -= day.trades[place].par // unit
    return chosen


def match_one(day: CusipDay) -> dict[str, Match]:
    (by_rule,) = compile_matching(LISTED_TRADES).match_all([day], MEMORY_LIMIT)
    return by_rule


@pytest.mark.parametrize(("unit", "low", "high"), [(THOUSAND, 501, 2000), (HUNDRED, 5001, 8000)])
def test_three_hundred_odd_pars_are_solved_exactly(unit: int, low: int, high: int) -> None:
    trades = odd_trades(unit, low, high, seed=300)
    # all but the nearest: out of reach until the farthest trade is searched
    day = one_award(trades, sum(trade.par for trade in trades[1:]))
    by_rule = match_one(day)
    for rule in RULES:
        legs = by_rule[rule].legs
        assert {kind for kind, _ in legs.values()} == {"exact"}
        assert sum(cents for _, cents in legs.values()) == day.awards[0].par
        assert all(cents == trades[trade].par for (_, trade), (_, cents) in legs.items())
    assert {trade for _, trade in by_rule["paper"].legs} == nearest_subset(day, unit)


def test_sums_of_many_trades_avoid_the_farthest() -> None:
    random_numbers = random.Random(40)
    days = []
    for number in range(200):
        trades = odd_trades(THOUSAND, 501, 4000, seed=number, count=random_numbers.randrange(13, 40))
        taken = random_numbers.sample(trades, random_numbers.randrange(1, len(trades)))
        days.append(one_award(trades, sum(trade.par for trade in taken)))
    for day, by_rule in zip(days, compile_matching(LISTED_TRADES).match_all(days, MEMORY_LIMIT), strict=True):
        assert {trade for _, trade in by_rule["paper"].legs} == nearest_subset(day, THOUSAND)
        for rule in RULES:
            assert sum(cents for _, cents in by_rule[rule].legs.values()) == day.awards[0].par


def test_award_that_no_subset_reaches_has_no_exact_sum() -> None:
    # even numbers of thousands never add up to an odd one
    trades = tuple(
        Trade(trade.executed, 2 * trade.par, trade.price) for trade in odd_trades(THOUSAND, 251, 1000, seed=1)
    )
    by_rule = match_one(one_award(trades, 201_001 * THOUSAND))
    for rule in RULES:
        assert by_rule[rule].exact_subsets == {0: 0}
        assert {kind for kind, _ in by_rule[rule].legs.values()} == {"by_price"}


def test_search_beyond_the_bound_is_flagged() -> None:
    trades = odd_trades(DOLLAR, 500_001, 2_000_000, seed=2)
    by_rule = match_one(one_award(trades, sum(trade.par for trade in trades[100:250])))
    for rule in RULES:
        assert by_rule[rule].exact_subsets == {0: None}
        assert {kind for kind, _ in by_rule[rule].legs.values()} == {"by_price"}


def test_award_beyond_the_bound_is_not_flagged_where_the_nearest_trades_reach_it() -> None:
    trades = odd_trades(DOLLAR, 500_001, 2_000_000, seed=3)
    by_rule = match_one(one_award(trades, sum(trade.par for trade in trades[2:9])))
    for rule in RULES:
        assert by_rule[rule].exact_subsets == {0: 1}
        assert {trade for _, trade in by_rule[rule].legs} == set(range(2, 9))


def test_two_large_trades_behind_twelve_small_ones_fill_an_award() -> None:
    """To the dollar $300m has more sums than the bound; the fourteen nearest trades reach far fewer."""
    small = odd_trades(DOLLAR, 500_001, 2_000_000, seed=4, count=TRADES)
    large = tuple(Trade(second, 150_000_000 * DOLLAR, Fraction(100)) for second in (13, 14))
    by_rule = match_one(one_award((*small[:12], *large, *small[14:]), 300_000_000 * DOLLAR))
    for rule in RULES:
        assert by_rule[rule].exact_subsets == {0: 1}
        assert {trade for _, trade in by_rule[rule].legs} == {12, 13}
