"""What the committed Monte Carlo says of a test: how often it finds what is not there, and how much of what is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd

from dealer_limits.estimation.specifications import Specification, read_specifications

NULL_COLUMNS = ("null_rejection_paper", "null_worlds_paper", "null_rejection", "null_worlds")


def null_rejections(
    connection: duckdb.DuckDBPyConnection, specs: Iterable[Specification], recommended: Mapping[Specification, str]
) -> pd.DataFrame:
    """A row per coefficient: table, panel, column, term and `NULL_COLUMNS`.

    `null_rejection_paper` is the share of the `null_worlds_paper` worlds in which the test with the paper's errors
    rejects zero at 5%, `null_rejection` that with the `recommended` errors: of the diagnostic that is the same
    regression with these errors. nan is what has not been measured: own tables, errors that no diagnostic has, a
    warehouse without the seeds; and a term that has an effect in null too, as MOVE has on illiquidity.
    """
    shares = _shares(connection)
    twins = {}
    if shares:
        twins = {(_regression(spec), spec.covariance): spec for spec in read_specifications(connection, "diagnostics")}
    unknown = (np.nan, np.nan)
    rows = []
    for spec in specs:
        twin = twins.get((_regression(spec), recommended[spec]))
        for place, term in enumerate(spec.terms):
            paper = shares.get((*spec.key, term, spec.dependent), unknown)
            safe = shares.get((*twin.key, twin.terms[place], twin.dependent), unknown) if twin else unknown
            rows.append((*spec.key, term, *paper, *safe))
    return pd.DataFrame(rows, columns=["table", "panel", "column", "term", *NULL_COLUMNS])


def value_over_effect(value: float, effect: float) -> str:
    """A regression's value in endless data over the planted effect, 1 where it says how much; "" without effect."""
    if not effect or effect != effect:
        return ""
    share = value / effect
    return f"{share:.2f}" if abs(share) < 10 else f"{share:.0f}"


def _shares(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, ...], tuple[float, float]]:
    """Rejections and worlds by table, panel, column, term and dependent; none where the warehouse has no such seed."""
    seeds = "select table_name from duckdb_tables() where schema_name = 'seeds'"
    if not {("montecarlo",), ("diagnostics",)} <= set(connection.execute(seeds).fetchall()):
        return {}
    found = connection.execute(
        """
        select "table", coalesce(panel, ''), "column", term, dependent, rejection, worlds
        from seeds.montecarlo
        where world = 'null' and rejection is not null
        -- the effect of a quantile is not known, but that of its term in another column of the table is
        qualify coalesce(bool_and(effect_lasting = 0) over (partition by "table", term), true)
        """
    ).fetchall()
    return {tuple(key): (share, float(worlds)) for *key, share, worlds in found}


def _regression(spec: Specification) -> Specification:
    """A specification without its place in a table and the errors it is given."""
    place = {"table": "", "panel": "", "column": "", "terms": (), "report_constant": False}
    return replace(spec, **place, covariance="", tested_term="", is_corrected=False, question="")
