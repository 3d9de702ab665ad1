"""Control totals: what whoever delivered the raw files says that they hold.

In `control_totals.csv` at the root of the raw data, one line per total: `file` (as `trace/a.psv`) or
`table` (as `trace.reports`), or both where a file holds several tables; `measure`, which is `rows` or a
column by its raw name, whose sum it is; `value`.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from dealer_limits.errors import DealerLimitsError
from dealer_limits.sources.contracts import Table
from dealer_limits.sources.files import refusal

NAME = "control_totals.csv"
_EXPECTED = "expected a header with file or table, measure and value"
_SUM = re.compile(r"(?:sum(?: of |:|\()\s*)?([^()]+?)\)?")
# of which the sum of what is staged is the sum of what the file holds
_SUMMED = ("usd", "number", "integer")


@dataclass(frozen=True)
class ControlTotal:
    """One total. column: the warehouse's name of what is summed; None: rows. file: None for the table."""

    line: int
    table: str
    file: str | None
    measure: str
    column: str | None
    value: Decimal


def read_control_totals(
    contracts: Mapping[str, Table], files: Mapping[str, tuple[str, ...]], environment: Mapping[str, str] = os.environ
) -> list[ControlTotal]:
    """The totals of the manifest; none where there is none.

    files: the raw tables that each file holds, by its name. Raises DealerLimitsError, with line and name but
    without a value, for what names a file, a table or a column that there is not, and for what is no number.
    """
    path = Path(environment.get("RAW_DATA") or "data/raw") / NAME
    if not path.is_file():
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise refusal(NAME, "the file is not UTF-8 text", _EXPECTED) from error
    reader = csv.DictReader(io.StringIO(text))
    header = [(name or "").strip().lower() for name in reader.fieldnames or []]
    reader.fieldnames = header
    if not {"measure", "value"} <= set(header) or not {"file", "table"} & set(header):
        raise refusal(NAME, "it has other columns", _EXPECTED)
    return [_total(reader.line_num, row, contracts, files) for row in reader]


def _total(
    line: int, row: dict[str, str | None], contracts: Mapping[str, Table], files: Mapping[str, tuple[str, ...]]
) -> ControlTotal:
    def refuse(problem: str, expected: str) -> DealerLimitsError:
        return refusal(f"{NAME}, line {line}", problem, expected)

    named = {name: str(row.get(name) or "").strip() for name in ("file", "table", "measure", "value")}
    by_name = {name.lower(): name for name in files}
    file = by_name.get(named["file"].replace("\\", "/").lower())
    if named["file"] and file is None:
        raise refuse("it names a file that there is not", "expected <source>/<path> of a file that is read")
    if named["table"] and named["table"].lower() not in contracts:
        raise refuse("it names a table that there is not", f"expected one of {', '.join(contracts)}")
    tables = [
        name for name in (files[file] if file else contracts) if not named["table"] or name == named["table"].lower()
    ]
    if not (named["file"] or named["table"]) or not tables:
        raise refuse("it names neither a file nor a table that it holds", _EXPECTED)
    measure = _SUM.fullmatch(named["measure"])
    wanted = measure.group(1).strip().lower() if measure else ""
    columns = {
        name: next(
            (
                column
                for column in contracts[name].columns
                if wanted in {text.lower() for text in (*column.names, column.as_)}
            ),
            None,
        )
        for name in tables
    }
    if wanted != "rows":
        tables = [name for name in tables if columns[name] and columns[name].type in _SUMMED]
        if not tables:
            raise refuse(
                "it names a column that there is not or that is no number", "expected rows or a column of numbers"
            )
    if len(tables) > 1:
        raise refuse("its file holds several tables", f"expected table as one of {', '.join(tables)} too")
    try:
        value = Decimal(named["value"])
    except InvalidOperation as error:
        raise refuse("its value is no number", "expected a number in digits") from error
    if not value.is_finite():
        raise refuse("its value is no number", "expected a number in digits")
    column = None if wanted == "rows" else columns[tables[0]]
    return ControlTotal(line, tables[0], file, column.name if column else "rows", column.as_ if column else None, value)
