"""`marts.fct_estimate`: the printed coefficients and ours in the published warehouse, for whoever asks in SQL.

A build has none of it: it is written once columns are estimated, and goes with the next build.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
from rich.console import Console

from dealer_limits.publish import change_published

MART = "marts.fct_estimate"

_DESCRIPTION = (
    "One row per table, panel, column and term: the printed coefficient and ours. Every printed one is there, ours "
    "where it is estimated, and coefficients of tables that the paper does not print."
)
# column: type, and what it is
_COLUMNS = {
    "table": (
        "string not null",
        "Table as the paper numbers it; A is the shadow cost of Appendix A, words are not in the paper.",
    ),
    "panel": ("string not null", "Panel; empty where the table has none."),
    "column": ("string not null", "Column of the table."),
    "term": (
        "string not null",
        "Regressor, a column of the observations; of table A the reading of the shadow cost, of limit_events a day.",
    ),
    "printed_coefficient": ("double", "Coefficient as printed."),
    "printed_standard_error": ("double", "Standard error as printed."),
    "coefficient": ("double", "Our estimate; null where there is none."),
    "standard_error": ("double", "Its standard error, of the kind that the paper prints."),
    "p_value": ("double", "Two-sided p-value with this error."),
    "nobs": ("bigint", "Observations that our column counts."),
    "has_printed_sign": (
        "boolean",
        "Ours has the sign of the printed coefficient; null where one of them is missing.",
    ),
    "safe_covariance": ("string", "Which safer errors are recommended, a row of seeds.methods; null before inference."),
    "safe_standard_error": ("double", "Standard error of this kind."),
    "safe_p_value": ("double", "Two-sided p-value with it."),
    "safe_p_value_holm": ("double", "The same, after Holm over the coefficients of the table."),
    "significant_too": ("boolean", "Significant at 5% with both errors; null where it is not with those of the paper."),
    "imputed_coefficient": (
        "double",
        "Mean over draws of the match from its weights (Tables 11 to 13); null before `dealer-limits match-weights`.",
    ),
    "imputed_standard_error": ("double", "Its standard error by Rubin's rules, within and between draws."),
    "imputed_degrees_of_freedom": ("double", "Degrees of freedom of its t distribution; infinite where draws agree."),
    "imputed_p_value": ("double", "Two-sided p-value with it."),
    "missing_information": ("double", "Fraction of the information that is missing because the match is not known."),
}
_KEY = '"table", panel, "column", term'

_ROWS = f"""
with

printed as (

    select
        "table",
        coalesce(panel, '') as panel,
        coalesce("column", '') as "column",
        term,
        max(try_cast(value as double)) filter (where statistic = 'coef') as printed_coefficient,
        max(try_cast(value as double)) filter (where statistic = 'se') as printed_standard_error
    from seeds.printed_tables
    where statistic in ('coef', 'se') and "table" <> '1'
    group by all

),

estimates as (

    select * from read_parquet($estimates)
    where "table" <> '1'

),

coefficients as (

    select
        {_KEY},
        max(value) filter (where statistic = 'coef') as coefficient,
        max(value) filter (where statistic = 'se') as standard_error,
        max(value) filter (where statistic = 'p') as p_value
    from estimates
    where statistic in ('coef', 'se', 'p')
    group by all

),

counts as (

    select "table", panel, "column", cast(value as bigint) as nobs
    from estimates
    where statistic = 'nobs'

)

select
    {_KEY},
    printed.printed_coefficient,
    printed.printed_standard_error,
    coefficients.coefficient,
    coefficients.standard_error,
    coefficients.p_value,
    counts.nobs,
    coefficients.coefficient * printed.printed_coefficient >= 0 as has_printed_sign
from printed
full join coefficients using ({_KEY})
left join counts using ("table", panel, "column")
-- as the paper numbers them
order by try_cast("table" as integer) nulls last, "table", panel, try_cast("column" as integer), "column", term
"""

# of the same coefficients, to five digits: errors that another run left beside them are not theirs
_OF_THE_SAME_COEFFICIENT = """
from read_parquet($file) as other
where
    estimated."table" = other."table"
    and estimated.panel = other.panel
    and estimated."column" = other."column"
    and estimated.term = other.term
    and abs(estimated.coefficient - other.coef) <= greatest(1e-5 * abs(other.coef), 1e-7)
"""
# file of the output: columns of the mart, and what they are in the file
_BESIDE = {
    "inference_summary.parquet": {
        "safe_covariance": "recommended",
        "safe_standard_error": "se",
        "safe_p_value": "p",
        "safe_p_value_holm": "p_holm",
        "significant_too": "significant_too",
    },
    "imputed.parquet": {
        "imputed_coefficient": "imputed_coef",
        "imputed_standard_error": "imputed_se",
        "imputed_degrees_of_freedom": "df",
        "imputed_p_value": "imputed_p",
        "missing_information": "missing",
    },
}


def publish_estimates(warehouse: Path, seen: tuple[int, ...], output: Path, console: Console) -> None:
    """Write the mart from `estimates.parquet` of `output`, with what other commands left there of these coefficients.

    `seen` is the identity of the warehouse that they were estimated on. Raises DealerLimitsError where another one has
    been published since.
    """

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        create_mart(connection, MART, _DESCRIPTION, _COLUMNS, _KEY)
        connection.execute(f"insert into {MART} by name {_ROWS}", {"estimates": str(output / "estimates.parquet")})
        set_beside(connection, output)

    change_marts(warehouse, seen, write, console)


def publish_safe_errors(warehouse: Path, seen: tuple[int, ...], output: Path, console: Console) -> None:
    """Set safer errors beside the estimates in the mart; where nothing has been estimated there is none."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        if not _has_estimates(connection):
            return
    change_marts(warehouse, seen, lambda changing: set_beside(changing, output), console)


def create_mart(
    connection: duckdb.DuckDBPyConnection, name: str, description: str, columns: Mapping[str, tuple[str, str]], key: str
) -> None:
    """An empty mart with its key and comments in the place of the last one. `columns`: type, and what each is."""
    defined = ", ".join(f'"{column}" {kind}' for column, (kind, _) in columns.items())
    connection.execute(f"create or replace table {name} ({defined}, primary key ({key}))")
    connection.execute(f"comment on table {name} is '{description}'")
    for column, (_, comment) in columns.items():
        quoted = comment.replace("'", "''")
        connection.execute(f"comment on column {name}.\"{column}\" is '{quoted}'")


def set_beside(connection: duckdb.DuckDBPyConnection, output: Path) -> None:
    """Set what stands beside the estimates in the mart, if there is one, from the files of `output` that are there."""
    if not _has_estimates(connection):
        return
    there = {row[0] for row in connection.execute(f"describe {MART}").fetchall()}
    for name, columns in _BESIDE.items():
        # estimates of an earlier version lack what it did not know
        if not columns.keys() <= there:
            continue
        connection.execute(f"update {MART} set {', '.join(f'{column} = null' for column in columns)}")
        if (output / name).is_file():
            taken = ", ".join(f"{column} = other.{source}" for column, source in columns.items())
            connection.execute(
                f"update {MART} as estimated set {taken} {_OF_THE_SAME_COEFFICIENT}", {"file": str(output / name)}
            )


def _has_estimates(connection: duckdb.DuckDBPyConnection) -> bool:
    return bool(
        connection.execute("from duckdb_tables() where schema_name || '.' || table_name = ?", [MART]).fetchall()
    )


def change_marts(
    warehouse: Path,
    seen: tuple[int, ...],
    write: Callable[[duckdb.DuckDBPyConnection], None],
    console: Console,
    name: str = MART,
) -> None:
    """Let `write` change a copy of the published warehouse, `seen` before, and publish it; `name` is what it makes."""
    folder = warehouse.resolve().parent
    # whoever may only read a warehouse may estimate on it all the same
    if not os.access(folder, os.W_OK):
        console.print(f"{name} stays as it was: {folder} is not yours to write", highlight=False, soft_wrap=True)
        return

    def finish(incoming: Path) -> None:
        # the storage version of the file stays
        with duckdb.connect(str(incoming)) as connection:
            write(connection)

    change_published(warehouse, seen, finish)
