"""Tables 11 to 13 and Figure 5 on draws of the match, by the models and the estimators that the match itself takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.rules import KEY, Key
from dealer_limits.estimation.run import estimate
from dealer_limits.estimation.run_rules import Compiler, make_anew
from dealer_limits.estimation.specifications import Registry, load_registry
from dealer_limits.matching.comparisons import Comparisons
from dealer_limits.matching.imputation import pool
from dealer_limits.matching.marts import names_of_kinds

TABLES = ("11", "12", "13")
FIGURE_5 = "marts.fct_soma_cumulative_sales"
# where sales begin, and what is read of the models that follow from them
FROM = ("fct_soma_award", "fct_soma_sale")
NEEDED_BY = ("obs_dealer_day", "obs_soma_sale", "fct_soma_cumulative_sales")
_FIGURE_5 = """
select usage_group, business_date, cumulative_soma_sales_usd_bn, mean_soma_fraction
from marts.fct_soma_cumulative_sales order by usage_group, business_date
"""
Estimates = dict[Key, tuple[float, float]]


def estimate_draws(
    build_file: Path,
    variables: Mapping[str, object],
    comparisons: Comparisons,
    drawn: Iterable[np.ndarray],
    count: int,
    console: Console,
    truth: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the match and `count` draws of it (see `imputation.draws`) give, and with `truth` the true legs of a pseudo
    world.

    Returns a row per coefficient that every draw has: KEY; coef and se of the match; imputed_coef, imputed_se,
    imputed_p, within and between (variances), df, missing, draws, with a truth true_coef and true_se. And a row per
    group and day of Figure 5: usage_group, business_date, and of cumulative sales ($ billions) and the mean fraction:
    as matched, mean, low and high, between which 95% of the draws lie.

    The build stays as it is: models that follow from the match are made anew from views of it.
    """
    with TemporaryDirectory(dir=build_file.parent) as folder:
        statements = Compiler(Path(folder) / "compiling", variables).compile(FROM, {}, NEEDED_BY)
        # models name their database
        with duckdb.connect(str(Path(folder) / build_file.name)) as connection:
            _view(connection, build_file, statements)
            registry = load_registry(connection)
            matched, lines = _estimates(connection, registry), connection.execute(_FIGURE_5).df()
            estimates, figures = [], []
            if truth is not None:
                _match(connection, truth)
                make_anew(connection, statements)
                true = _estimates(connection, registry)
            for chosen in track(drawn, "Draws of the match", total=count, console=console, transient=True):
                _match(connection, legs_of(comparisons, chosen, str(variables["matching_rule"])))
                make_anew(connection, statements)
                estimates.append(_estimates(connection, registry))
                figures.append(connection.execute(_FIGURE_5).df())
    pooled = _pooled(matched, estimates)
    if truth is not None:
        nothing = (float("nan"), float("nan"))
        both = [true.get(key, nothing) for key in pooled[[*KEY]].itertuples(index=False, name=None)]
        pooled = pooled.assign(true_coef=[coef for coef, _ in both], true_se=[se for _, se in both])
    return pooled, _bands(lines, figures)


def legs_of(comparisons: Comparisons, chosen: np.ndarray, rule: str) -> pd.DataFrame:
    """A draw (awards,) as rows of int_soma_matches, par in cents."""
    is_chosen = np.zeros(len(comparisons.sets) + 1, dtype=bool)
    # the place behind the last stands for none
    is_chosen[chosen] = True
    kept = is_chosen[comparisons.leg_set]
    level, kind = names_of_kinds(comparisons)
    leg_set, trades = comparisons.leg_set[kept], comparisons.trades.iloc[comparisons.leg_trade[kept]]
    return pd.DataFrame(
        {
            "matching_rule": rule,
            "award_id": trades["award_id"].to_numpy(),
            "trade_id": trades["trade_id"].to_numpy(),
            "match_level": level[leg_set],
            "match_kind": kind[leg_set],
            "leg_cents": comparisons.leg_cents[kept],
        }
    )


def _view(connection: duckdb.DuckDBPyConnection, build_file: Path, statements: Mapping[str, str]) -> None:
    """Every table of a build as a view, but those that are made anew, which are copied first."""
    connection.execute(f"attach '{build_file}' as built (read_only)")
    anew = {relation.partition(" ")[2] for relation in statements} | {"intermediate.int_soma_matches"}
    tables = connection.execute("select schema_name, table_name from duckdb_tables() where database_name = 'built'")
    for schema, table in tables.fetchall():
        name = f'{schema}."{table}"'
        kind = "table" if f"{schema}.{table}" in anew else "view"
        connection.execute(f"create schema if not exists {schema}; create {kind} {name} as from built.{name}")


def _match(connection: duckdb.DuckDBPyConnection, legs: pd.DataFrame) -> None:
    connection.register("legs", legs)
    connection.execute("""
        create or replace table intermediate.int_soma_matches as
        select
            * exclude (match_level, leg_cents),
            cast(match_level as integer) as match_level,
            cast(leg_cents * 0.01 as decimal(18, 2)) as leg_par_usd
        from legs
    """)
    connection.unregister("legs")


def _estimates(connection: duckdb.DuckDBPyConnection, registry: Registry) -> Estimates:
    found = {}
    for spec, fit in estimate(connection, registry, registry.of_tables(TABLES), Bootstrap(), "arrays"):
        if not isinstance(fit, str):
            for place, term in enumerate(spec.coefficients):
                found[*spec.key, term] = (float(fit.coef[place]), float(fit.se[place]))
    return found


def _pooled(matched: Estimates, draws: list[Estimates]) -> pd.DataFrame:
    """A column that a draw cannot estimate is left out."""
    keys = [key for key in matched if all(key in draw for draw in draws)]
    coefs, errors = (np.array([[draw[key][part] for key in keys] for draw in draws]) for part in (0, 1))
    pooled = pool(coefs.reshape(len(draws), -1), errors.reshape(len(draws), -1))
    rows = pd.DataFrame(keys, columns=[*KEY]).assign(
        coef=[matched[key][0] for key in keys],
        se=[matched[key][1] for key in keys],
        imputed_coef=pooled.coef,
        imputed_se=pooled.se,
        imputed_p=pooled.p,
        within=pooled.within,
        between=pooled.between,
        df=pooled.df,
        missing=pooled.missing,
        draws=len(draws),
    )
    return rows.sort_values([*KEY], ignore_index=True)


def _bands(matched: pd.DataFrame, draws: list[pd.DataFrame]) -> pd.DataFrame:
    keys = ["usage_group", "business_date"]
    rows = matched[keys].copy()
    together = pd.concat(draws).groupby(keys)
    for measure in ("cumulative_soma_sales_usd_bn", "mean_soma_fraction"):
        rows[f"{measure}_matched"] = matched[measure]
        told = together[measure].agg(
            mean="mean", low=lambda values: values.quantile(0.025), high=lambda values: values.quantile(0.975)
        )
        rows = rows.merge(told.add_prefix(f"{measure}_").reset_index(), how="left", on=keys)
    return rows
