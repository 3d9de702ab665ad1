"""Which engine estimates a column: packages, arrays, or the database (see `in_database`)."""

from __future__ import annotations

import duckdb
import numpy as np

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.in_database import PanelQuery, fit_in_database
from dealer_limits.estimation.observations import count_rows, sample_condition
from dealer_limits.estimation.panel import Fit, infer
from dealer_limits.estimation.specifications import Specification

ENGINES = ("auto", "packages", "arrays", "sql")

# Statistics of a column that the sql engine alone has.
SQL_MEASURES = ("iterations", "demeaning_error", "singletons")

# From so many rows of an observation model on, `auto` leaves them in the database. As arrays a million rows
# of one regression take about 0.3 GB, and the sql engine is the quicker one long before.
ROWS_FOR_SQL = 2_000_000


def choose_engine(connection: duckdb.DuckDBPyConnection, engine: str, spec: Specification) -> str:
    """`packages`, `arrays` or `sql`, for one column.

    `auto` is `packages` but for large models. Least squares only is estimated in the database; two-stage least
    squares, quantiles and standardised variables are left to the packages. Raises DealerLimitsError for an
    unknown engine.
    """
    if engine not in ENGINES:
        raise DealerLimitsError(f"there is no engine {engine}: choose from {', '.join(ENGINES)}")
    if engine in ("packages", "arrays"):
        return engine
    in_database = spec.estimator == "ols" and not spec.transform
    if engine == "auto":
        in_database = in_database and count_rows(connection, spec.observations) >= ROWS_FOR_SQL
    return "sql" if in_database else "packages"


def fit_column_in_database(connection: duckdb.DuckDBPyConnection, spec: Specification) -> Fit:
    """Fit one column of least squares where its rows are, with the errors and the R² of `fit_linear`.

    `measures` has, beside r2, what only this engine has: `iterations`, `demeaning_error` and `singletons`
    (see `DatabaseFit`).

    Of a model below the size at which `auto` chooses the database, one thread adds up the rows, so that the
    same warehouse gives the same bytes. Raises DealerLimitsError as `fit_in_database` does.
    """
    threads = connection.execute("select current_setting('threads')").fetchone()[0]
    if count_rows(connection, spec.observations) < ROWS_FOR_SQL:
        connection.execute("set threads = 1")
    try:
        fit = fit_in_database(connection, panel_query(spec))
    except DealerLimitsError as error:
        raise DealerLimitsError(str(error).replace('"', "")) from error
    finally:
        connection.execute(f"set threads = {threads}")
    measures = {
        "r2": fit.r2,
        "iterations": float(fit.iterations),
        "demeaning_error": fit.error,
        "singletons": float(fit.singletons),
    }
    return infer(np.asarray(fit.coef), fit.se(), fit.nobs, fit.df_resid, measures)


def panel_query(spec: Specification) -> PanelQuery:
    """The complete rows of a specification as the sql engine wants them."""
    columns = dict.fromkeys([*spec.variables, *spec.absorb])
    complete = "".join(f' and "{name}" is not null' for name in spec.variables[1:])
    return PanelQuery(
        relation=f"""(
            select {", ".join(f'"{name}"' for name in columns)}
            from observations.{spec.observations}
            where {sample_condition(spec)}{complete}
        )""",
        dependent=f'"{spec.dependent}"',
        regressors=tuple(f'"{name}"' for name in spec.regressors),
        effects=tuple(f'"{name}"' for name in spec.absorb),
        constant=spec.report_constant,
    )
