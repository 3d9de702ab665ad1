"""`marts.fct_estimate`: the printed coefficients and ours in the published warehouse, for whoever asks in SQL.

A build has none of it: it is written once columns are estimated, and goes with the next build.
"""

from __future__ import annotations

import os
from collections.abc import Callable
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
_SAFE_ERRORS = f"""
update {MART} as estimated
set
    safe_covariance = safe.recommended,
    safe_standard_error = safe.se,
    safe_p_value = safe.p,
    safe_p_value_holm = safe.p_holm,
    significant_too = safe.significant_too
from read_parquet($summary) as safe
where
    estimated."table" = safe."table"
    and estimated.panel = safe.panel
    and estimated."column" = safe."column"
    and estimated.term = safe.term
    and abs(estimated.coefficient - safe.coef) <= greatest(1e-5 * abs(safe.coef), 1e-7)
"""


def publish_estimates(warehouse: Path, seen: tuple[int, ...], output: Path, console: Console) -> None:
    """Write the mart from `estimates.parquet` of `output`, with the safer errors of the same coefficients, if any.

    `seen` is the identity of the warehouse that they were estimated on. Raises DealerLimitsError where another one has
    been published since.
    """

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        columns = ", ".join(f'"{name}" {kind}' for name, (kind, _) in _COLUMNS.items())
        connection.execute(f"create or replace table {MART} ({columns}, primary key ({_KEY}))")
        connection.execute(f"insert into {MART} by name {_ROWS}", {"estimates": str(output / "estimates.parquet")})
        connection.execute(f"comment on table {MART} is '{_DESCRIPTION}'")
        for name, (_, comment) in _COLUMNS.items():
            connection.execute(f"comment on column {MART}.\"{name}\" is '{comment}'")
        _set_safe_errors(connection, output)

    _change(warehouse, seen, write, console)


def publish_safe_errors(warehouse: Path, seen: tuple[int, ...], output: Path, console: Console) -> None:
    """Set safer errors beside the estimates in the mart; where nothing has been estimated there is none."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        if not connection.execute("from duckdb_tables() where schema_name || '.' || table_name = ?", [MART]).fetchall():
            return
    _change(warehouse, seen, lambda changing: _set_safe_errors(changing, output), console)


def _set_safe_errors(connection: duckdb.DuckDBPyConnection, output: Path) -> None:
    safe = [name for name in _COLUMNS if name.startswith("safe_") or name == "significant_too"]
    connection.execute(f"update {MART} set {', '.join(f'{name} = null' for name in safe)}")
    summary = output / "inference_summary.parquet"
    if summary.is_file():
        connection.execute(_SAFE_ERRORS, {"summary": str(summary)})


def _change(
    warehouse: Path, seen: tuple[int, ...], write: Callable[[duckdb.DuckDBPyConnection], None], console: Console
) -> None:
    folder = warehouse.resolve().parent
    # whoever may only read a warehouse may estimate on it all the same
    if not os.access(folder, os.W_OK):
        console.print(f"{MART} stays as it was: {folder} is not yours to write", highlight=False, soft_wrap=True)
        return

    def finish(incoming: Path) -> None:
        # the storage version of the file stays
        with duckdb.connect(str(incoming)) as connection:
            write(connection)

    change_published(warehouse, seen, finish)
