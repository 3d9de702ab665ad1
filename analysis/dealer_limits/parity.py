"""Two build files of the same raw files, one by DuckDB and one by Spark, table by table, row by row and cell by cell.

    python -m dealer_limits.parity DUCKDB_BUILD SPARK_BUILD --write docs/scaling.md

Writes the result between the marks of a page, and exits with 1 where tables differ by more than engines may.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import duckdb
import typer

START, END = "<!-- parity: made by `make spark-parity` -->", "<!-- end of parity -->"
# they say when and with what a build was made, and what the next load goes on from
OF_THE_BUILD = ("about.build", "loads.state", "loads.file")

# Relative differences that a double may have: sums and means of doubles hang on the order in which rows are added, and
# no engine promises one.
BY_ORDER_OF_SUMMING = 1e-9
TOLERANCES: dict[str, tuple[float, str]] = {
    "observations.obs_desk_horizon.d_log_net_to_gross_securities_position": (
        1e-7,
        "a difference of logs that are nearly equal: of what it leaves, their last digits are more",
    ),
}


@dataclass(frozen=True)
class Compared:
    """A table of both builds. unmatched: rows of either that the other has not, by all cells that are no doubles."""

    table: str
    rows: int
    other_rows: int
    cells: int
    unmatched: int
    largest: float
    column: str

    @property
    def tolerance(self) -> float:
        return TOLERANCES.get(f"{self.table}.{self.column}", (BY_ORDER_OF_SUMMING, ""))[0]

    @property
    def is_equal(self) -> bool:
        return self.unmatched == 0 and self.largest == 0

    @property
    def is_near(self) -> bool:
        return self.unmatched == 0 and self.largest <= self.tolerance


def compare(duckdb_build: Path, spark_build: Path) -> tuple[list[Compared], list[str]]:
    """All tables and views of both builds; and the names of those that one of them lacks or that have other columns."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{duckdb_build}' as one (read_only); attach '{spark_build}' as other (read_only)")
        columns = {name: _columns(connection, name) for name in ("one", "other")}
        odd = sorted(
            table
            for table in (columns["one"].keys() | columns["other"].keys()) - set(OF_THE_BUILD)
            if columns["one"].get(table, {}).keys() != columns["other"].get(table, {}).keys()
        )
        shared = [table for table in columns["one"] if table not in odd and table not in OF_THE_BUILD]
        found = [_compare(connection, table, columns["one"][table], columns["other"][table]) for table in shared]
    return found, odd


def _columns(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for table, column, type_ in connection.execute(
        "select schema_name || '.' || table_name, column_name, data_type from duckdb_columns()"
        " where database_name = ? and not internal order by schema_name, table_name, column_index",
        [database],
    ).fetchall():
        found.setdefault(table, {})[column] = type_
    return found


def _compare(
    connection: duckdb.DuckDBPyConnection, table: str, types: dict[str, str], other_types: dict[str, str]
) -> Compared:
    doubles = [column for column in types if "DOUBLE" in (types[column], other_types[column])]
    exact = [column for column in types if column not in doubles]
    for database in ("one", "other"):
        # rows with the same exact cells are told apart by their doubles, in order
        keys = ", ".join(_exact(column, types[column], other_types[column]) for column in exact) or "1 as nothing"
        values = "".join(f', cast("{column}" as double) as "{column}"' for column in doubles)
        order = ", ".join(f'round("{column}", 6)' for column in doubles) or "1"
        within = ", ".join(f'"{column}"' for column in exact) or "1"
        connection.execute(
            f"create or replace temp table {database}_rows as select *, row_number() over (partition by {within}"
            f" order by {order}) as nth_of_its_like from (select {keys}{values} from {database}.{table})"
        )
    same = " and ".join(
        f'one_rows."{column}" is not distinct from other_rows."{column}"' for column in [*exact, "nth_of_its_like"]
    )
    differences = "".join(f", max({_difference(column)})" for column in doubles)
    rows, other_rows, joined, *largest = connection.execute(
        "select count(one_rows.nth_of_its_like), count(other_rows.nth_of_its_like), count(*)"
        f"{differences} from one_rows full join other_rows on {same}"
    ).fetchone()
    largest = [value or 0.0 for value in largest]
    worst = max(largest, default=0.0)
    column = doubles[largest.index(worst)] if worst else ""
    return Compared(table, rows, other_rows, rows * len(types), 2 * joined - rows - other_rows, worst, column)


def _exact(column: str, type_: str, other_type: str) -> str:
    """A cell in a form that both engines have: whole numbers and decimals as decimals, all else as text."""
    numbers = ("DECIMAL", "HUGEINT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT")
    if not (type_.startswith(numbers) and other_type.startswith(numbers)):
        return f'cast("{column}" as varchar) as "{column}"'
    scale = max(int(each.rstrip(")").split(",")[1]) if "," in each else 0 for each in (type_, other_type))
    return f'cast("{column}" as decimal(38, {scale})) as "{column}"'


def _difference(column: str) -> str:
    one, other = f'one_rows."{column}"', f'other_rows."{column}"'
    return (
        f"case when one_rows.nth_of_its_like is null or other_rows.nth_of_its_like is null then 0"
        f" when {one} is not distinct from {other} then 0 when {one} is null or {other} is null then 'inf'::double"
        f" else abs({one} - {other}) / greatest(abs({one}), abs({other}), 1e-6) end"
    )


def in_words(found: list[Compared], odd: list[str]) -> str:
    """The result as markdown: a row per schema, and one per table that is not equal in every cell."""
    lines = ["| schema | tables | rows | cells | equal in every cell | equal but for doubles | largest difference |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for schema in sorted({each.table.partition(".")[0] for each in found}):
        of_schema = [each for each in found if each.table.startswith(f"{schema}.")]
        equal = sum(each.is_equal for each in of_schema)
        near = sum(each.is_near for each in of_schema) - equal
        largest = max(each.largest for each in of_schema)
        lines.append(
            f"| `{schema}` | {len(of_schema)} | {sum(each.rows for each in of_schema):,} |"
            f" {sum(each.cells for each in of_schema):,} | {equal} | {near} | {largest:.1g} |"
        )
    differing = [each for each in found if not each.is_near]
    if odd or differing:
        lines += ["", "| differs | rows | rows by Spark | rows without their like | largest difference |"]
        lines.append("| --- | ---: | ---: | ---: | --- |")
        lines += [f"| `{table}` | other columns, or not there | | | |" for table in odd]
        lines += [
            f"| `{each.table}` | {each.rows:,} | {each.other_rows:,} | {each.unmatched:,} |"
            f" {each.largest:.1g} {f'in `{each.column}`' if each.column else ''} |"
            for each in differing
        ]
    return "\n".join(lines) + "\n"


def main(
    duckdb_build: Path,
    spark_build: Path,
    write: Annotated[Path | None, typer.Option(help="A page with the marks between which the result goes.")] = None,
) -> None:
    """Compare two build files of the same raw files, by DuckDB and by Spark."""
    found, odd = compare(duckdb_build, spark_build)
    words = in_words(found, odd)
    print(words)
    if write:
        page = write.read_text(encoding="utf-8")
        head, rest = page.split(START)
        write.write_text(f"{head}{START}\n{words}{END}{rest.split(END)[1]}", encoding="utf-8")
    sys.exit(bool(odd) or not all(each.is_near for each in found))


if __name__ == "__main__":
    typer.run(main)
