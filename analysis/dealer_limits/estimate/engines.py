"""Which engine estimates a column: arrays in memory, or the database (see `in_database`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimate.in_database import PanelQuery, fit_in_database
from dealer_limits.estimate.observations import SOURCES, term_column
from dealer_limits.estimate.panel import infer

if TYPE_CHECKING:
    import duckdb

    from dealer_limits.estimate.panel import Fit
    from dealer_limits.estimate.specifications import Registry, Specification

ENGINES = ("auto", "memory", "sql")

# Statistics of a column that the sql engine alone has.
SQL_MEASURES = ("iterations", "demeaning_error", "singletons")

# From so many rows of a mart on, `auto` leaves them in the database. In memory a million rows of one
# regression take about 0.3 GB, and the sql engine is the quicker one long before.
ROWS_FOR_SQL = 2_000_000


def choose_engine(
    connection: duckdb.DuckDBPyConnection, engine: str, spec: Specification, registry: Registry
) -> str:
    """`memory` or `sql`, for one column.

    Least squares only is estimated in the database; two-stage least squares, quantiles and standardised
    variables are in memory whatever the engine. Raises DealerLimitsError for an unknown engine.
    """
    if engine not in ENGINES:
        raise DealerLimitsError(f"there is no engine {engine}: choose from {', '.join(ENGINES)}")
    if spec.estimator != "ols" or spec.transform:
        return "memory"
    if engine == "auto":
        return "sql" if _rows(connection, spec, registry) >= ROWS_FOR_SQL else "memory"
    return engine


def fit_column_in_database(
    connection: duckdb.DuckDBPyConnection, spec: Specification, registry: Registry
) -> Fit:
    """Fit one column of least squares where its rows are, with the errors and the R² of `fit_linear`.

    `measures` has, beside r2, what only this engine has: `iterations`, `demeaning_error` and `singletons`
    (see `DatabaseFit`).

    Of a mart below the size at which `auto` chooses the database, one thread adds up the rows, so that the
    same warehouse gives the same bytes. Raises DealerLimitsError as `fit_in_database` does.
    """
    import numpy as np

    threads = connection.execute("select current_setting('threads')").fetchone()[0]
    if _rows(connection, spec, registry) < ROWS_FOR_SQL:
        connection.execute("set threads = 1")
    try:
        fit = fit_in_database(connection, panel_query(spec, registry))
    except DealerLimitsError as error:
        raise DealerLimitsError(str(error).replace('"term ', "").replace('"', "")) from error
    finally:
        connection.execute(f"set threads = {threads}")
    measures = {
        "r2": fit.r2,
        "iterations": float(fit.iterations),
        "demeaning_error": fit.error,
        "singletons": float(fit.singletons),
    }
    return infer(np.asarray(fit.coef), fit.se(), fit.nobs, fit.df_resid, measures)


def panel_query(spec: Specification, registry: Registry) -> PanelQuery:
    """The complete rows of a specification as the sql engine wants them."""
    source = SOURCES[registry.mart(spec)]
    terms = {term: f'"{term_column(term)}"' for term in spec.terms}
    selected = ", ".join(
        [
            *(f"{registry.expression(spec, term)} as {name}" for term, name in terms.items()),
            *(f'{source.effects[effect]} as "effect {effect}"' for effect in spec.absorb),
            f'"{spec.dependent}" as "{spec.dependent}"',
        ]
    )
    horizon = "" if spec.horizon is None else f"and horizon = {spec.horizon}"
    complete = "".join(f" and {name} is not null" for name in terms.values())
    relation = f"""(
        select * from (
            select {selected}
            from ({source.relation})
            where ({registry.samples[spec.sample].predicate}) {horizon}
        )
        where true{complete}
    )"""
    return PanelQuery(
        relation=relation,
        dependent=f'"{spec.dependent}"',
        regressors=tuple(terms[term] for term in spec.regressors),
        effects=tuple(f'"effect {effect}"' for effect in spec.absorb),
        constant=spec.report_constant,
    )


def _rows(connection: duckdb.DuckDBPyConnection, spec: Specification, registry: Registry) -> int:
    return connection.execute(f"select count(*) from marts.{registry.mart(spec)}").fetchone()[0]
