"""What the paper does not print: limit events, and the shadow cost over time; their rows of the registry and their
results."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pandas as pd

from dealer_limits.estimation.compare import LongRow
from dealer_limits.estimation.specifications import Registry, load_registry

SEED = "extensions"
# of an estimate, in rows of a result and in long form
STATISTICS = ("coef", "se", "p", "ci_low", "ci_high")


@dataclass(frozen=True)
class Extension:
    """Results of one: `rows` for its CSV, `<table>.csv`, the estimates in long form, and lines that account for
    them."""

    table: str
    rows: pd.DataFrame
    long: tuple[LongRow, ...]
    lines: tuple[str, ...]


def load_extensions(connection: duckdb.DuckDBPyConnection) -> Registry:
    """The rows of `seeds.extensions`; none where the warehouse is of a project that had no such seed.

    Raises DealerLimitsError where a row has no form.
    """
    has_seed = "select 1 from duckdb_tables() where schema_name = 'seeds' and table_name = $seed"
    if connection.execute(has_seed, {"seed": SEED}).fetchone() is None:
        return Registry(())
    return load_registry(connection, seed=SEED)
