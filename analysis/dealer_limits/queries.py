"""The questions of analysis/queries, as SQL for the published warehouse.

They are dbt analyses: `dbt compile` checks them with the models, and here they run without dbt.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa
from jinja2 import Environment, StrictUndefined
from pyarrow.csv import write_csv

from dealer_limits.errors import DealerLimitsError
from dealer_limits.project import PROJECT
from dealer_limits.provenance import PSEUDO_COLUMN, sentence_of
from dealer_limits.warehouse import open_warehouse

FOLDER = PROJECT / "analysis" / "queries"
_PAGE = """# Questions and their queries

Each of these is a file of `analysis/queries` that reads the published warehouse. `dealer-limits query NAME` asks it and
prints the answer, with `--csv FILE` into a file; the SQL below runs in any client of DuckDB from 1.1 on. Days and
thresholds stand in the SQL: copy it and change them.

All were also answered, read-only, through harlequin 2.17 and SQLAlchemy 2.1 (`exec_driver_sql`, with duckdb-engine
0.17) on DuckDB 2.0.1, and through ibis 12.0 on DuckDB 1.5.6. On DuckDB 2.0 ibis 12.0 calls a function that is gone,
and SQLAlchemy's inspection of columns and keys finds no catalog of PostgreSQL; names of tables and their comments it
has.

| name | question |
| --- | --- |
"""


@dataclass(frozen=True)
class Query:
    """A question in words, and the SQL that answers it."""

    name: str
    question: str
    sql: str


def queries(folder: Path = FOLDER) -> dict[str, Query]:
    """All of them by name; the question is the comment at the head of the file."""
    found = {}
    for path in sorted(folder.glob("*.sql")):
        lines = path.read_text(encoding="utf-8").splitlines()
        body = next(place for place, line in enumerate(lines) if not line.startswith("--"))
        question = " ".join(line.removeprefix("--").strip() for line in lines[:body])
        sql = Environment(undefined=StrictUndefined).from_string("\n".join(lines[body:])).render(ref=_relation)
        found[path.stem] = Query(path.stem, question, sql)
    return found


def answer(name: str, warehouse: Path) -> pa.Table:
    """The rows of a query. Raises DealerLimitsError where there is no such query or no warehouse."""
    known = queries()
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
        raise DealerLimitsError(f"bad input: {name} is no query; the nearest is {nearest}")
    with open_warehouse(warehouse) as connection:
        return connection.sql(known[name].sql).to_arrow_table()


def write_answer(rows: pa.Table, warehouse: Path, file: Path) -> None:
    """The rows as CSV; of pseudo data they say so."""
    with open_warehouse(warehouse) as connection:
        sentence = sentence_of(connection)
    if sentence:
        rows = rows.append_column(PSEUDO_COLUMN, pa.array([sentence] * rows.num_rows))
    write_csv(rows, file)


def page() -> str:
    """docs/queries.md."""
    known = queries().values()
    rows = [f"| [`{query.name}`](#{query.name}) | {query.question} |" for query in known]
    parts = [f"## {query.name}\n\n{query.question}\n\n```sql\n{query.sql}\n```" for query in known]
    return _PAGE + "\n".join(rows) + "\n\n" + "\n\n".join(parts) + "\n"


@cache
def _relation(model: str) -> str:
    # a model's schema is the folder of models/ that it lies in
    (path,) = (PROJECT / "models").rglob(f"{model}.sql")
    return f"{path.relative_to(PROJECT / 'models').parts[0]}.{model}"
