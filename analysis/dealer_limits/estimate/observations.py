"""From a specification to arrays: SQL joins, filters and drops incomplete rows; Python only estimates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimate.panel import LEAST_SHARE_LEFT, take_out_effects

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb
    import numpy as np

    from dealer_limits.estimate.panel import Variables
    from dealer_limits.estimate.specifications import Registry, Specification


@dataclass(frozen=True)
class Source:
    """How the rows of a mart become observations.

    `relation` is the SQL of one row per observation; `effects` names the column behind each fixed effect,
    `clusters` that behind each way to cluster errors; `key` orders the rows, so that sums over them come out
    the same every time.
    """

    relation: str
    tables: tuple[str, ...]
    effects: dict[str, str]
    clusters: dict[str, str]
    key: tuple[str, ...]


# Marts that estimation reads. Regressors of the panel are those of the desk-day on which the change begins.
SOURCES: dict[str, Source] = {
    "panel_desk_horizon": Source(
        relation="""
            select desk_day.*, panel.* exclude (desk_id, business_date)
            from marts.panel_desk_horizon as panel
            inner join marts.fct_desk_day as desk_day
                on panel.desk_id = desk_day.desk_id and panel.business_date = desk_day.business_date
        """,
        tables=("panel_desk_horizon", "fct_desk_day"),
        effects={"desk": "desk_id", "time": "business_date"},
        clusters={"desk": "desk_id", "firm": "firm_rssd", "day": "business_date"},
        key=("desk_id", "business_date"),
    ),
    "fct_firm_day": Source(
        relation="select * from marts.fct_firm_day",
        tables=("fct_firm_day",),
        effects={"dealer": "firm_rssd", "time": "business_date"},
        clusters={"dealer": "firm_rssd", "day": "business_date"},
        key=("firm_rssd", "business_date"),
    ),
    "fct_soma_sale": Source(
        relation="select * from marts.fct_soma_sale",
        tables=("fct_soma_sale",),
        effects={"bond": "cusip", "time": "operation_date"},
        clusters={"dealer": "firm_rssd", "bond": "cusip", "day": "operation_date"},
        key=("award_id", "trade_id"),
    ),
    "fct_market_day": Source(
        relation="select * from marts.fct_market_day",
        tables=("fct_market_day",),
        effects={"time": "business_date"},
        clusters={"day": "business_date"},
        key=("business_date",),
    ),
}


# seeds that estimation reads
REGISTRY_SEEDS = ("printed_tables", "specifications", "samples", "terms", "covariances")


@dataclass(frozen=True)
class Rows:
    """Rows of an estimation sample, in the order of the mart's key, read once for all columns that use it.

    `values` has dependent variables and terms by name, (n,) with nan where the mart holds null, `levels` the
    levels of each effect, and of clusters, as whole numbers (n,) in the order of the keys. A dependent
    variable is named as its column, a term as `term <name>`.
    """

    values: dict[str, np.ndarray]
    levels: dict[str, np.ndarray]


def term_column(term: str) -> str:
    """The name of a term among the values of `Rows`: a term may be called as some column of the mart is."""
    return f"term {term}"


def rows_query(
    specs: Sequence[Specification],
    registry: Registry,
    also: Sequence[str] = (),
    clusters: Sequence[str] = (),
) -> str:
    """The SQL of all rows of one sample and horizon with everything that some specifications of it name.

    `also` lists further columns of the mart, `clusters` names clusters of its source.
    """
    spec = specs[0]
    source = SOURCES[registry.mart(spec)]
    terms = dict.fromkeys(term for each in specs for term in each.terms)
    levels = {effect: source.effects[effect] for each in specs for effect in each.absorb}
    levels |= {cluster: source.clusters[cluster] for cluster in clusters}
    numbers = dict.fromkeys([*(each.dependent for each in specs), *also])
    columns = [
        *(f'cast({registry.expression(spec, term)} as double) as "{term_column(term)}"' for term in terms),
        *(f'cast("{name}" as double) as "{name}"' for name in numbers),
        *(f'dense_rank() over (order by {key}) as "effect {level}"' for level, key in levels.items()),
    ]
    horizon = "" if spec.horizon is None else f"and horizon = {spec.horizon}"
    return f"""
        select
            {", ".join(columns)}
        from ({source.relation})
        where ({registry.samples[spec.sample].predicate}) {horizon}
        order by {", ".join(source.key)}
    """


def read_rows(
    connection: duckdb.DuckDBPyConnection,
    specs: Sequence[Specification],
    registry: Registry,
    also: Sequence[str] = (),
    clusters: Sequence[str] = (),
) -> Rows:
    """Read the rows of one sample and horizon that some specifications share, and the columns `also`.

    With `clusters`, the levels have these as well as the effects.

    Raises DealerLimitsError where the marts lack a column that is named, or where a value is infinite or no
    number: the marts hold null for what is not observed.
    """
    import duckdb
    import numpy as np

    try:
        columns = connection.execute(rows_query(specs, registry, also, clusters)).fetchnumpy()
    except duckdb.BinderException as error:
        raise DealerLimitsError(str(error).splitlines()[0]) from error
    values, levels = {}, {}
    for name, column in columns.items():
        if name.startswith("effect "):
            levels[name.removeprefix("effect ")] = np.asarray(column)
            continue
        if not np.isfinite(np.ma.compressed(column)).all():
            raise DealerLimitsError(
                f"{name.removeprefix('term ')} of {registry.mart(specs[0])} has infinite values or values "
                "that are no number, where it should hold null"
            )
        values[name] = np.ma.filled(column, np.nan)
    return Rows(values, levels)


def complete_rows(rows: Rows, spec: Specification) -> np.ndarray:
    """Which rows (n,) a specification counts: those with the dependent variable and all terms.

    A zero position or VaR has no log and a seller outside the sample of firms no usage: the marts hold null,
    so that such a row drops out here.
    """
    import numpy as np

    needed = [spec.dependent, *(term_column(term) for term in spec.terms)]
    return np.logical_and.reduce([~np.isnan(rows.values[name]) for name in needed])


def variables_of(rows: Rows, specs: Sequence[Specification], complete: np.ndarray) -> Variables:
    """The variables of specifications that share complete rows, effects and transform; effects taken out.

    `standardise` makes every variable have mean 0 and standard deviation 1 over the complete rows.
    """
    import numpy as np

    names = dict.fromkeys(
        name
        for spec in specs
        for name in (spec.dependent, *map(term_column, (*spec.regressors, *spec.instruments)))
    )
    values = {name: rows.values[name][complete] for name in names}
    if specs[0].transform == "standardise":
        values = {name: standardise(value) for name, value in values.items()}
    levels = [rows.levels[effect][complete] for effect in specs[0].absorb]
    return take_out_effects(
        values, np.column_stack(levels) if levels else np.empty((complete.sum(), 0), dtype=int)
    )


def standardise(values: np.ndarray) -> np.ndarray:
    """Less the mean, over the standard deviation (n - 1). A constant, which has none, becomes zeros."""
    import numpy as np

    deviations = values - values.mean()
    spread = np.sqrt(np.sum(deviations**2) / max(len(values) - 1, 1))
    constant = spread <= LEAST_SHARE_LEFT * np.max(np.abs(values), initial=0)
    return np.zeros(len(values)) if constant else deviations / spread


def check_marts(connection: duckdb.DuckDBPyConnection) -> None:
    """Check that the marts that estimation reads are there and belong together.

    Raises DealerLimitsError where one is missing, or where a desk-day of the panel is not in `fct_desk_day`:
    an inner join would lose such rows without a word.
    """
    present = {
        (schema, table)
        for schema, table in connection.execute(
            "select table_schema, table_name from information_schema.tables"
        ).fetchall()
    }
    needed = [("seeds", name) for name in REGISTRY_SEEDS]
    needed += [("marts", table) for source in SOURCES.values() for table in source.tables]
    needed.append(("marts", "fct_summary_statistics"))
    for schema, table in needed:
        if (schema, table) not in present:
            raise DealerLimitsError(f"the warehouse has no table {schema}.{table}: run `dbt build` first")
    orphans = connection.execute(
        """
        select count(*)
        from marts.panel_desk_horizon as panel
        anti join marts.fct_desk_day as desk_day
            on panel.desk_id = desk_day.desk_id and panel.business_date = desk_day.business_date
        """
    ).fetchone()[0]
    if orphans:
        raise DealerLimitsError(
            f"{orphans} rows of marts.panel_desk_horizon have no desk-day in marts.fct_desk_day"
        )
