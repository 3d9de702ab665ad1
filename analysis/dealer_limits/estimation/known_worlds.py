"""What the committed Monte Carlo says of a test: how often it finds what is not there, and how much of what is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb
import numpy as np
import pandas as pd

from dealer_limits.estimation.specifications import Specification

NULL_COLUMNS = ("null_rejection_paper", "null_rejection", "null_worlds")


def null_rejections(
    connection: duckdb.DuckDBPyConnection, specs: Iterable[Specification], recommended: Mapping[Specification, str]
) -> pd.DataFrame:
    """A row per coefficient: table, panel, column, term and `NULL_COLUMNS`.

    `null_rejection_paper` is the share of the `null_worlds` worlds in which the test with the paper's errors rejects
    zero at 5%, `null_rejection` that with the `recommended` errors. nan is what has not been measured: own tables,
    other errors than those that were tried, a warehouse without the seeds; and a term that has an effect in null too,
    as MOVE has on illiquidity.
    """
    shares = _shares(connection)
    rows = []
    for spec in specs:
        for term in spec.terms:
            paper, safe, method, worlds = shares.get((*spec.key, term, spec.dependent), (np.nan, np.nan, "", np.nan))
            rows.append((*spec.key, term, paper, safe if recommended[spec] == method else np.nan, worlds))
    return pd.DataFrame(rows, columns=["table", "panel", "column", "term", *NULL_COLUMNS])


def value_over_effect(value: float, effect: float) -> str:
    """A regression's value in endless data over the planted effect, 1 where it says how much; "" without effect."""
    if not effect or effect != effect:
        return ""
    share = value / effect
    return f"{share:.2f}" if abs(share) < 10 else f"{share:.0f}"


def _shares(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, ...], tuple[float, float, str, float]]:
    """Rejections with the paper's errors and with the recommended ones, the name of these, and worlds, by table, panel,
    column, term and dependent; none where the warehouse has no such seed."""
    seeds = "select table_name from duckdb_tables() where schema_name = 'seeds'"
    if ("montecarlo",) not in connection.execute(seeds).fetchall():
        return {}
    found = connection.execute(
        """
        select
            "table", coalesce(panel, ''), "column", term, dependent,
            rejection, coalesce(rejection_recommended, 'nan'), coalesce(recommended, ''), worlds
        from seeds.montecarlo
        where world = 'null' and rejection is not null
        -- the effect of a quantile is not known, but that of its term in another column of the table is
        qualify coalesce(bool_and(effect_lasting = 0) over (partition by "table", term), true)
        """
    ).fetchall()
    return {tuple(row[:5]): (*row[5:8], float(row[8])) for row in found}
