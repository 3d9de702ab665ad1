"""What holds of every match: no par is matched twice, an award is at one level, every report is counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from workspace import Workspace

# 0.99 at the default scale; a small world has few awards at level 1
LEAST_PRECISION_OF_LEVEL_1 = 0.95


@pytest.fixture(scope="module")
def built(warehouse: Workspace) -> duckdb.DuckDBPyConnection:
    with warehouse.connect_unpublished() as connection:
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple]:
    return connection.execute(query).fetchall()


def test_world_has_awards_of_every_level_and_kind(built: duckdb.DuckDBPyConnection) -> None:
    kinds = set(rows(built, "select distinct match_level, match_kind from marts.fct_soma_award"))
    assert kinds >= {(1, "equal"), (2, "lone"), (2, "exact"), (2, "partial"), (3, "by_price")}


def test_matched_par_never_exceeds_the_award(built: duckdb.DuckDBPyConnection) -> None:
    assert not rows(
        built,
        """
        select matching_rule, award_id
        from intermediate.int_soma_matches
        inner join intermediate.int_soma_awards using (award_id)
        group by matching_rule, award_id, awarded_par_usd
        having sum(leg_par_usd) > awarded_par_usd
        """,
    )


def test_matched_par_never_exceeds_the_trade(built: duckdb.DuckDBPyConnection) -> None:
    assert not rows(
        built,
        """
        select matching_rule, trade_id
        from intermediate.int_soma_matches
        inner join intermediate.int_soma_trade_candidates using (trade_id)
        group by matching_rule, trade_id, par_usd
        having sum(leg_par_usd) > par_usd
        """,
    )


def test_legs_are_of_the_cusip_and_day_of_the_award(built: duckdb.DuckDBPyConnection) -> None:
    assert not rows(
        built,
        """
        select matching_rule, award_id, trade_id
        from intermediate.int_soma_matches as matches
        left join intermediate.int_soma_awards as awards using (award_id)
        left join intermediate.int_soma_trade_candidates as trades using (trade_id)
        where
            awards.cusip is distinct from trades.cusip
            or awards.operation_date is distinct from trades.trade_date
        """,
    )


def test_award_is_matched_in_one_way(built: duckdb.DuckDBPyConnection) -> None:
    assert not rows(
        built,
        """
        select matching_rule, award_id
        from intermediate.int_soma_matches
        group by matching_rule, award_id
        having count(distinct match_kind) > 1
        """,
    )


def test_equal_and_exact_match_the_whole_award_and_partial_matches_less(
    built: duckdb.DuckDBPyConnection,
) -> None:
    assert not rows(
        built,
        """
        select matching_rule, award_id
        from intermediate.int_soma_matches
        inner join intermediate.int_soma_awards using (award_id)
        group by matching_rule, award_id, match_kind, awarded_par_usd
        having
            match_kind in ('equal', 'lone', 'exact') and sum(leg_par_usd) <> awarded_par_usd
            or match_kind = 'partial' and sum(leg_par_usd) >= awarded_par_usd
        """,
    )


def test_unmatched_award_had_no_trade_left_to_match(built: duckdb.DuckDBPyConnection) -> None:
    assert not rows(
        built,
        """
        select awards.award_id, trades.trade_id
        from marts.fct_soma_award as awards
        inner join intermediate.int_soma_trade_candidates as trades
            on awards.cusip = trades.cusip and awards.operation_date = trades.trade_date
        where
            awards.match_kind = 'none'
            and trades.trade_id not in (
                select trade_id from intermediate.int_soma_matches where matching_rule = 'paper'
            )
        """,
    )


def test_every_award_is_in_the_mart_with_the_par_of_its_legs(built: duckdb.DuckDBPyConnection) -> None:
    assert rows(built, "select count(*), sum(awarded_par_usd) from marts.fct_soma_award") == rows(
        built,
        """
        select count(*), sum(awarded_par_usd)
        from intermediate.int_soma_awards
        where operation_date between date '2020-03-16' and date '2020-06-11'
        """,
    )
    assert rows(
        built,
        """
        select match_kind, count(*), sum(matched_trades), sum(matched_par_usd)
        from marts.fct_soma_award
        where match_kind <> 'none'
        group by match_kind
        order by match_kind
        """,
    ) == rows(
        built,
        """
        select match_kind, count(distinct award_id), count(*), sum(leg_par_usd)
        from intermediate.int_soma_matches
        where matching_rule = 'paper'
        group by match_kind
        order by match_kind
        """,
    )


def test_filters_and_rejected_rows_add_up_to_the_reports_of_every_day(
    built: duckdb.DuckDBPyConnection, world: Path
) -> None:
    """Counted in the files themselves, which are named by report date."""
    reports: Counter[str] = Counter()
    for file in (world / "raw" / "trace").iterdir():
        reports[file.stem.removeprefix("trace_")] += (
            pq.read_metadata(file).num_rows
            if file.suffix == ".parquet"
            # the academic layout ends with a trailer
            else len(file.read_text().splitlines()) - (2 if file.suffix == ".txt" else 1)
        )
    accounted_for = rows(
        built,
        r"""
        with accounted_for as (
            select cast(report_date as varchar) as day, reports from quality.qc_trade_filters
            union all
            select regexp_extract(raw_file, '\d{4}-\d{2}-\d{2}') as day, 1 as reports
            from quality.qc_rejected_rows
            where source_table = 'trace.reports'
        )
        select day, sum(reports) from accounted_for group by day
        """,
    )
    assert dict(accounted_for) == reports


def test_level_1_finds_the_true_trade(built: duckdb.DuckDBPyConnection, world: Path) -> None:
    ((legs, true_legs),) = rows(
        built,
        f"""
        select count(*), count(fills.systm_cntrl_nb)
        from intermediate.int_soma_matches_level_1 as matches
        inner join intermediate.int_soma_trade_candidates as trades using (trade_id)
        left join '{world / "truth" / "soma_fills.parquet"}' as fills
            on
                matches.award_id = concat(fills.operation_id, '/', fills.cusip)
                and trades.control_date = fills.control_date
                and trades.control_number = fills.systm_cntrl_nb
        """,
    )
    assert true_legs / legs > LEAST_PRECISION_OF_LEVEL_1
