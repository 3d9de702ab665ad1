"""From a specification to arrays: an observation model holds every variable, Python only estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.panel import LEAST_SHARE_LEFT, Variables, take_out_effects
from dealer_limits.estimation.specifications import Specification

# by which errors are clustered
FIRM, DAY = "firm_rssd", "business_date"


@dataclass(frozen=True)
class Rows:
    """Rows of an estimation sample, in the order of the model's key, read once for all columns that use it.

    `values` has variables by name, (n,) with nan where the model holds null; `levels` those of effects and of
    clusters, as whole numbers (n,) in their order.
    """

    values: dict[str, np.ndarray]
    levels: dict[str, np.ndarray]


def sample_condition(spec: Specification) -> str:
    """The SQL condition of a specification's rows."""
    conditions = [f'"{spec.sample}"'] if spec.sample else []
    if spec.horizon is not None:
        conditions.append(f"horizon = {spec.horizon}")
    return " and ".join(conditions) or "true"


def key_of(connection: duckdb.DuckDBPyConnection, observations: str) -> tuple[str, ...]:
    """The columns of the primary key of an observation model; of one without a key, all its columns.

    They order the rows, so that sums over them come out the same every time.
    """
    keys = connection.execute(
        """
        select constraint_column_names
        from duckdb_constraints()
        where schema_name = 'observations' and table_name = $table and constraint_type = 'PRIMARY KEY'
        """,
        {"table": observations},
    ).fetchall()
    return tuple(keys[0][0]) if keys else ("all",)


def read_rows(
    connection: duckdb.DuckDBPyConnection,
    specs: Sequence[Specification],
    also: Sequence[str] = (),
    clusters: Sequence[str] = (),
) -> Rows:
    """Read the rows of one sample and horizon that some specifications share, and the columns `also`.

    With `clusters`, the levels have these columns as well as the effects.

    Raises DealerLimitsError where a value is infinite or no number: the models hold null for what is not
    observed.
    """
    spec = specs[0]
    numbers = dict.fromkeys([*(name for each in specs for name in each.variables), *also])
    levels = dict.fromkeys([*(name for each in specs for name in each.absorb), *clusters])
    selected = [
        *(f'cast("{name}" as double)' for name in numbers),
        *(f'dense_rank() over (order by "{name}")' for name in levels),
    ]
    found = connection.execute(
        f"""
        select {", ".join(f"{expression} as c{place}" for place, expression in enumerate(selected))}
        from observations.{spec.observations}
        where {sample_condition(spec)}
        order by {", ".join(key_of(connection, spec.observations))}
        """
    ).fetchnumpy()
    columns = list(found.values())
    values = {}
    for name, column in zip(numbers, columns, strict=False):
        if not np.isfinite(np.ma.compressed(column)).all():
            raise DealerLimitsError(
                f"{name} of {spec.observations} has infinite values or values that are no number, where it "
                "should hold null"
            )
        values[name] = np.ma.filled(column, np.nan)
    return Rows(values, dict(zip(levels, map(np.asarray, columns[len(numbers) :]), strict=True)))


def complete_rows(rows: Rows, spec: Specification) -> np.ndarray:
    """Which rows (n,) a specification counts: those with the dependent variable and all terms.

    A zero position or VaR has no log and a seller outside the sample of firms no usage: the models hold null,
    so that such a row drops out here.
    """
    return np.logical_and.reduce([~np.isnan(rows.values[name]) for name in spec.variables])


def variables_of(rows: Rows, specs: Sequence[Specification], complete: np.ndarray) -> Variables:
    """The variables of specifications that share complete rows, effects and transform; effects taken out.

    `standardise` makes every variable have mean 0 and standard deviation 1 over the complete rows.
    """
    names = dict.fromkeys(name for spec in specs for name in (spec.dependent, *spec.regressors, *spec.instruments))
    values = {name: rows.values[name][complete] for name in names}
    if specs[0].transform == "standardise":
        values = {name: standardise(value) for name, value in values.items()}
    levels = [rows.levels[effect][complete] for effect in specs[0].absorb]
    return take_out_effects(values, np.column_stack(levels) if levels else np.empty((complete.sum(), 0), dtype=int))


def standardise(values: np.ndarray) -> np.ndarray:
    """Less the mean, over the standard deviation (n - 1). A constant, which has none, becomes zeros."""
    deviations = values - values.mean()
    spread = np.sqrt(np.sum(deviations**2) / max(len(values) - 1, 1))
    constant = spread <= LEAST_SHARE_LEFT * np.max(np.abs(values), initial=0)
    return np.zeros(len(values)) if constant else deviations / spread


def count_rows(connection: duckdb.DuckDBPyConnection, observations: str) -> int:
    """How many rows an observation model has."""
    return connection.execute(f"select count(*) from observations.{observations}").fetchone()[0]
