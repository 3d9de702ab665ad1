"""Ours, and the printed numbers beside them where there are any."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import pandas as pd

from dealer_limits.estimation.specifications import Specification

KEYS = ["table", "panel", "column", "term", "statistic"]

# Table, panel, column, term, statistic, value.
LongRow = tuple[str, str, str, str, str, float]

# Of a column that is not printed.
_SHOWN = ("coef", "se", "stars", "r2", "pseudo_r2", "nobs")

# Printed facts about a column that are no numbers.
_NOT_NUMBERS = ["desk_fe", "dealer_fe", "time_fe", "bond_fe", "estimator"]


def sort_by_key(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort rows as the paper numbers them: table and column as numbers, then panel, term and statistic.

    Tables with a letter, those of the appendices, come last.
    """
    order = frame.assign(
        table_number=pd.to_numeric(frame["table"], errors="coerce"),
        column_number=pd.to_numeric(frame["column"].replace("", "0"), errors="coerce"),
    ).sort_values(["table_number", "table", "panel", "column_number", "column", "term", "statistic"])
    return frame.loc[order.index].reset_index(drop=True)


def read_printed(connection: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> pd.DataFrame:
    """The printed numbers of some tables, keyed as estimates are.

    Columns: table, panel, column, outcome, horizon, sample, term, statistic (text) and printed (float).
    Table 1 has its variable as term.
    """
    return connection.execute(
        """
        select
            "table",
            coalesce(panel, '') as panel,
            coalesce("column", '') as "column",
            outcome,
            coalesce(cast(horizon as varchar), '') as horizon,
            coalesce("sample", '') as "sample",
            case when "table" = '1' then outcome else coalesce(term, '') end as term,
            statistic,
            cast(value as double) as printed
        from seeds.printed_tables
        where not list_contains($not_numbers, statistic) and list_contains($tables, "table")
        """,
        {"not_numbers": _NOT_NUMBERS, "tables": list(tables)},
    ).df()


def compare(
    printed: pd.DataFrame, estimates: pd.DataFrame, specifications: Iterable[Specification] = ()
) -> pd.DataFrame:
    """One row per printed number: printed, ours (missing where not estimated) and the difference.

    Columns of `specifications` that the paper does not print follow, without a printed number.
    `difference_in_se` is the difference of a coefficient over the root of the sum of both squared standard
    errors, the scale on which two independent estimates differ; missing for other statistics.
    """
    ours = estimates.rename(columns={"value": "ours"})
    rows = printed.merge(ours, on=KEYS, how="left", validate="1:1")
    known = set(printed[["table", "panel", "column"]].itertuples(index=False, name=None))
    own = pd.DataFrame(
        [
            (*spec.key, spec.outcome, "" if spec.horizon is None else str(spec.horizon), spec.sample)
            for spec in specifications
            if spec.key not in known
        ],
        columns=["table", "panel", "column", "outcome", "horizon", "sample"],
    )
    if len(own):
        shown = ours[ours["statistic"].isin(_SHOWN)]
        rows = pd.concat([rows, own.merge(shown, on=["table", "panel", "column"])], ignore_index=True)
    rows["difference"] = rows["ours"] - rows["printed"]
    of_term = ["table", "panel", "column", "term"]
    errors = rows.loc[rows["statistic"] == "se", [*of_term, "printed", "ours"]]
    errors = errors.assign(statistic="coef", combined=(errors["printed"] ** 2 + errors["ours"] ** 2) ** 0.5)
    rows = rows.merge(errors[[*KEYS, "combined"]], on=KEYS, how="left")
    rows["difference_in_se"] = rows["difference"] / rows["combined"]
    return sort_by_key(rows.drop(columns="combined"))
