"""Weights of the match: what they are by definition, what they promise, and what draws from them give."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from dealer_limits.matching import weights as module
from dealer_limits.matching.comparisons import KINDS, LEVELS, Comparisons, arrange
from dealer_limits.matching.imputation import draws, pool
from dealer_limits.matching.judgement import reliability
from dealer_limits.matching.marts import in_millionths, names_of_kinds
from dealer_limits.matching.weights import (
    AWARDS_BEFORE,
    TRADES_BEFORE,
    Chance,
    Learned,
    Levels,
    Pairs,
    chance_of,
    learn,
    log_others,
    log_prior,
    maximise,
    scores,
    share_trades,
    weigh,
)

PAR = 100
SECONDS = (math.nan, 3000, 600, 600, 600, 600, 1800, 3600, math.nan, math.nan)
# a world that is planted: shares of levels among fills, and among others
M_TIME, U_TIME = (0, 0, 0.1, 0.6, 0.1, 0, 0.1, 0.1, 0, 0), (0.2, 0.2, 0.04, 0.04, 0.04, 0.04, 0.12, 0.22, 0.1, 0)
NEVER = (0,) * 11
M_PRICE, U_PRICE = (
    (0, 0.3, 0.3, 0.2, 0.1, 0.1, 0, 0, 0, *NEVER),
    (0.01, 0.05, 0.09, 0.15, 0.2, 0.2, 0.2, 0.1, 0, *NEVER),
)
M_HISTORY, U_HISTORY = (0.05, 0.05, 0.2, 0.5, 0.2), (0.2, 0.4, 0.2, 0.1, 0.1)
M_LOT, U_LOT = (0.7, 0.2, 0.1), (0.5, 0.2, 0.3)
M_TWIN, U_TWIN = (0.8, 0.2), (0.95, 0.05)
KIND_OF_AWARD = {"alone": 0.4, "two": 0.3, "one of two": 0.15, "more than it": 0.05, "none": 0.1}


def plant(seed: int, awards: int, others: float = 1.5, cusip_days: int = 1) -> tuple[Comparisons, np.ndarray]:
    """A world as the weights see it, and of each set whether it truly filled its award.

    Of `cusip_days` awards after each other the same CUSIP is bought on a day: they have the trades of all of them.
    """
    rng = np.random.default_rng(seed)
    kinds = rng.choice([*KIND_OF_AWARD], awards, p=[*KIND_OF_AWARD.values()])
    rows: list[dict] = []
    truth: dict[str, set[str]] = {}
    for award, kind in enumerate(kinds):
        first = int(rng.integers(20, 80))
        pars = {
            "alone": [PAR],
            "two": [first, PAR - first],
            "one of two": [first],
            "more than it": [PAR + first],
            "none": [],
        }
        fills = [(par, True) for par in pars[kind]]
        noise = [(int(par), False) for par in rng.integers(20, 200, rng.poisson(others))]
        name = f"a{award:05d}"
        truth[name] = set()
        for number, (par, is_fill) in enumerate([*fills, *noise]):
            trade = f"{name}-{number}"
            if is_fill:
                truth[name].add(trade)
            of_fills, of_others = (
                (M_TIME, M_PRICE, M_HISTORY, M_LOT, M_TWIN),
                (U_TIME, U_PRICE, U_HISTORY, U_LOT, U_TWIN),
            )
            time, price, history, lot, twin = (
                int(rng.choice(len(share), p=share)) for share in (of_fills if is_fill else of_others)
            )
            if is_fill and kind in ("alone", "more than it"):
                price = 0
            wanted = range(award - award % cusip_days, min(award - award % cusip_days + cusip_days, awards))
            rows += [
                {"award_id": f"a{other:05d}", "trade_id": trade, "par_cents": par, "price_level": price,
                 "time_level": time if other == award else 0, "history_level": history,
                 "lot_level": lot, "twin_level": twin, "award_of_cusip_day": other % cusip_days + 1}
                for other in wanted
            ]  # fmt: skip
    trades = pd.DataFrame(rows)
    par = trades["par_cents"]
    trades["par_level"] = np.where(par == PAR, 0, 1 + np.searchsorted([5, 25, PAR], par, side="right"))
    trades["is_in_window"] = trades["time_level"].between(2, 5)
    trades["time_level_seconds"] = np.array(SECONDS)[trades["time_level"]]
    trades["dealer_mpid"] = "D"
    trades = trades.sort_values(["award_id", "par_cents", "trade_id"], ascending=[True, False, True], ignore_index=True)
    trades["place"] = trades.groupby("award_id").cumcount() + 1
    sets = sets_of(trades, truth)
    listed = pd.DataFrame({"award_id": [*truth], "awarded_cents": PAR, "match_kind": "none"})
    return arrange(listed, trades, sets.drop(columns="is_true")), sets["is_true"].to_numpy()


def sets_of(trades: pd.DataFrame, truth: dict[str, set[str]]) -> pd.DataFrame:
    """Every set that may have filled its award, by enumeration. Of several trades only the true one is at its price."""
    rows = []
    for award, listed in trades.groupby("award_id"):
        places = list(listed[["place", "par_cents", "trade_id"]].itertuples(index=False, name=None))
        for count in range(1, len(places) + 1):
            for chosen in combinations(places, count):
                total, largest = sum(par for _, par, _ in chosen), max(par for _, par, _ in chosen)
                if total - largest >= PAR:
                    continue
                is_true = {trade for _, _, trade in chosen} == truth[str(award)]
                kind = "less" if total < PAR else "whole" if total == PAR else "in part"
                if kind != "less" and count > 1 and not is_true:
                    kind += ", off price"
                gap = int(np.searchsorted([0.02, 0.1, 0.25, 0.5, 1], abs(total - PAR) / PAR, side="right"))
                candidate = sum(2 ** (place - 1) for place, _, _ in chosen)
                rows.append((award, candidate, count, kind, gap, min(total, PAR), is_true))
    columns = ["award_id", "candidate", "trades", "kind", "gap_level", "filled_cents", "is_true"]
    return pd.DataFrame(rows, columns=columns).sort_values(["award_id", "candidate"], ignore_index=True)


def enumerated(comparisons: Comparisons) -> Callable[[Levels, Chance], tuple[float, dict[tuple[int, int], float]]]:
    """What gives, by plain enumeration, the log likelihood of levels, priors aside, and the posterior of each award's
    candidates (0 for none)."""
    columns = ["time_level", "price_level", "history_level", "par_level", "lot_level", "twin_level"]
    trades = list(comparisons.trades[columns].itertuples(index=False))
    members: dict[int, list[int]] = {}
    for row, trade in zip(comparisons.leg_set.tolist(), comparisons.leg_trade.tolist(), strict=True):
        members.setdefault(row, []).append(trade)
    of_award: dict[int, list[tuple]] = {award: [] for award in range(len(comparisons.awards))}
    columns = ["award", "kind", "trades", "gap_level", "candidate"]
    for row, (award, *told) in enumerate(comparisons.sets[columns].to_numpy().tolist()):
        of_award[award].append((*told, members[row]))
    most = int(comparisons.sets["trades"].max())
    listed = comparisons.trades["award"].value_counts().reindex(range(len(comparisons.awards)), fill_value=0).tolist()

    def told(levels: Levels, chance: Chance) -> tuple[float, dict[tuple[int, int], float]]:
        rate = [
            levels.u_time[t.time_level] * levels.u_price[t.price_level]
            * levels.others[0, t.par_level, t.history_level] * levels.u_lot[t.par_level, t.lot_level]
            * levels.u_twin[t.twin_level]
            for t in trades
        ]  # fmt: skip
        total, posterior = sum(map(math.log, rate)), {}
        shape, mean = levels.evenness, levels.others[0].sum()

        def of_count(count: int) -> float:
            # the probability of so many of a Poisson process of gamma distributed mean, but for mean^count / count!
            return stats.nbinom.pmf(count, shape, shape / (shape + mean)) * math.factorial(count) / mean**count

        for award, sets in of_award.items():
            terms = {0: levels.sets[-1] * of_count(listed[award])}
            for kind, count, gap, candidate, places in sets:
                is_part = KINDS[kind].startswith("in part")
                term = levels.sets[kind * most + count - 1] * math.factorial(count - is_part)
                term *= of_count(listed[award] - count)
                if count > 1 and KINDS[kind] != "less":
                    term /= math.exp(chance.kind[kind])
                if count > 1 and KINDS[kind] in ("less", "in part, off price"):
                    term *= levels.m_gap[kind, gap] / math.exp(chance.gap[kind, gap])
                for place in places:
                    t = trades[place]
                    if count == 1 and KINDS[kind] == "less":
                        role, price = 4, 1
                    elif count == 1:
                        role, price = (1 if is_part else 0), 0
                    else:
                        role, price = (3 if is_part and place == min(places) else 2), 1
                    term *= levels.m_time[t.time_level] * levels.m_price[price, t.price_level]
                    term *= levels.m_par[0, role, t.par_level] * levels.m_history[t.par_level, t.history_level]
                    term *= levels.m_lot[t.par_level, t.lot_level] * levels.m_twin[t.twin_level]
                    term /= rate[place]
                terms[candidate] = term
            whole = sum(terms.values())
            total += math.log(whole)
            posterior |= {(award, candidate): term / whole for candidate, term in terms.items()}
        return total, posterior

    return told


def objective(pairs: Pairs, levels: Levels, chance: Chance) -> float:
    of_award = np.ones(pairs.awards)
    _, total = weigh(pairs, *scores(pairs, levels, chance), of_award)
    return total + log_others(pairs, levels, of_award) + log_prior(pairs, levels)


def test_weights_are_those_of_bayes_rule_over_all_sets_of_an_award_and_none() -> None:
    comparisons, _ = plant(1, 40)
    pairs, learned = Pairs(comparisons), learn(comparisons)

    expected, posterior = enumerated(comparisons)(learned.levels, learned.chance)

    sets = comparisons.sets
    found = dict(zip(zip(sets["award"], sets["candidate"], strict=True), learned.weights.sets, strict=True))
    found |= {(award, 0): weight for award, weight in enumerate(learned.weights.none)}
    assert found == pytest.approx(posterior, abs=1e-9)
    assert objective(pairs, learned.levels, learned.chance) == pytest.approx(
        expected + log_prior(pairs, learned.levels), abs=1e-6
    )


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), awards=st.integers(8, 20), others=st.floats(0.5, 3))
def test_no_step_of_expectation_and_maximisation_lowers_the_likelihood(seed: int, awards: int, others: float) -> None:
    comparisons, _ = plant(seed, awards, others)
    pairs, of_award = Pairs(comparisons), np.ones(awards)
    rng = np.random.default_rng(seed)
    weights, _ = weigh(pairs, rng.normal(size=len(pairs.kind)), np.zeros(awards), of_award)
    chance = chance_of(pairs, weights, of_award)
    reached = []
    for _ in range(12):
        levels = maximise(pairs, weights, of_award)
        reached.append(objective(pairs, levels, chance))
        weights, _ = weigh(pairs, *scores(pairs, levels, chance), of_award)

    assert np.diff(reached).min() >= -1e-8 * abs(reached[0])


def test_brute_force_climbs_no_higher_than_the_steps_do() -> None:
    """Shares of times and of kinds of sets, sought by a general optimiser on the enumerated likelihood."""
    comparisons, _ = plant(3, 25, 1.0)
    pairs, learned = Pairs(comparisons), learn(comparisons)
    levels, chance, told = learned.levels, learned.chance, enumerated(comparisons)

    def of_shares(free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        time, sets = free[: LEVELS["time"]], free[LEVELS["time"] :]
        return np.exp(time) / np.exp(time).sum(), np.exp(sets) / np.exp(sets).sum()

    def lost(free: np.ndarray) -> float:
        m_time, sets = of_shares(free)
        tried = replace(levels, m_time=m_time, sets=sets)
        found, _ = told(tried, chance)
        return -found - TRADES_BEFORE * np.log(m_time).sum() - AWARDS_BEFORE * np.log(sets).sum()

    start = np.zeros(LEVELS["time"] + len(levels.sets))
    best = optimize.minimize(lost, start, method="L-BFGS-B", options={"maxiter": 15})

    m_time, sets = of_shares(best.x)
    climbed = objective(pairs, replace(levels, m_time=m_time, sets=sets), chance)
    assert climbed <= objective(pairs, levels, chance) + 1e-6
    assert m_time == pytest.approx(levels.m_time, abs=0.02)


@pytest.fixture(scope="module")
def world() -> tuple[Comparisons, np.ndarray, Learned]:
    """A planted world with many other trades, which of its sets are true, and what is learned without that."""
    comparisons, is_true = plant(5, 1500, 2.5)
    return comparisons, is_true, learn(comparisons)


def test_weights_are_right_as_often_as_they_say_in_a_world_that_has_what_they_assume(
    world: tuple[Comparisons, np.ndarray, Learned],
) -> None:
    comparisons, is_true, learned = world

    judged = reliability(comparisons, learned.weights, is_true, np.zeros(len(comparisons.trades)))

    sets = judged[judged["of"] == "sets"]
    totals = pd.DataFrame(
        {
            "count": sets["count"],
            "said": sets["count"] * sets["mean_weight"],
            "right": sets["count"] * sets["share_right"],
            "variance": (sets["count"] * sets["se"]) ** 2,
        }
    )
    # nearly impossible, unlikely, open, likely and nearly certain ones
    grouped = totals.groupby(np.searchsorted([0.05, 0.3, 0.7, 0.95], sets["low"], side="right")).sum()
    assert (grouped["count"] > 50).all()
    off = (grouped["right"] - grouped["said"]).abs()
    assert (off <= 3 * np.sqrt(grouped["variance"]) + 0.01 * grouped["count"]).all(), grouped


def test_what_is_learned_is_what_was_planted(world: tuple[Comparisons, np.ndarray, Learned]) -> None:
    _, _, learned = world

    assert learned.levels.m_time == pytest.approx(np.array(M_TIME), abs=0.02)
    # of trades of the award's par, of which nearly all are fills
    assert learned.levels.m_history[0] == pytest.approx(np.array(M_HISTORY), abs=0.06)
    assert learned.levels.others[0].sum() == pytest.approx(2.5, abs=0.15)
    # of less than the award, from a quarter on, where there are enough of both
    assert learned.levels.m_lot[3] == pytest.approx(np.array(M_LOT), abs=0.06)
    assert learned.levels.u_lot[3] == pytest.approx(np.array(U_LOT), abs=0.06)
    assert learned.levels.m_twin == pytest.approx(np.array(M_TWIN), abs=0.03)
    # a Poisson process, of which all awards have as many
    assert learned.levels.evenness > 30
    assert learned.levels.sets[-1] == pytest.approx(KIND_OF_AWARD["none"], abs=0.03)


def test_others_are_as_many_a_second_on_either_side_of_the_close(
    world: tuple[Comparisons, np.ndarray, Learned],
) -> None:
    levels = world[2].levels
    per_second = (levels.u_time / np.array(SECONDS))[1:8]

    assert per_second == pytest.approx(np.full(7, per_second[0]))


def test_a_trade_that_another_award_surely_has_fills_none_of_this_one() -> None:
    comparisons, is_true = plant(8, 100, cusip_days=2)
    pairs, of_award = Pairs(comparisons), np.ones(100)
    # as if the truth were known of every first award, and nothing of every second
    award = comparisons.sets["award"].to_numpy()
    log_sets = np.where(award % 2 == 0, np.where(is_true, 50.0, -50.0), 0.0)
    given, _ = weigh(pairs, log_sets, np.zeros(100), of_award)

    shared = share_trades(comparisons, pairs, given)

    taken = np.bincount(comparisons.trade_key, given.trades * (comparisons.trades["award"].to_numpy() % 2 == 0)) > 0.99
    is_taken = np.bincount(comparisons.leg_set, taken[comparisons.trade_key[comparisons.leg_trade]], len(award)) > 0
    assert given.sets[(award % 2 == 1) & is_taken].max() > 0.1
    assert shared.sets[(award % 2 == 1) & is_taken].max() < 1e-6
    assert np.bincount(award, shared.sets, 100) + shared.none == pytest.approx(np.ones(100))


def test_published_weights_add_up_to_a_million_millionths_per_award(
    world: tuple[Comparisons, np.ndarray, Learned],
) -> None:
    comparisons, _, learned = world
    of_sets, of_none = in_millionths(comparisons, learned.weights)

    assert (np.bincount(comparisons.sets["award"], of_sets, len(of_none)) + of_none == 1_000_000).all()
    assert min(of_sets.min(), of_none.min()) >= 0


def test_no_draw_lets_a_trade_fill_two_awards_and_legs_add_up_to_what_is_filled() -> None:
    comparisons, _ = plant(10, 60, cusip_days=3)
    learned = learn(comparisons)

    for chosen in draws(comparisons, learned, 5, 1969):
        is_chosen = np.isin(comparisons.leg_set, chosen[chosen >= 0])
        keys = comparisons.trade_key[comparisons.leg_trade[is_chosen]]
        assert len(np.unique(keys)) == len(keys) > 40
        assert (comparisons.sets["award"].to_numpy()[chosen[chosen >= 0]] == np.flatnonzero(chosen >= 0)).all()
    filled = np.bincount(comparisons.leg_set, comparisons.leg_cents, len(comparisons.sets))
    assert (filled == comparisons.sets["filled_cents"]).all()
    assert comparisons.leg_cents.min() > 0


def test_sets_are_drawn_as_often_as_their_weights_say_and_again_with_the_same_seed(
    world: tuple[Comparisons, np.ndarray, Learned],
) -> None:
    comparisons, _, learned = world
    drawn = list(draws(comparisons, learned, 40, 7))

    often = np.zeros(len(comparisons.sets))
    for chosen in drawn:
        often[chosen[chosen >= 0]] += 1 / len(drawn)

    unsure = (learned.weights.sets > 0.2) & (learned.weights.sets < 0.8)
    assert unsure.sum() > 30
    assert np.polyfit(learned.weights.sets[unsure], often[unsure], 1) == pytest.approx([1, 0], abs=0.15)
    again = list(draws(comparisons, learned, 2, 7))
    assert (np.array(again) == np.array(drawn[:2])).all()


def test_kinds_of_sets_are_the_levels_of_the_paper(world: tuple[Comparisons, np.ndarray, Learned]) -> None:
    comparisons = world[0]
    level, kind = names_of_kinds(comparisons)

    sets = comparisons.sets.assign(level=level, match_kind=kind)
    lone = comparisons.trades["is_in_window"].to_numpy()[comparisons.leg_trade]
    first = np.zeros(len(sets), bool)
    first[comparisons.leg_set] = lone
    is_lone = (sets["kind"] == 0) & (sets["trades"] == 1)
    assert set(sets[is_lone & first]["match_kind"]) == {"equal"} and set(sets[is_lone & first]["level"]) == {1}
    assert set(sets[is_lone & ~first]["match_kind"]) == {"lone"} and set(sets[is_lone & ~first]["level"]) == {2}
    assert set(sets[(sets["kind"] <= 1) & ~is_lone]["match_kind"]) == {"exact"}
    assert set(sets[sets["kind"] == 2]["match_kind"]) == {"partial"}
    assert set(sets[sets["kind"] >= 3]["match_kind"]) == {"by_price"} and set(sets[sets["kind"] >= 3]["level"]) == {3}


def test_rubins_rules_add_what_draws_differ_by_to_the_error() -> None:
    """The worked formulas of Rubin (1987), section 3.1, by hand: W = 0.04, B = 0.01, T = 0.04 + 4/3 * 0.01."""
    pooled = pool(np.array([[1.0], [1.1], [0.9]]), np.full((3, 1), 0.2))

    ratio = (4 / 3 * 0.01) / 0.04
    df = 2 * (1 + 1 / ratio) ** 2
    assert pooled.coef == pytest.approx(1.0)
    assert pooled.se == pytest.approx(math.sqrt(0.04 + 4 / 3 * 0.01))
    assert pooled.df == pytest.approx(df)
    assert pooled.missing == pytest.approx((ratio + 2 / (df + 3)) / (ratio + 1))
    assert pooled.p == pytest.approx(2 * stats.t.sf(1 / pooled.se[0], df))


def test_draws_that_agree_miss_no_information() -> None:
    pooled = pool(np.full((5, 2), 0.3), np.full((5, 2), 0.1))

    assert pooled.se == pytest.approx([0.1, 0.1])
    assert pooled.missing == pytest.approx([0, 0])
    assert pooled.p == pytest.approx(2 * stats.norm.sf(3))


def test_world_without_a_trade_near_an_award_is_weighed_as_none() -> None:
    comparisons, _ = plant(13, 30)
    lonely = pd.concat(
        [comparisons.awards, pd.DataFrame([{"award_id": "z", "awarded_cents": PAR, "match_kind": "none"}])]
    )
    arranged = arrange(
        lonely.reset_index(drop=True),
        comparisons.trades.drop(columns="award"),
        comparisons.sets.assign(kind=np.array(KINDS)[comparisons.sets["kind"]]).drop(columns="award"),
    )

    assert learn(arranged).weights.none[-1] == 1


def test_awards_without_a_trade_count_among_those_that_none_filled() -> None:
    levels = learn(plant(15, 500, 0.3)[0]).levels

    assert levels.sets[-1] == pytest.approx(KIND_OF_AWARD["none"], abs=0.04)


def test_start_of_the_steps_is_of_no_consequence(monkeypatch: pytest.MonkeyPatch) -> None:
    comparisons, _ = plant(14, 600)
    usual = learn(comparisons).weights
    monkeypatch.setattr(module, "START_OF_WHOLE", 3.0)
    monkeypatch.setattr(module, "START_PER_TRADE", -1.0)

    assert learn(comparisons).weights.sets == pytest.approx(usual.sets, abs=0.01)
