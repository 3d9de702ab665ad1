"""Reports that stand after cancels, corrections and reversals are those that a second program finds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from trace_oracle import Entry, undone
from workspace import Workspace

MODELS = ("int_message_reports", "int_trade_messages", "int_trade_messages_resolved", "int_trades_undone")
FIRST_DAY = date(2020, 3, 16)
DAY = 86_400
# numbers and CUSIPs of a world are its own, so that many worlds lie in one table; worlds count from one, so that its
# numbers are equally long and have one order as text and as numbers
NUMBERS_OF_A_WORLD = 100


@dataclasses.dataclass(frozen=True)
class Statements:
    """Left out of what a failing test prints."""

    sql: dict[str, str] = dataclasses.field(repr=False)


@st.composite
def reports(draw: st.DrawFn, number: int) -> Entry:
    """Few values of each field, so that reports resemble each other."""
    day = draw(st.integers(0, 2))
    executed_time = draw(st.sampled_from([36_000, 36_000, 36_060, None]))
    return Entry(
        day=day,
        number=number,
        status="T",
        entered=day * DAY + draw(st.sampled_from([36_100, 36_200])),
        cusip=draw(st.sampled_from("xxy")),
        executed_day=draw(st.sampled_from([day, day, max(day - 1, 0)])),
        executed_time=executed_time,
        side=draw(st.sampled_from("SSB")),
        par=draw(st.sampled_from([5, 5, 6, None])),
        price=draw(st.sampled_from([100, 100, 101])),
        party=draw(st.sampled_from(["DEAL", "DEAL", "OTHR"])),
        contra="C",
        is_dated=draw(st.booleans()),
    )


@st.composite
def messages(draw: st.DrawFn, on: Entry, number: int) -> Entry:
    """A message on a report: either form of each link, or none; its own fields may be blank or other ones."""
    status = draw(st.sampled_from(["X", "C", "R", "Y", "as-of R"]))
    is_dated = draw(st.booleans())
    entered = max(on.entered + draw(st.sampled_from([0, 100, DAY, 2 * DAY, -50, -DAY])), 0)
    carries = status in "XC" and draw(st.booleans())
    names = not carries and draw(st.sampled_from([True, True, False]))
    changes = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "par": st.sampled_from([6, None]),
                "price": st.sampled_from([101, None]),
                "executed_time": st.sampled_from([36_060, None]),
                "executed_day": st.integers(0, 3),
                "side": st.just("B"),
            },
        )
        if draw(st.booleans())
        else st.just({})
    )
    return dataclasses.replace(
        on,
        day=on.day if carries and is_dated else entered // DAY,
        number=on.number if carries else number,
        status="T" if status == "as-of R" else status,
        is_as_of_reversal=status == "as-of R",
        entered=entered,
        is_dated=is_dated,
        previous_day=on.day if names and is_dated else None,
        previous_number=on.number if names else None,
        **changes,
    )


@st.composite
def worlds(draw: st.DrawFn) -> list[Entry]:
    """Reports whose numbers may begin anew each day, and messages on them and on each other."""
    entries = [draw(reports(draw(st.integers(1, 3)))) for _ in range(draw(st.integers(1, 5)))]
    for place in range(draw(st.integers(1, 5))):
        on = draw(st.sampled_from(entries))
        entries.append(draw(messages(on, draw(st.sampled_from([1, 2, 10 + place])))))
    # staging sees to it that a key is there once
    return list({(*entry.key, entry.status): entry for entry in reversed(entries)}.values())


@pytest.fixture(scope="module")
def statements(tmp_path_factory: pytest.TempPathFactory) -> Statements:
    """The models as dbt compiles them; needs no raw files."""
    folder = tmp_path_factory.mktemp("compiled")
    workspace = Workspace(folder, folder / "raw")
    result = workspace.dbt("compile", "--select", *MODELS)
    assert result.success, result.exception
    compiled = folder / "target/compiled/dealer_limits/models/intermediate/trades"
    return Statements({model: (compiled / f"{model}.sql").read_text() for model in MODELS})


def undone_by_models(statements: Statements, drawn: Sequence[Sequence[Entry]]) -> list[set[tuple[int, int]]]:
    rows = pd.DataFrame(_row(entry, world) for world, entries in enumerate(drawn, 1) for entry in entries)
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as dealer_limits; use dealer_limits")
        connection.execute("create schema staging; create schema intermediate")
        connection.register("rows", rows)
        connection.execute(
            """
            create table staging.base_trace__reports as
            select
                control_date::date as control_date,
                stated_control_date::date as stated_control_date,
                previous_control_date::date as previous_control_date,
                executed_on::date as executed_on,
                reported_at::timestamp as reported_at,
                executed_at::timestamp as executed_at,
                par_usd::decimal(18, 2) as par_usd,
                entered_price::decimal(20, 6) as entered_price,
                columns('control_number|status|as_of_code|cusip|report_side|mpid|reason|raw_file')::varchar
            from rows;
            create view staging.stg_trace__reports as
            select * from staging.base_trace__reports where reject_reason is null
            """
        )
        for model in MODELS:
            connection.execute(f"create table intermediate.{model} as {statements.sql[model]}")
        found: list[set[tuple[int, int]]] = [set() for _ in drawn]
        for control_date, number in connection.execute(
            """
            select undone.control_date, undone.control_number
            from intermediate.int_trades_undone as undone
            """
        ).fetchall():
            world, of_world = divmod(int(number), NUMBERS_OF_A_WORLD)
            found[world - 1].add(((control_date - FIRST_DAY).days, of_world))
    return found


def _row(entry: Entry, world: int) -> dict[str, object]:
    def day(number: int | None) -> str | None:
        return None if number is None else str(FIRST_DAY + timedelta(number))

    def number(of_world: int | None) -> str | None:
        return None if of_world is None else str(world * NUMBERS_OF_A_WORLD + of_world)

    start = datetime.combine(FIRST_DAY, datetime.min.time())
    executed_at = None
    if entry.executed_time is not None:
        executed_at = str(start + timedelta(entry.executed_day, entry.executed_time))
    return {
        "control_date": day(entry.day),
        "stated_control_date": day(entry.day) if entry.is_dated else None,
        "control_number": number(entry.number),
        "previous_control_date": day(entry.previous_day),
        "previous_control_number": number(entry.previous_number),
        "trade_status": entry.status,
        "as_of_code": "R" if entry.is_as_of_reversal else None,
        "reported_at": str(start + timedelta(seconds=entry.entered)),
        "executed_on": day(entry.executed_day),
        "executed_at": executed_at,
        "cusip": f"{world} {entry.cusip}",
        "report_side": entry.side,
        "par_usd": entry.par,
        "entered_price": entry.price,
        "reporting_mpid": entry.party,
        "contra_mpid": entry.contra,
        "reject_reason": "ENTRD_VOL_QT is missing" if entry.is_bad else None,
        "raw_file": "trace/trace.psv",
    }


# a batch is not shrunk: the worlds that differ are shown alone
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(drawn=st.lists(worlds(), min_size=40, max_size=40))
def test_models_undo_the_reports_that_a_second_program_undoes(statements: Statements, drawn: list[list[Entry]]) -> None:
    found = undone_by_models(statements, drawn)

    different = [
        (keys, undone(entries), entries) for entries, keys in zip(drawn, found, strict=True) if keys != undone(entries)
    ]
    assert min(different, key=lambda found: len(found[2]), default=None) is None
