"""The match of Appendix B by brute force, and the matching models run over hand-made awards and trades.

The brute-force match is plain Python, for CUSIP-days small enough to try every subset of the trades. Its
rules are written from the paper and the description of the match, not from the SQL:

1. Level 1. An award and a trade of the same par, executed within [-10, +30] minutes of the close of the
   operation. The nearest pair is taken first; of equally near ones that of the least trade, then of the least
   award.
2. Level 2, exact. Awards take turns in the order of their operations. Trades no larger than the award are
   listed, nearest first (least trade_id among equally near). Of the subsets that add up to the award, `paper`
   takes the one that avoids the farthest trades: compared trade by trade from the farthest on, "not taken"
   comes first. `price_consistent` takes the one whose value is nearest to the published average price times
   the award, and of equal ones the one that `paper` would. It chooses among subsets of the nearest
   `listed_trades`, or, where these do not reach the award, of the shortest list that does; and among the
   first 100 in the order of `paper`.
3. Level 2, partial. Awards left take turns: all unused trades no larger than the award, if they add up to
   less.
4. Level 3. Awards left take turns: unused trades by price from the highest down, least trade_id first among
   equals, until the award is used up, the last one in part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd

from dealer_limits.variables import documented
from workspace import ROOT, Workspace

RULES = ("paper", "price_consistent")
SECONDS_BEFORE, SECONDS_AFTER = (documented(ROOT)[f"level_1_seconds_{side}"] for side in ("before", "after"))
MOST_EXACT_SUBSETS = 100

# in the order in which they are built
MODELS = (
    "int_soma_pairs",
    "int_soma_matches_level_1",
    "int_soma_exact_searches",
    "int_soma_matches_level_2_exact",
    "int_soma_matches_level_2_partial",
    "int_soma_matches_level_3",
    "int_soma_matches",
)
MATCHING_FOLDER = "models/intermediate/matching"
# stands for any number of listed trades
_LISTED_TRADES = 987_654_321
NOON = datetime(2020, 4, 1, 12)
TRADE_COLUMNS = ["trade_id", "cusip", "executed_at", "cents", "millionths"]


@dataclass(frozen=True)
class Award:
    """What an operation bought: its close in seconds from noon, par in cents, average price in $ per $100."""

    closed: int
    par: int
    average_price: Fraction | None


@dataclass(frozen=True)
class Trade:
    """A candidate: execution in seconds from noon, par in cents, price in $ per $100."""

    executed: int
    par: int
    price: Fraction


@dataclass(frozen=True)
class CusipDay:
    """Awards of a CUSIP on a day, by operation, and candidates by trade_id."""

    awards: tuple[Award, ...]
    trades: tuple[Trade, ...]


@dataclass(frozen=True)
class Match:
    """How the awards of a CUSIP-day are matched.

    legs: (award, trade) -> (match_kind, cents). exact_subsets: award -> exact subsets found where searched;
    None where the search ended at the bound on states.
    """

    legs: dict[tuple[int, int], tuple[str, int]]
    exact_subsets: dict[int, int | None]


def match(day: CusipDay, rule: str, listed_trades: int) -> Match:
    """The match of a CUSIP-day under a matching rule, by the rules above."""
    legs = _level_1(day)
    exact_subsets: dict[int, int | None] = {}
    used = {trade for _, trade in legs}
    left = [award for award in range(len(day.awards)) if award not in {award for award, _ in legs}]

    for award in left:
        eligible = _eligible(day, award, used)
        subsets = _exact_subsets(day, award, eligible, listed_trades)
        if eligible:
            exact_subsets[award] = len(subsets)
        if subsets:
            chosen = min(subsets, key=_preference(day, award, eligible, rule))
            for place, trade in enumerate(eligible):
                if chosen >> place & 1:
                    kind = "exact" if chosen.bit_count() > 1 else "lone"
                    legs[award, trade] = (kind, day.trades[trade].par)
                    used.add(trade)
    left = [award for award in left if award not in {award for award, _ in legs}]

    for award in left:
        eligible = _eligible(day, award, used)
        if sum(day.trades[trade].par for trade in eligible) < day.awards[award].par:
            for trade in eligible:
                legs[award, trade] = ("partial", day.trades[trade].par)
                used.add(trade)
    left = [award for award in left if award not in {award for award, _ in legs}]

    for award in left:
        wanted = day.awards[award].par
        for trade in sorted(set(range(len(day.trades))) - used, key=lambda trade: (-day.trades[trade].price, trade)):
            if wanted > 0:
                taken = min(wanted, day.trades[trade].par)
                legs[award, trade] = ("by_price", taken)
                used.add(trade)
                wanted -= taken
    return Match(legs, exact_subsets)


def _level_1(day: CusipDay) -> dict[tuple[int, int], tuple[str, int]]:
    pairs = [
        (abs(trade.executed - award.closed), trade_index, award_index)
        for award_index, award in enumerate(day.awards)
        for trade_index, trade in enumerate(day.trades)
        if award.par == trade.par and -SECONDS_BEFORE <= trade.executed - award.closed <= SECONDS_AFTER
    ]
    legs: dict[tuple[int, int], tuple[str, int]] = {}
    while pairs:
        _, trade, award = min(pairs)
        legs[award, trade] = ("equal", day.trades[trade].par)
        pairs = [pair for pair in pairs if pair[1] != trade and pair[2] != award]
    return legs


def _eligible(day: CusipDay, award: int, used: set[int]) -> list[int]:
    """Unused trades no larger than the award, the nearest first."""
    closed, par = day.awards[award].closed, day.awards[award].par
    return sorted(
        (index for index, trade in enumerate(day.trades) if index not in used and trade.par <= par),
        key=lambda index: (abs(day.trades[index].executed - closed), index),
    )


def _exact_subsets(day: CusipDay, award: int, eligible: list[int], listed_trades: int) -> list[int]:
    """Subsets that add up to the award, as numbers whose lowest bit is the nearest trade.

    So the least number avoids the farthest trades.
    """
    sums = [0]
    for trade in eligible:
        sums += [reached + day.trades[trade].par for reached in sums]
    exact = [subset for subset, reached in enumerate(sums) if reached == day.awards[award].par]
    if not exact:
        return []
    searched = max(listed_trades, exact[0].bit_length())
    return [subset for subset in exact if subset.bit_length() <= searched][:MOST_EXACT_SUBSETS]


def _preference(day: CusipDay, award: int, eligible: list[int], rule: str) -> Callable[[int], tuple[Fraction, int]]:
    average_price = day.awards[award].average_price

    def preference(subset: int) -> tuple[Fraction, int]:
        if rule == "paper" or average_price is None:
            return Fraction(0), subset
        value = sum(
            (
                day.trades[trade].price * day.trades[trade].par
                for place, trade in enumerate(eligible)
                if subset >> place & 1
            ),
            Fraction(0),
        )
        return abs(value - average_price * day.awards[award].par), subset

    return preference


@dataclass(frozen=True)
class MatchingSql:
    """The matching models as dbt compiles them, and the settings they were compiled with."""

    statements: dict[str, str]
    listed_trades: int

    def match_all(self, days: Sequence[CusipDay], settings: str = "") -> list[dict[str, Match]]:
        """The match of each CUSIP-day by rule, in a database in memory with these settings."""
        with duckdb.connect() as connection:
            connection.execute(f"attach ':memory:' as dealer_limits; use dealer_limits; {settings}")
            connection.execute("create schema intermediate")
            write_inputs(connection, days)
            for model, statement in self.statements.items():
                connection.execute(f"create table intermediate.{model} as {statement}")
            return read_matches(connection, days)


def read_matches(connection: duckdb.DuckDBPyConnection, days: Sequence[CusipDay]) -> list[dict[str, Match]]:
    """The match of each CUSIP-day by rule, of a database that holds the matching models."""
    results = [{rule: Match({}, {}) for rule in RULES} for _ in days]
    for rule, award_id, trade_id, kind, cents in connection.execute(
        """
        select matching_rule, award_id, trade_id, match_kind, cast(leg_par_usd * 100 as bigint)
        from intermediate.int_soma_matches
        """
    ).fetchall():
        (award, day), trade = _numbers(award_id), _numbers(trade_id)[1]
        legs = results[day][rule].legs
        assert (award, trade) not in legs
        legs[award, trade] = (kind, cents)
    for rule, award_id, exact_subsets in connection.execute(
        """
        select distinct matching_rule, award_id, case when not is_beyond_bound then exact_subsets end
        from intermediate.int_soma_exact_searches
        """
    ).fetchall():
        award, day = _numbers(award_id)
        found = results[day][rule].exact_subsets
        assert award not in found
        found[award] = exact_subsets
    return results


@cache
def compile_matching(listed_trades: int) -> MatchingSql:
    """The SQL of the matching models; needs no raw files."""
    written = str(_LISTED_TRADES)
    statements = {model: sql.replace(written, str(listed_trades)) for model, sql in _compiled().items()}
    # the setting is a number in the SQL and nothing else hangs on it
    assert [model for model, sql in _compiled().items() if written in sql] == ["int_soma_exact_searches"]
    return MatchingSql(statements, listed_trades)


@cache
def _compiled() -> dict[str, str]:
    """The models as dbt compiles them, which takes it seconds, with `_LISTED_TRADES` where the setting goes."""
    with TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder), Path(folder) / "raw")
        variables = f"{{listed_trades: {_LISTED_TRADES}}}"
        result = workspace.dbt("compile", "--select", MATCHING_FOLDER, "--vars", variables)
        assert result.success, result.exception
        compiled = workspace.folder / "target" / "compiled" / "dealer_limits" / MATCHING_FOLDER
        return {model: (compiled / f"{model}.sql").read_text() for model in MODELS}


def write_inputs(connection: duckdb.DuckDBPyConnection, days: Sequence[CusipDay]) -> None:
    """The awards and trades of CUSIP-days, as the models before the match leave them."""
    awards = pd.DataFrame(
        {
            "award_id": f"{place}/{number}",
            "operation_id": str(place),
            "closed_at": NOON + timedelta(seconds=award.closed),
            "cusip": str(number),
            "cents": award.par,
            "millionths": None if award.average_price is None else int(award.average_price * 1_000_000),
            "award_of_cusip_day": place + 1,
        }
        for number, day in enumerate(days)
        for place, award in enumerate(day.awards)
    )
    trades = pd.DataFrame(
        {
            "trade_id": f"{number}/{place:03}",
            "cusip": str(number),
            "executed_at": NOON + timedelta(seconds=trade.executed),
            "cents": trade.par,
            "millionths": int(trade.price * 1_000_000),
        }
        for number, day in enumerate(days)
        for place, trade in enumerate(day.trades)
    )
    connection.register("awards", awards)
    connection.register("trades", trades.reindex(columns=TRADE_COLUMNS))
    connection.execute(
        """
        create table intermediate.int_soma_awards as
        select
            award_id,
            operation_id,
            cast(closed_at as date) as operation_date,
            cast(closed_at as timestamp) as closed_at,
            cast(closed_at as timestamp) as timed_at,
            cusip,
            cast(cast(cents as decimal(18, 0)) / 100 as decimal(18, 2)) as awarded_par_usd,
            cast(cast(millionths as decimal(18, 0)) / 1000000 as decimal(20, 6)) as average_price,
            cast(award_of_cusip_day as integer) as award_of_cusip_day
        from awards;
        create table intermediate.int_soma_trade_candidates as
        select
            cast(trade_id as varchar) as trade_id,
            cast(cusip as varchar) as cusip,
            cast(executed_at as date) as trade_date,
            cast(executed_at as timestamp) as executed_at,
            'DEAL' as dealer_mpid,
            cast(cast(cents as decimal(18, 0)) / 100 as decimal(18, 2)) as par_usd,
            cast(cast(millionths as decimal(18, 0)) / 1000000 as decimal(20, 6)) as price
        from trades
        """
    )


def _numbers(identifier: str) -> tuple[int, int]:
    first, second = identifier.split("/")
    return int(first), int(second)
