"""Raw files of every table, a few rows each, that keep all contracts: to be spoiled in one place each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

from dealer_limits.sources.contracts import Column, Table, load_contracts

CONTRACTS = load_contracts()
# file of each raw table; the tables of SOMA share one
FILES = {
    "fr_vv1.desks": "fr_vv1/desks.csv",
    "fr_vv1.limits": "fr_vv1/limits.csv",
    "fr_vv1.limit_usage": "fr_vv1/limit_usage.csv",
    "fr_vv1.value_at_risk": "fr_vv1/value_at_risk.csv",
    "fr_vv1.pnl": "fr_vv1/pnl.csv",
    "fr_vv1.positions": "fr_vv1/positions.csv",
    "fr_vv1.inventory_aging": "fr_vv1/inventory_aging.csv",
    "fr_vv1.transactions": "fr_vv1/transactions.csv",
    "fr_y9c.bulk": "fr_y9c/BHCF20200331.txt",
    "market.treasury_yields": "market/DGS10.csv",
    "market.move": "market/move.csv",
    "market.curve_fit_error": "market/curve_fit_error.csv",
    "market.on_the_run_premium": "market/on_the_run_premium.csv",
    "market.treasury_securities": "market/treasury_auctions.csv",
    "reference.dealers": "reference/dealers.csv",
    "reference.firms": "reference/firms.csv",
    "trace.reports": "trace/trace_2020-03-16.psv",
    "soma.operations": "soma/operations.json",
    "soma.operation_details": "soma/operations.json",
}
Row = dict[str, str]
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*@#"


def cusip(number: int) -> str:
    """The number-th CUSIP of the Treasury, with its check digit."""
    body = f"9128{number:04d}"
    total = sum(sum(divmod(_ALPHABET.index(character) * (1 + place % 2), 10)) for place, character in enumerate(body))
    return f"{body}{-total % 10}"


def good_row(table: Table, number: int) -> Row:
    """A row that keeps the contract, with a key that no other number has, by the columns' raw names."""
    row = {column.name: _good_value(table, column, number) for column in table.columns}
    # details stand in the one operation
    return row | ({"operationId": "D0"} if table.name == "operation_details" else {})


def _good_value(table: Table, column: Column, number: int) -> str:
    key = column.as_ in table.key
    day = f"{2010 + number // 336 % 12}-{1 + number // 28 % 12:02d}-{1 + number % 28:02d}"
    match column.type:
        case "date":
            if column.name == "Maturity Date":
                return "02/15/2040"
            if column.name in ("valid_to", "PRIMARY_TO", "VALID_TO"):
                return "2040-01-01"
            value = day if key else "2020-03-16"
            if column.format == "%Y%m%d":
                return value.replace("-", "")
            return f"{value[5:7]}/{value[8:]}/{value[:4]}" if column.format else value
        case "timestamp":
            return "2020-03-16 11:40:10"
        case "time":
            return "11:45"
        case "cusip":
            return cusip(number)
        case "code":
            return next(iter(column.codes))
        case "usd" | "number":
            return "5.25"
        case "integer":
            return str(1000 + number)
        case "id":
            return "ABCD" if column.pattern else str(5000 + number) if column.is_number else f"D{number}"
        case _:
            return "some words"


def write_text(rows: list[Row], table: Table, line_end: str = "\n") -> str:
    """Rows in the dialect of the table."""
    text = io.StringIO()
    quoting = csv.QUOTE_MINIMAL if table.quoted else csv.QUOTE_NONE
    dialect = {"delimiter": table.delimiter, "quoting": quoting, "quotechar": '"' if table.quoted else None}
    writer = csv.DictWriter(text, [column.name for column in table.columns], lineterminator=line_end, **dialect)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def soma_document(operations: list[Row], details: list[Row]) -> dict:
    """Operations of the Markets API, each with the details that name it."""
    own = [column.name for column in CONTRACTS["soma.operation_details"].columns if not column.parent]
    by_operation: dict[str, list[Row]] = {}
    for row in details:
        by_operation.setdefault(row["operationId"], []).append({name: row[name] for name in own})
    auctions = [{**row, "details": by_operation.get(row["operationId"], [])} for row in operations]
    return {"treasury": {"auctions": auctions}}


def write_tiny_raw(raw: Path, more: dict[str, list[Row]] | None = None, rows: int = 3) -> Path:
    """Files of every table with `rows` good rows each and the rows of `more`; returns the folder."""
    content = {
        name: [good_row(table, number) for number in range(rows)] + (more or {}).get(name, [])
        for name, table in CONTRACTS.items()
    }
    for name, file in FILES.items():
        path = raw / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if not name.startswith("soma."):
            path.write_text(write_text(content[name], CONTRACTS[name]), CONTRACTS[name].encoding)
    document = soma_document(content["soma.operations"], content["soma.operation_details"])
    (raw / FILES["soma.operations"]).write_text(json.dumps(document), encoding="utf-8")
    return raw


def columns_of(*types: str) -> Iterator[tuple[Table, Column]]:
    """All columns of these types, with their tables."""
    for table in CONTRACTS.values():
        for column in table.columns:
            if column.type in types:
                yield table, column
