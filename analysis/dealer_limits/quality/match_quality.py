"""How right the match of SOMA awards to TRACE is, where the truth is known: on pseudo data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dealer_limits.errors import DealerLimitsError
from dealer_limits.warehouse import open_warehouse

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb
    import numpy as np
    import pandas as pd
    from rich.console import Console

# A row of the long form: matching_rule, match_kind, statistic, value.
Row = tuple[str, str, str, float]

_TRUTH = ("soma_fills", "soma_sales")

_AWARDS_WITHOUT_TRUTH = """
select count(*)
from marts.fct_soma_award
anti join read_parquet($soma_sales) as sales using (operation_id, cusip)
"""

_LEVELS = """
with

awards as (

    select
        award_id,
        operation_id,
        cusip,
    from marts.fct_soma_award

),

fills as (

    select
        awards.award_id,
        trades.trade_id,
        sum(reported.filled_par_usd) as filled_par_usd,
    from read_parquet($soma_fills) as reported
    inner join awards using (operation_id, cusip)
    left join intermediate.int_soma_trade_candidates as trades
        on
            reported.control_date = trades.control_date
            and reported.systm_cntrl_nb = trades.control_number
    group by all

),

reported_fills as (

    select
        award_id,
        sum(filled_par_usd) as reported_par_usd,
    from fills
    group by all

),

all_fills as (

    select
        awards.award_id,
        sum(sales.par_usd) as true_par_usd,
    from read_parquet($soma_sales) as sales
    inner join awards using (operation_id, cusip)
    group by all

),

matched as (

    select
        matches.matching_rule,
        matches.award_id,
        min(matches.match_kind) as match_kind,
        sum(matches.leg_par_usd) as matched_par_usd,
        sum(least(matches.leg_par_usd, coalesce(fills.filled_par_usd, 0))) as rightly_matched_par_usd,
    from intermediate.int_soma_matches as matches
    left join fills using (award_id, trade_id)
    group by all

),

searches as (

    select
        matching_rule,
        award_id,
        max(exact_subsets) - 1 as alternatives,
    from intermediate.int_soma_exact_searches
    group by all

),

judged as (

    select
        rules.matching_rule,
        coalesce(matched.match_kind, 'none') as match_kind,
        coalesce(matched.matched_par_usd, 0) as matched_par_usd,
        coalesce(matched.rightly_matched_par_usd, 0) as rightly_matched_par_usd,
        coalesce(reported_fills.reported_par_usd, 0) as reported_par_usd,
        all_fills.true_par_usd,
        case when matched.match_kind = 'exact' then searches.alternatives end as alternatives,
    from awards
    cross join (values ('paper'), ('price_consistent')) as rules (matching_rule)
    inner join all_fills using (award_id)
    left join reported_fills using (award_id)
    left join matched using (matching_rule, award_id)
    left join searches using (matching_rule, award_id)

),

by_level as (

    select
        matching_rule,
        coalesce(match_kind, 'all') as match_kind,
        count(*) as awards,
        100 * count(*) / sum(count(*)) over (partition by matching_rule, grouping(match_kind)) as awards_pct,
        sum(rightly_matched_par_usd) / nullif(sum(matched_par_usd), 0) as precision,
        sum(rightly_matched_par_usd) / nullif(sum(reported_par_usd), 0) as recall,
        sum(rightly_matched_par_usd) / sum(true_par_usd) as recall_of_all_fills,
        100 * count(*) filter (where alternatives = 0) / nullif(count(alternatives), 0) as unique_pct,
        median(alternatives) as median_alternatives,
    from judged
    group by grouping sets ((matching_rule, match_kind), (matching_rule))

)

from by_level
order by all
"""

_DEALER_DAYS = """
with

true_sales as (

    select
        firms.firm_rssd,
        sales.operation_date as business_date,
        sum(sales.par_usd) as true_usd,
    from read_parquet($soma_sales) as sales
    inner join intermediate.int_dealer_firms as firms
        on sales.dealer_mpid = firms.dealer_mpid and sales.operation_date = firms.business_date
    group by all

),

matched_sales as (

    select
        matches.matching_rule,
        firms.firm_rssd,
        trades.trade_date as business_date,
        sum(matches.leg_par_usd) as matched_usd,
    from intermediate.int_soma_matches as matches
    inner join intermediate.int_soma_trade_candidates as trades using (trade_id)
    inner join intermediate.int_dealer_firms as firms
        on trades.dealer_mpid = firms.dealer_mpid and trades.trade_date = firms.business_date
    where matches.matching_rule = $matching_rule
    group by all

)

select
    firm_rssd,
    business_date,
    coalesce(true_usd, 0)::double as true_usd,
    coalesce(matched_usd, 0)::double as matched_usd,
from true_sales
full join matched_sales using (firm_rssd, business_date)
order by firm_rssd, business_date
"""


@dataclass(frozen=True)
class Line:
    """A straight line by least squares: slope, its standard error under equal variances, and R²."""

    slope: float
    slope_se: float
    r2: float


def show_match_quality(warehouse: Path, truth: Path, output: Path, console: Console) -> pd.DataFrame:
    """Compare the match with the planted truth, under both matching rules and by level.

    `truth` is the folder with `soma_fills.parquet` (one row per report that filled an award) and
    `soma_sales.parquet` (one row per fill, reported or not). Prints a table per rule, writes
    `match_quality.csv` to the folder `output`, and returns what it writes: columns matching_rule, match_kind
    (equal, exact, partial, by_price, none, or all), statistic and value. The same input gives the same bytes.

    Of the awards of a rule and level:
    - awards, awards_pct: their number and their share of all awards, percent;
    - precision: par that is rightly matched / par that is matched. Right is what truly filled the award that
      it is matched to: of a trade that did so in part, no more than that part;
    - recall: par that is rightly matched / par of all reports that truly filled these awards;
    - recall_of_all_fills: par that is rightly matched / par of all fills of these awards, reported or not;
    - unique_pct, median_alternatives: of exact matches, percent without another exact set of
      trades, and the median number of other sets, as far as they are counted.

    Of a rule, with level all, over firms with prime Treasury desks and days of the event window:
    - slope, slope_se, r2: log matched on log true sales of a firm and day, where both are positive;
    - dealer_days_both, dealer_days_true_only, dealer_days_matched_only: such days, and those with one alone.

    Raises DealerLimitsError where there is no truth, as with real data, where it is not that of the
    warehouse's awards, or where the warehouse or a table is missing.
    """
    import duckdb

    paths = {name: truth / f"{name}.parquet" for name in _TRUTH}
    for path in paths.values():
        if not path.is_file():
            raise DealerLimitsError(f"there is no {path}: the truth is known of pseudo data only")
    with open_warehouse(warehouse) as connection:
        try:
            rows = _judge(connection, {name: str(path) for name, path in paths.items()})
        except duckdb.CatalogException as error:
            raise DealerLimitsError(f"{warehouse}: {str(error).splitlines()[0]}") from error
    quality = _as_frame(rows)
    output.mkdir(parents=True, exist_ok=True)
    quality.to_csv(output / "match_quality.csv", index=False, float_format="%.10g", lineterminator="\n")
    for rule, of_rule in quality.groupby("matching_rule"):
        _show(console, rule, of_rule.set_index(["match_kind", "statistic"])["value"])
    return quality


def fit_line(x: np.ndarray, y: np.ndarray) -> Line:
    """Least squares of y (n) on x (n) and a constant; NaN where n or the variation of x does not suffice."""
    import numpy as np

    if len(x) < 3 or np.ptp(x) == 0:
        return Line(np.nan, np.nan, np.nan)
    deviation, outcome = x - x.mean(), y - y.mean()
    slope = deviation @ outcome / (deviation @ deviation)
    unexplained = ((outcome - slope * deviation) ** 2).sum()
    return Line(
        slope,
        np.sqrt(unexplained / (len(x) - 2) / (deviation @ deviation)),
        1 - unexplained / (outcome @ outcome),
    )


def _judge(connection: duckdb.DuckDBPyConnection, truth: dict[str, str]) -> list[Row]:
    sales = {"soma_sales": truth["soma_sales"]}
    ((unknown,),) = connection.execute(_AWARDS_WITHOUT_TRUTH, sales).fetchall()
    if unknown:
        raise DealerLimitsError(
            f"{truth['soma_sales']} is the truth of other data: {unknown} awards are not in it"
        )
    levels = connection.execute(_LEVELS, truth).df()
    rows = list(levels.melt(["matching_rule", "match_kind"]).itertuples(index=False, name=None))
    for rule in levels["matching_rule"].unique():
        dealer_days = connection.execute(_DEALER_DAYS, sales | {"matching_rule": rule}).df()
        rows += [(rule, "all", name, value) for name, value in _agreement(dealer_days).items()]
    return rows


def _agreement(dealer_days: pd.DataFrame) -> dict[str, float]:
    import numpy as np

    is_true, is_matched = dealer_days["true_usd"] > 0, dealer_days["matched_usd"] > 0
    both = dealer_days[is_true & is_matched]
    line = fit_line(np.log(both["true_usd"].to_numpy()), np.log(both["matched_usd"].to_numpy()))
    return {
        "slope": line.slope,
        "slope_se": line.slope_se,
        "r2": line.r2,
        "dealer_days_both": len(both),
        "dealer_days_true_only": int((is_true & ~is_matched).sum()),
        "dealer_days_matched_only": int((is_matched & ~is_true).sum()),
    }


def _as_frame(rows: list[Row]) -> pd.DataFrame:
    import pandas as pd

    keys = ["matching_rule", "match_kind", "statistic"]
    frame = pd.DataFrame(rows, columns=[*keys, "value"]).astype({"value": float}).dropna()
    return frame.sort_values(keys, ignore_index=True)


def _show(console: Console, rule: str, values: pd.Series) -> None:
    from rich.box import HORIZONTALS
    from rich.table import Table

    table = Table(
        title=f"Match quality, rule {rule}",
        title_justify="left",
        title_style="bold",
        box=HORIZONTALS,
        pad_edge=False,
    )
    columns = {
        "awards": ",.0f",
        "awards_pct": ".1f",
        "precision": ".3f",
        "recall": ".3f",
        "recall_of_all_fills": ".3f",
        "unique_pct": ".1f",
        "median_alternatives": ",.0f",
    }
    table.add_column("level")
    for name in columns:
        table.add_column(name.replace("_pct", " %").replace("_", " "), justify="right")
    levels = [level for level in values.index.unique("match_kind") if level != "all"]
    for level in [*levels, "all"]:
        cells = (
            f"{values[level, name]:{form}}" if (level, name) in values else ""
            for name, form in columns.items()
        )
        table.add_row(level.replace("_", " "), *cells, end_section=level == levels[-1])
    console.print(table)
    of_days = values["all"]
    line = (
        f"slope {of_days['slope']:.3f} ({of_days['slope_se']:.3f}), R² {of_days['r2']:.3f}, "
        if "slope" in of_days
        else ""
    )
    console.print(
        f"log matched on log true sales of a dealer-day: {line}N {of_days['dealer_days_both']:,.0f}; "
        f"true only {of_days['dealer_days_true_only']:,.0f}, "
        f"matched only {of_days['dealer_days_matched_only']:,.0f}",
        "",
        highlight=False,
        sep="\n",
    )
