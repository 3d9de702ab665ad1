"""Cells of every exhibit, and what each firm contributes to them, from a published warehouse.

A contribution is an amount of one firm under one measure: `observations`, and an amount that the cell adds up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import duckdb
import numpy as np

from dealer_limits.estimation.limit_events import TABLE as LIMIT_EVENTS
from dealer_limits.estimation.limit_events import rows_by_day, rows_of_events
from dealer_limits.estimation.observations import DAY, FIRM, complete_rows, read_rows, sample_condition, variables_of
from dealer_limits.estimation.panel import Variables
from dealer_limits.estimation.run import same_rows, same_variables
from dealer_limits.estimation.shadow_cost_over_time import TABLE as OVER_TIME
from dealer_limits.estimation.shadow_cost_over_time import periods
from dealer_limits.estimation.specifications import Registry, Specification

# exhibit, panel, column, term, statistic
Key = tuple[str, str, str, str, str]
Contributions = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Cell:
    """A number that would leave.

    contributions: empty where no firm is behind it, None where it is not known which are. whole: cells of one
    whole add up to what is told elsewhere, so that one alone is never withheld.
    """

    key: Key
    value: float
    contributions: Contributions | None
    whole: str = ""


# rows within so many percentage points of a percentile stand for it
PERCENTILE_BAND = 1.0
_PERCENTILES = {"p25": 25, "p50": 50, "p75": 75}

# days and, per day, the firms behind Figure 2's averages and Figure 1's sum
_PRIME_DAYS = """
select cast(business_date as varchar) as place, coalesce(firm_rssd, -1) as firm,
    count({value}) as observations, abs(sum({value})) as amount
from marts.fct_desk_day
where is_prime_treasury_desk and {value} is not null
group by all
"""

_CHANGES_BY_CONSTRAINT = """
with desk_days as (
    select * from marts.fct_desk_day where is_prime_treasury_desk
), ranked as (
    select desk_id, row_number() over (order by limit_usage desc, desk_id asc) as usage_rank, count(*) over () as desks
    from desk_days where business_date = cast($grouping_date as date) and limit_usage is not null
), first_days as (
    select desk_id, net_securities_position_usd_mn as first_position from desk_days
    where business_date = cast($event_start as date) and net_securities_position_usd_mn is not null
)
select case when usage_rank <= desks / 2 then 'constrained' else 'unconstrained' end as panel,
    cast(business_date as varchar) as place, coalesce(firm_rssd, -1) as firm, count(*) as observations,
    abs(sum(net_securities_position_usd_mn - first_position)) as amount
from desk_days inner join ranked using (desk_id) inner join first_days using (desk_id)
where business_date between cast($event_start as date) and cast($figure_3_end as date)
    and net_securities_position_usd_mn is not null
group by all
"""

_CHANGES_BY_DECILE = """
select '{measure}' as panel, cast(least(floor(limit_usage_percentile_rank * 10), 9) + 1 as integer) as place,
    coalesce(firm_rssd, -1) as firm, count({value}) as observations, sum(abs({value})) as amount
from observations.obs_desk_horizon
where is_prime_treasury_desk and limit_usage_percentile_rank is not null and {value} is not null
    and horizon = (select max(horizon) from observations.obs_desk_horizon)
group by all
"""

_SALES_BY_USAGE = """
with ranked as (
    select firm_rssd, row_number() over (order by limit_usage desc, firm_rssd asc) as usage_rank,
        count(*) over () as firms
    from (select distinct firm_rssd from marts.fct_firm_day)
    inner join marts.fct_firm_limit_day using (firm_rssd)
    where business_date = cast($grouping_date as date) and limit_usage is not null
)
select case when usage_rank <= firms / 2 then 'high' else 'low' end as panel, cast(business_date as varchar) as place,
    firm_rssd as firm, cast(soma_sales_usd_mn as double) as sold, soma_sales_to_customer_sales as fraction
from marts.fct_firm_day inner join ranked using (firm_rssd)
order by business_date
"""

_MATCHES = """
select match_kind as term, coalesce(cast(firm_rssd as varchar), dealer_mpid) as firm,
    count(distinct award_id) as observations, cast(sum(leg_par_usd) as double) as amount
from marts.fct_soma_sale
group by all
"""

_MATCH_LEVELS = """
select coalesce(cast(match_level as varchar), ''), match_kind, awards, awards_pct,
    100 * cast(awarded_par_usd as double) / sum(cast(awarded_par_usd as double)) over () as awarded_par_pct,
    100 * cast(matched_par_usd as double) / nullif(cast(awarded_par_usd as double), 0) as matched_par_pct
from quality.qc_match_levels where matching_rule = $matching_rule
order by match_level, match_kind
"""


# March is a part of the days of its complement, which are many
_HELD = """
select coalesce(firm_rssd, -1) as firm, sum(net_securities_position_usd_mn) as "net positions",
    sum(gross_securities_position_usd_mn) as "gross positions"
from marts.fct_desk_day
where is_prime_treasury_desk and business_date between $first_day and $last_day
group by firm
"""


def regression_contributions(
    connection: duckdb.DuckDBPyConnection, specs: Iterable[Specification]
) -> dict[tuple[str, str, str], tuple[int, dict[str, Contributions | None]]]:
    """By column: its complete rows, and by its terms, "" for the column, what each firm contributes.

    Of a term: its observations that are not zero, and the squares of its `identifying_variation`. Of the column
    and its constant: observations. Of columns by market day: the firms whose desks make up the index, by their
    desk-days and by the absolute amounts that the index adds up.
    """
    found: dict[tuple[str, str, str], tuple[int, dict[str, Contributions | None]]] = {}
    able = []
    for spec in specs:
        columns = [row[0] for row in connection.execute(f"describe observations.{spec.observations}").fetchall()]
        if FIRM in columns:
            able.append(spec)
        else:
            found[spec.key] = _without_firm(connection, spec)
    for of_rows in same_rows(able):
        rows = read_rows(connection, of_rows, clusters=(FIRM,))
        complete = {spec: complete_rows(rows, spec) for spec in of_rows}
        for sharing in same_variables(of_rows, complete):
            counted = complete[sharing[0]]
            variables = variables_of(rows, sharing, counted)
            # a missing firm has a level of its own: all such rows count as one firm
            _, firm = np.unique(rows.levels[FIRM][counted], return_inverse=True)
            whole: Contributions = {"observations": np.bincount(firm).astype(float)}
            for spec in sharing:
                by_term: dict[str, Contributions | None] = dict.fromkeys(("", "constant"), whole)
                variation = identifying_variation(variables, spec)
                for name, term, x in zip(spec.regressors, spec.terms, variation.T, strict=True):
                    by_term[term] = {
                        "observations": np.bincount(firm, rows.values[name][counted] != 0),
                        "squares": np.bincount(firm, x**2),
                    }
                found[spec.key] = int(counted.sum()), {term: by_term[term] for term in ("", *spec.coefficients)}
    return found


def event_contributions(
    connection: duckdb.DuckDBPyConnection, registry: Registry
) -> dict[tuple[str, str, str], tuple[int, dict[str, Contributions | None]]]:
    """Of paths around limit events: rows of day 0, and of every term what firms contribute on each day of the window.

    A path is told as a whole, and its weeks and means add days up: it leaves where all of its days may.
    """
    found: dict[tuple[str, str, str], tuple[int, dict[str, Contributions | None]]] = {}
    for spec, day, rows in rows_by_day(connection, registry.of_tables([LIMIT_EVENTS])):
        counted = rows_of_events(rows, spec)
        if not counted.any():
            continue
        _, firm = np.unique(rows.levels[FIRM][counted], return_inverse=True)
        # the one term with the effects of days taken out
        x = variables_of(rows, [spec], counted).within[spec.regressors[0]]
        nobs, by_term = found.get(spec.key, (0, {"": {}}))
        of_day = {
            f"events of day {day}": np.bincount(firm, rows.values[spec.regressors[0]][counted]),
            f"squares of day {day}": np.bincount(firm, x**2),
        }
        found[spec.key] = (int(counted.sum()) if day == 0 else nobs), {"": (by_term[""] or {}) | of_day}
    return found


def period_contributions(
    connection: duckdb.DuckDBPyConnection, registry: Registry
) -> dict[tuple[str, str, str], tuple[int, dict[str, Contributions | None]]]:
    """Of the shadow cost by period: rows, and by term what firms contribute.

    λ: as a term of a table, of the rows of the period. What purchases do: as the elasticities, and what firms hold.
    """
    specs = registry.of_tables([OVER_TIME])
    if not specs:
        return {}
    profit, usage = specs
    elasticities = regression_contributions(connection, [usage])[usage.key][1]
    of_usage = {
        f"{measure} of {term}": amounts
        for term in usage.terms[:2]
        for measure, amounts in (elasticities[term] or {}).items()
    }
    rows = read_rows(connection, [profit], clusters=(DAY, FIRM))
    found: dict[tuple[str, str, str], tuple[int, dict[str, Contributions | None]]] = {}
    for period, inside in periods(connection, profit, rows):
        counted = complete_rows(rows, profit) & inside
        held = connection.execute(_HELD, {name: period[name] for name in ("first_day", "last_day")}).fetchnumpy()
        by_term: dict[str, Contributions | None] = {
            "purchases_pct": of_usage | {name: _floats(held[name]) for name in ("net positions", "gross positions")}
        }
        if counted.any():
            _, firm = np.unique(rows.levels[FIRM][counted], return_inverse=True)
            x = identifying_variation(variables_of(rows, [profit], counted), profit)[:, 0]
            observations = np.bincount(firm).astype(float)
            by_term[""] = {"observations": observations}
            by_term["shadow_cost"] = {"observations": observations, "squares": np.bincount(firm, x**2)}
        key = (OVER_TIME, str(period["period_kind"]), str(period["period"]))
        found[key] = int(counted.sum()), by_term
    return found


def identifying_variation(variables: Variables, spec: Specification) -> np.ndarray:
    """What identifies each coefficient, (n, k): its term after the effects and the other terms are taken out.

    Of two-stage least squares, the term as its instruments predict it. By Frisch, Waugh and Lovell the coefficient
    of column x is x'y over x'x, so that x² says how much each row counts in it.
    """
    x = np.column_stack([variables.within[name] for name in spec.regressors])
    if spec.instruments:
        exogenous = [name for name in spec.regressors if name not in spec.endogenous]
        z = np.column_stack([variables.within[name] for name in (*exogenous, *spec.instruments)])
        x = z @ np.linalg.lstsq(z, x)[0]
    left = np.empty_like(x)
    for place in range(x.shape[1]):
        others = np.delete(x, place, axis=1)
        left[:, place] = x[:, place] - others @ np.linalg.lstsq(others, x[:, place])[0]
    return left


def _without_firm(
    connection: duckdb.DuckDBPyConnection, spec: Specification
) -> tuple[int, dict[str, Contributions | None]]:
    """Of observations that are of no firm: who is behind a market day is known, of others not."""
    complete = " and ".join(f'"{name}" is not null' for name in spec.variables)
    of_rows = f"from observations.{spec.observations} where {sample_condition(spec)} and {complete}"
    rows = connection.execute(f"select count(*) {of_rows}").fetchone()[0]
    terms = ("", *spec.coefficients)
    if spec.observations != "obs_market_day":
        return rows, dict.fromkeys(terms)
    firms = connection.execute(
        f"""
        select coalesce(firm_rssd, -1) as firm, count(*) as observations,
            sum(market_share_weight * abs(log_limit_usage)) as amounts
        from marts.fct_desk_day
        where is_prime_treasury_desk and market_share_weight is not null and log_limit_usage is not null
            and business_date in (select business_date {of_rows})
        group by firm
        """
    ).fetchnumpy()
    measures = {name: _floats(firms[name]) for name in ("observations", "amounts")}
    return rows, dict.fromkeys(terms, measures)


def summary_cells(connection: duckdb.DuckDBPyConnection) -> Iterator[Cell]:
    """Table 1. Of a count: observations; of a mean, absolute amounts too; of a deviation, squared deviations too.

    A percentile is the value of a row: what leaves in its place is the mean of the rows within one
    percentage point of it, a cell of its own.
    """
    published: dict[tuple[str, str], dict[str, float]] = {}
    for panel, outcome, statistic, value in connection.execute(
        "select panel, outcome, statistic, value from marts.fct_summary_statistics order by all"
    ).fetchall():
        published.setdefault((panel, outcome), {})[statistic] = value
    models = {"a": ("marts.fct_desk_day", "is_treasury_desk"), "b": ("marts.fct_firm_day", "true")}
    for (panel, outcome), statistics in published.items():
        model, sample = models[panel]
        value = summary_expression(connection, model, outcome)
        rows = f"select coalesce(firm_rssd, -1) as firm, cast({value} as double) as amount from {model} where {sample}"
        firms = connection.execute(
            f"""
            select firm, count(*) as observations, sum(abs(amount)) as amounts, sum((amount - mean) ** 2) as squares
            from ({rows}), (select avg(amount) as mean from ({rows}))
            where amount is not null
            group by firm
            """
        ).fetchnumpy()
        for statistic, also in {"count": (), "mean": ("amounts",), "sd": ("squares",)}.items():
            contributions = {name: _floats(firms[name]) for name in ("observations", *also)}
            if statistics.get(statistic) is not None:
                yield Cell(("1", panel, "", outcome, statistic), statistics[statistic], contributions)
        for statistic, percent in _PERCENTILES.items():
            band = connection.execute(
                f"""
                select firm, count(*) as observations, sum(amount) as total
                from (
                    select *, 100 * (row_number() over (order by amount, firm) - 0.5) / count(*) over () as place
                    from ({rows}) where amount is not null
                )
                where place between {percent - PERCENTILE_BAND} and {percent + PERCENTILE_BAND}
                group by firm
                """
            ).fetchnumpy()
            observations = _floats(band["observations"])
            if len(observations):
                mean = float(_floats(band["total"]).sum() / observations.sum())
                yield Cell(("1", panel, "", outcome, statistic), mean, {"observations": observations})


def summary_expression(connection: duckdb.DuckDBPyConnection, model: str, outcome: str) -> str:
    """The column of a mart that Table 1 describes as `outcome`, in Table 1's unit: positions in billions."""
    columns = {row[0] for row in connection.execute(f"describe {model}").fetchall()}
    column = next(name for name in (outcome, f"{outcome}_usd_mn", f"{outcome}_pct") if name in columns)
    return f"{column} / 1000" if outcome.endswith("_position") else column


def figure_cells(connection: duckdb.DuckDBPyConnection, variables: Mapping[str, object]) -> Iterator[Cell]:
    """Figures 1 to 4: of each point, observations and absolute amounts of the firms behind it.

    Figure 1's index is its position over that of one day, and is left out: the two would tell that day's.
    """
    series = {
        ("figure_1", "net_securities_position_usd_bn"): ("fct_inventory_day", "net_securities_position_usd_mn"),
        ("figure_2", "average_limit_usage"): ("fct_limit_usage_day", "limit_usage"),
        ("figure_2", "average_var_usd_mn"): ("fct_limit_usage_day", "var_usd_mn"),
        ("figure_2", "average_var_limit_usd_mn"): ("fct_limit_usage_day", "var_limit_usd_mn"),
    }
    for (figure, statistic), (mart, value) in series.items():
        points = f"select '', cast(business_date as varchar), {statistic} from marts.{mart}"
        yield from _points(connection, figure, statistic, points, _PRIME_DAYS.format(value=value), {})
    yield from _points(
        connection,
        "figure_3",
        "average_change_usd_bn",
        "select constraint_group, cast(business_date as varchar), average_change_usd_bn "
        "from marts.fct_inventory_change_by_constraint",
        _CHANGES_BY_CONSTRAINT,
        {name: variables[name] for name in ("grouping_date", "event_start", "figure_3_end")},
        # both groups make up what Figure 1 has
        is_part=True,
    )
    for measure in ("net", "gross"):
        yield from _points(
            connection,
            "figure_4",
            "mean_log_change_pct",
            "select position_measure, cast(usage_rank_decile as varchar), mean_log_change_pct "
            f"from marts.fct_position_change_by_usage_rank where position_measure = '{measure}'",
            _CHANGES_BY_DECILE.format(measure=measure, value=f"d_log_{measure}_securities_position"),
            {},
        )


def _points(
    connection: duckdb.DuckDBPyConnection,
    figure: str,
    statistic: str,
    points: str,
    contributions: str,
    parameters: dict[str, object],
    is_part: bool = False,
) -> Iterator[Cell]:
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    rows = connection.execute(contributions, parameters)
    names = [column[0] for column in rows.description]
    for row in rows.fetchall():
        of_firm = dict(zip(names, row, strict=True))
        place = of_firm.get("panel", ""), str(of_firm["place"])
        found.setdefault(place, []).append((of_firm["observations"], of_firm["amount"]))
    for panel, place, value in connection.execute(f"{points} order by all").fetchall():
        if value is not None:
            observations, amounts = np.array(found.get((panel, place), [(0, 0)]), dtype=float).T
            whole = f"{figure} {place}" if is_part else ""
            measures = {"observations": observations, "amounts": amounts}
            yield Cell((figure, panel, place, "", statistic), value, measures, whole)


@dataclass(frozen=True)
class SalesDay:
    """A day of Figure 5: by group of firms, what each firm sold and its share of its sales to customers, which is NaN
    where it sold to none; and what the mart has."""

    day: str
    sold: Mapping[str, np.ndarray]
    fractions: Mapping[str, np.ndarray]
    cumulative_usd_bn: Mapping[str, float]
    mean_fraction: Mapping[str, float | None]


def sales_days(connection: duckdb.DuckDBPyConnection, variables: Mapping[str, object]) -> list[SalesDay]:
    """Figure 5, day by day. The firms of a group have the same order on all days."""
    rows = connection.execute(_SALES_BY_USAGE, {"grouping_date": variables["grouping_date"]}).fetchall()
    firms = {group: sorted({row[2] for row in rows if row[0] == group}) for group in ("high", "low")}
    marts = connection.execute(
        """
        select usage_group, cast(business_date as varchar), cumulative_soma_sales_usd_bn, mean_soma_fraction
        from marts.fct_soma_cumulative_sales
        """
    ).fetchall()
    days = []
    for day in sorted({row[1] for row in rows}):
        of_day = {(group, firm): (sold, fraction) for group, date, firm, sold, fraction in rows if date == day}
        at = {
            group: np.array([of_day.get((group, firm), (0, None)) for firm in of_group], dtype=float).reshape(-1, 2)
            for group, of_group in firms.items()
        }
        days.append(
            SalesDay(
                day,
                {group: values[:, 0] for group, values in at.items()},
                {group: values[:, 1] for group, values in at.items()},
                {group: total for group, date, total, _ in marts if date == day},
                {group: fraction for group, date, _, fraction in marts if date == day},
            )
        )
    return days


def match_cells(connection: duckdb.DuckDBPyConnection, variables: Mapping[str, object]) -> Iterator[Cell]:
    """Awards and par by level of the match. No dealer is behind what is unmatched: a part of the whole all the same."""
    found: dict[str, list[tuple[float, float]]] = {}
    for kind, _, observations, amount in connection.execute(_MATCHES).fetchall():
        found.setdefault(kind, []).append((observations, amount))
    rule = {"matching_rule": variables["matching_rule"]}
    for level, kind, *values in connection.execute(_MATCH_LEVELS, rule).fetchall():
        observations, amounts = np.array(found.get(kind, [(0, 0)]), dtype=float).T
        for statistic, value in zip(
            ("awards", "awards_pct", "awarded_par_pct", "matched_par_pct"), values, strict=True
        ):
            if value is not None:
                measures = {"observations": observations, "amounts": amounts} if kind != "none" else {}
                yield Cell(("match", "", level, kind, statistic), float(value), measures, f"match {statistic}")


def _floats(values: Iterable[object]) -> np.ndarray:
    return np.asarray(np.ma.filled(np.ma.asarray(values, dtype=float), 0.0))
