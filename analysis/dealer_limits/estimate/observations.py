"""From a specification to arrays: SQL joins, filters and drops incomplete rows; Python only estimates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dealer_limits.errors import DealerLimitsError

if TYPE_CHECKING:
    import duckdb
    import numpy as np

    from dealer_limits.estimate.specifications import Registry, Specification


@dataclass(frozen=True)
class Source:
    """How the rows of a mart become observations.

    `relation` is the SQL of one row per observation; `effects` names the column behind each fixed effect;
    `key` orders the rows, so that sums over them come out the same every time.
    """

    relation: str
    tables: tuple[str, ...]
    effects: dict[str, str]
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
        key=("desk_id", "business_date"),
    ),
    "fct_dealer_day": Source(
        relation="select * from marts.fct_dealer_day",
        tables=("fct_dealer_day",),
        effects={"dealer": "firm_rssd", "time": "business_date"},
        key=("firm_rssd", "business_date"),
    ),
    "fct_soma_sale": Source(
        relation="select * from marts.fct_soma_sale",
        tables=("fct_soma_sale",),
        effects={"bond": "cusip", "time": "operation_date"},
        key=("award_id", "trade_id"),
    ),
}


@dataclass(frozen=True)
class Observations:
    """Complete rows of an estimation sample, in the order of the mart's key.

    `dependent` has shape (n,), `regressors` (n, k) in the order of the specification's `coefficients`, a
    constant as a column of ones, `effects` (n, e) whole numbers that number the levels of each effect.
    """

    dependent: np.ndarray
    regressors: np.ndarray
    effects: np.ndarray


def observations_query(spec: Specification, registry: Registry) -> str:
    """The SQL that selects the complete observations of a specification.

    A row counts where the dependent variable and all terms are observed. A zero position or VaR has no log
    and a seller outside the sample of firms no usage: the marts hold null, so that such a row drops out here.
    """
    source = SOURCES[registry.mart(spec)]
    terms = ",\n".join(f'{registry.expression(spec, term)} as "term_{term}"' for term in spec.terms)
    effects = "".join(f', {source.effects[effect]} as "effect_{effect}"' for effect in spec.absorb)
    complete = " and ".join(["dependent is not null", *(f'"term_{term}" is not null' for term in spec.terms)])
    horizon = "" if spec.horizon is None else f"and horizon = {spec.horizon}"
    return f"""
        with observations as (
            select
                {", ".join(source.key)}{effects},
                cast("{spec.dependent}" as double) as dependent,
                {terms}
            from ({source.relation})
            where ({registry.samples[spec.sample].predicate}) {horizon}
        )
        select * from observations
        where {complete}
        order by {", ".join(source.key)}
    """


def read_observations(
    connection: duckdb.DuckDBPyConnection, spec: Specification, registry: Registry
) -> Observations:
    """Read the complete observations of a specification from the marts.

    Raises DealerLimitsError where there are none, or where the marts lack a column that is named.
    """
    import duckdb
    import numpy as np
    import pandas as pd

    try:
        rows = connection.execute(observations_query(spec, registry)).df()
    except duckdb.BinderException as error:
        raise DealerLimitsError(f"{spec.label}: {str(error).splitlines()[0]}") from error
    if rows.empty:
        raise DealerLimitsError(
            f"{spec.label}: no row of {registry.mart(spec)} in sample {spec.sample} has {spec.dependent} and "
            f"{', '.join(spec.terms)}"
        )
    regressors = rows[[f"term_{term}" for term in spec.regressors]].to_numpy(dtype=float)
    if spec.report_constant:
        regressors = np.column_stack([regressors, np.ones(len(rows))])
    levels = [pd.factorize(rows[f"effect_{effect}"])[0] for effect in spec.absorb]
    return Observations(
        dependent=rows["dependent"].to_numpy(dtype=float),
        regressors=regressors,
        effects=np.column_stack(levels) if levels else np.empty((len(rows), 0), dtype=int),
    )


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
    needed = [("seeds", name) for name in ("printed_tables", "specifications", "samples", "terms")]
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
