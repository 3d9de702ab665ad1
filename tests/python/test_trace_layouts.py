"""What the files of TRACE look like changes neither awards nor sales: layouts and control numbers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from trace_layouts import write_academic, write_hashed, write_undated, write_without_parties
from workspace import Workspace

# from the reports to the match; what else the marts read stands in the copied file
MODELS = (
    "base_trace__reports",
    "stg_trace__reports",
    "int_message_reports",
    "int_trade_messages",
    "int_trade_cells",
    "int_trade_messages_resolved",
    "int_trades_undone",
    "int_trades_cleaned",
    "qc_messages_undoing_nothing",
    "int_trade_file_totals",
    "int_trade_parties",
    "int_soma_trade_candidates",
    "int_soma_pairs",
    "int_soma_matches_level_1",
    "int_soma_exact_searches",
    "int_soma_matches_level_2_exact",
    "int_soma_matches_level_2_partial",
    "int_soma_matches_level_3",
    "int_soma_matches",
    "fct_soma_award",
    "fct_soma_sale",
)
# what a trade is called ends with its control date and number
MARTS = {"fct_soma_award": "*", "fct_soma_sale": "* exclude (trade_id)"}


def rebuilt(warehouse: Workspace, folder: Path, write: Callable[[Path, Path], None]) -> Workspace:
    """The warehouse with the reports of its world as `write` writes them, to the marts of the match."""
    workspace = Workspace(folder, folder / "raw")
    shutil.copytree(warehouse.raw, workspace.raw, ignore=shutil.ignore_patterns("trace"))
    (workspace.raw / "trace").mkdir()
    write(warehouse.raw / "trace", workspace.raw / "trace")
    workspace.build_file.parent.mkdir(parents=True)
    shutil.copy(warehouse.build_file, workspace.build_file)
    result = workspace.dbt("run", "--select", *MODELS)
    assert result.success, result.exception
    return workspace


@pytest.mark.parametrize("write", [write_academic, write_undated], ids=["academic", "without control dates"])
def test_numbers_that_begin_anew_each_day_leave_awards_and_sales_as_they_are(
    warehouse: Workspace, tmp_path: Path, write: Callable[[Path, Path], None]
) -> None:
    workspace = rebuilt(warehouse, tmp_path, write)

    with duckdb.connect() as connection:
        for name, file in (("before", warehouse.build_file), ("after", workspace.build_file)):
            connection.execute(f"attach '{file}' as {name} (read_only)")
        for mart, columns in MARTS.items():
            before, after = (f"select {columns} from {name}.marts.{mart}" for name in ("before", "after"))
            assert connection.execute(before).fetchone()
            for first, second in [(before, after), (after, before)]:
                assert connection.execute(f"{first} except all {second}").fetchall() == []
        undone, undone_before, listed = connection.execute(
            """
            select
                (select count(*) from after.intermediate.int_trades_undone),
                (select count(*) from before.intermediate.int_trades_undone),
                (select count(*) from after.quality.qc_messages_undoing_nothing)
            """
        ).fetchone()
        # what several reports fit is listed
        assert undone + listed >= undone_before
        assert listed < 0.001 * undone_before


@pytest.mark.parametrize("write", [write_hashed, write_without_parties], ids=["hashed parties", "no parties"])
def test_layout_without_known_parties_builds_everything_but_the_match_and_says_so(
    warehouse: Workspace, tmp_path: Path, write: Callable[[Path, Path], None]
) -> None:
    workspace = rebuilt(warehouse, tmp_path, write)

    with duckdb.connect() as connection:
        for name, file in (("before", warehouse.build_file), ("after", workspace.build_file)):
            connection.execute(f"attach '{file}' as {name} (read_only)")
        matched, levels, known = connection.execute(
            """
            select
                (select count(*) from after.marts.fct_soma_sale),
                (select string_agg(distinct match_kind) from after.marts.fct_soma_award),
                (select sum(trades_of_known_dealers) from after.intermediate.int_trade_parties)
            """
        ).fetchone()
        assert (matched, levels, known) == (0, "none", 0)
        # of bills the layout without parties cannot tell a yield below zero from a rate
        before, after = (
            connection.execute(
                f"""
                select count(*), sum(par_usd), sum(price)
                from {name}.intermediate.int_trades_cleaned
                where cusip not in (select cusip from {name}.intermediate.int_bill_maturities)
                """
            ).fetchone()
            for name in ("before", "after")
        )
        assert before == after
