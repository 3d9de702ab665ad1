"""The matching models agree with the brute-force match, award by award, trade by trade and cent by cent."""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from matching_oracle import RULES, Award, CusipDay, Match, MatchingSql, Trade, compile_matching, match

# one run of the models matches them all: the models take a second for one CUSIP-day or for two hundred
DAYS_PER_EXAMPLE = 100
EXAMPLES = 4
RANDOM_DAYS = 2000

MN = 100_000_000
# cents
ROUND_PARS = (MN // 2, MN, 2 * MN, 3 * MN, 5 * MN, 10 * MN, 1_537_000_00)
# seconds from the close of an operation, on both sides of the window of level 1
SECONDS = (-9000, -601, -600, -30, 0, 30, 31, 600, 1800, 1801, 9000)
CLOSES = (0, 0, 60, 1200, 3600)
PRICES = tuple(Fraction(price) for price in ("99.5", "100", "100.015625", "100.03125", "100.000001"))
AVERAGES = (*PRICES, Fraction("100.007813"), Fraction("99.999999"), None)


@dataclass(frozen=True)
class Setting:
    """The compiled models, and the cents by which odd pars and awards miss round ones."""

    matching_sql: MatchingSql
    step: int

    @property
    def pars(self) -> tuple[int, ...]:
        return (*ROUND_PARS, MN - self.step, MN + self.step, 2 * MN + self.step)


@pytest.fixture(
    scope="module",
    # beyond 3 nearest trades even small cases are searched as bit strings, which do not go down to the cent
    params=[(12, 1), (3, 100_000)],
    ids=["lists", "bit_strings"],
)
def setting(request: pytest.FixtureRequest) -> Setting:
    listed_trades, step = request.param
    return Setting(compile_matching(listed_trades), step)


@st.composite
def cusip_days(draw: st.DrawFn, setting: Setting) -> CusipDay:
    closes = sorted(draw(st.lists(st.sampled_from(CLOSES), min_size=1, max_size=3)))
    trades = draw(
        st.lists(
            st.builds(
                lambda closed, seconds, par, price: Trade(closed + seconds, par, price),
                st.sampled_from(closes),
                st.sampled_from(SECONDS),
                st.sampled_from(setting.pars),
                st.sampled_from(PRICES),
            ),
            max_size=9,
        )
    )
    awards = []
    for closed in closes:
        # an exact sum, or one a little off, or any par
        taken = draw(st.integers(0, 2 ** len(trades) - 1))
        reached = sum(trade.par for place, trade in enumerate(trades) if taken >> place & 1)
        par = reached + draw(st.sampled_from((0, 0, 0, -setting.step, setting.step)))
        awards.append(
            Award(
                closed,
                par if par > 0 else draw(st.sampled_from(setting.pars)),
                draw(st.sampled_from(AVERAGES)),
            )
        )
    return CusipDay(tuple(awards), tuple(trades))


@given(data=st.data())
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    # a CUSIP-day is small as it is, and to shrink a list of them takes minutes
    phases=[Phase.generate],
    # the compiled models hold no state
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
        HealthCheck.too_slow,
    ],
)
def test_models_agree_with_brute_force_on_drawn_cusip_days(setting: Setting, data: st.DataObject) -> None:
    drawn = st.lists(cusip_days(setting), min_size=DAYS_PER_EXAMPLE, max_size=DAYS_PER_EXAMPLE)
    assert_agree(setting.matching_sql, data.draw(drawn))


def test_models_agree_with_brute_force_on_two_thousand_random_cusip_days(setting: Setting) -> None:
    random_numbers = random.Random(20200316)
    days = [random_cusip_day(random_numbers, setting) for _ in range(RANDOM_DAYS)]
    expected = assert_agree(setting.matching_sql, days)
    kinds = [kind for by_rule in expected for kind, _ in by_rule["paper"].legs.values()]
    # no level is left out, nor do the rules always choose alike
    assert all(kinds.count(kind) > 200 for kind in ("equal", "lone", "exact", "partial", "by_price"))
    assert sum(by_rule["paper"] != by_rule["price_consistent"] for by_rule in expected) > 100


def random_cusip_day(random_numbers: random.Random, setting: Setting) -> CusipDay:
    """One to three awards and up to eleven trades, of few different pars, times and prices."""
    closes = sorted(random_numbers.choices(CLOSES, k=random_numbers.choice((1, 1, 2, 3))))
    trades = [
        Trade(
            random_numbers.choice(closes) + random_numbers.choice((*SECONDS, random_numbers.randrange(-9000, 9000))),
            random_numbers.choice(setting.pars),
            random_numbers.choice(PRICES),
        )
        for _ in range(random_numbers.randrange(12))
    ]
    awards = []
    for closed in closes:
        taken = random_numbers.sample(trades, random_numbers.randrange(min(len(trades), 5) + 1))
        missed_by = random_numbers.choice((0, 0, 0, setting.step, -setting.step, MN))
        par = sum(trade.par for trade in taken) + missed_by
        awards.append(
            Award(
                closed,
                par if par > 0 else random_numbers.choice(setting.pars),
                random_numbers.choice(AVERAGES),
            )
        )
    return CusipDay(tuple(awards), tuple(trades))


def assert_agree(matching_sql: MatchingSql, days: list[CusipDay]) -> list[dict[str, Match]]:
    """What both find."""
    expected = [{rule: match(day, rule, matching_sql.listed_trades) for rule in RULES} for day in days]
    for day, by_rule, expected_by_rule in zip(days, matching_sql.match_all(days), expected, strict=True):
        assert by_rule == expected_by_rule, day
    return expected
