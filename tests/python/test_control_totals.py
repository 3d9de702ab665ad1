"""What a manifest of control totals says must be so, to the row and to the cent, or nothing is built."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from dealer_limits.errors import DealerLimitsError
from tiny_raw import write_tiny_raw
from workspace import Workspace

TRACE = "trace/trace_2020-03-16.psv"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, write_tiny_raw(tmp_path / "raw"))


def manifest(workspace: Workspace, *lines: str, header: str = "file,table,measure,value") -> None:
    (workspace.raw / "control_totals.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def test_totals_of_rows_that_agree_pass_and_sums_are_kept_for_later(workspace: Workspace) -> None:
    manifest(
        workspace,
        f"{TRACE},,rows,3",
        f"{TRACE.upper()},,ENTRD_VOL_QT,15.75",
        "soma/operations.json,soma.operation_details,rows,3",
        "soma/operations.json,,sum(parAmountAccepted),15.75",
        ",fr_vv1.positions,sum of securities_long,15.75",
        ",market.move,rows,3",
    )

    sums = [total for total in workspace.inspect().control_totals() if total.column]

    assert [(total.table, total.file, total.column) for total in sums] == [
        ("trace.reports", TRACE, "par_usd"),
        ("soma.operation_details", "soma/operations.json", "accepted_par_usd"),
        ("fr_vv1.positions", None, "securities_long_usd"),
    ]
    assert {total.value for total in sums} == {Decimal("15.75")}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{TRACE},,rows,4", f"{TRACE} holds 3 rows; expected 4"),
        (",fr_vv1.pnl,rows,2", "fr_vv1.pnl holds 3 rows; expected 2"),
        ("trace/other.psv,,rows,3", "it names a file that there is not"),
        (",trace.trades,rows,3", "it names a table that there is not"),
        (f"{TRACE},fr_vv1.pnl,rows,3", "it names neither a file nor a table that it holds"),
        (",,rows,3", "it names neither a file nor a table that it holds"),
        (f"{TRACE},,PAR,3", "it names a column that there is not or that is no number"),
        (f"{TRACE},,CUSIP_ID,3", "it names a column that there is not or that is no number"),
        (f"{TRACE},,rows,three", "its value is no number"),
        (f"{TRACE},,rows,nan", "its value is no number"),
        ("soma/operations.json,,rows,3", "its file holds several tables"),
    ],
)
def test_total_that_differs_or_names_nothing_stops_in_one_line(workspace: Workspace, line: str, said: str) -> None:
    manifest(workspace, line)

    with pytest.raises(DealerLimitsError, match=re.escape(f"bad input: control_totals.csv, line 2: {said}")) as error:
        workspace.inspect()

    assert "\n" not in str(error.value)


def test_manifest_with_other_columns_is_refused(workspace: Workspace) -> None:
    manifest(workspace, "1,2", header="name,total")

    with pytest.raises(DealerLimitsError, match=r"^bad input: control_totals\.csv: it has other columns; expected"):
        workspace.inspect()


def test_only_the_columns_that_are_needed_may_be_there(workspace: Workspace) -> None:
    manifest(workspace, "fr_vv1.pnl,rows,3", header="Table,Measure,Value")

    workspace.inspect()
