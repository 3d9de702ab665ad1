"""How right the match of SOMA awards to TRACE is, where the truth is known: on pseudo data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.display import new_table
from dealer_limits.provenance import marked, sentence_of
from dealer_limits.warehouse import open_warehouse

# A row of the long form: matching_rule, match_kind, statistic, value.
Row = tuple[str, str, str, float]

# what is shown of a kind of match, and how
STATISTICS = {
    "precision": ".3f",
    "recall": ".3f",
    "recall_of_all_fills": ".3f",
    "unique_pct": ".1f",
    "median_alternatives": ",.0f",
}

_KINDS = ("equal", "lone", "exact", "partial", "by_price", "none")

_AWARDS_WITHOUT_TRUTH = """
select count(*)
from marts.fct_soma_award
where award_id not in (select award_id from quality.qc_truth_sales)
"""

_FIRM_DAYS = """
select matching_rule, cast(sold_par_usd as double) as sold, cast(matched_par_usd as double) as matched
from quality.qc_match_firm_days
order by matching_rule, firm_rssd, business_date
"""


@dataclass(frozen=True)
class Line:
    """A straight line by least squares: slope, its standard error under equal variances, and R²."""

    slope: float
    slope_se: float
    r2: float


def show_match_quality(warehouse: Path, output: Path, console: Console) -> pd.DataFrame:
    """Show how right the match is: what the build found beside the truth of a pseudo world.

    Reads quality.qc_match_quality, in whose comments the statistics are explained, and qc_match_firm_days.
    Prints a table per matching rule, writes `match_quality.csv` to the folder `output`, and returns what it
    writes: columns matching_rule, match_kind (equal, lone, exact, partial, by_price, none, or all), statistic and
    value. The same input gives the same bytes.

    Of a rule, with kind all, there are also, over firms with prime Treasury desks and days:
    - slope, slope_se, r2: log matched on log true sales of a firm and day, where both are positive;
    - dealer_days_both, dealer_days_true_only, dealer_days_matched_only: such days, and those with one alone.

    Raises DealerLimitsError where there was no truth, as with real data, where it is not that of the
    warehouse's awards, or where the warehouse or a table is missing.
    """
    with open_warehouse(warehouse) as connection:
        sentence = sentence_of(connection)
        try:
            quality = _as_frame(_judge(connection, warehouse))
        except duckdb.CatalogException as error:
            raise DealerLimitsError(f"{warehouse}: {str(error).splitlines()[0]}") from error
    output.mkdir(parents=True, exist_ok=True)
    shown = marked(quality, sentence)
    shown.to_csv(output / "match_quality.csv", index=False, float_format="%.10g", lineterminator="\n")
    for rule, of_rule in quality.groupby("matching_rule"):
        _show(console, rule, of_rule.set_index(["match_kind", "statistic"])["value"])
    return quality


def fit_line(x: np.ndarray, y: np.ndarray) -> Line:
    """Least squares of y (n) on x (n) and a constant; NaN where n or the variation of x does not suffice."""
    if len(x) < 3 or np.ptp(x) == 0:
        return Line(np.nan, np.nan, np.nan)
    deviation, outcome = x - x.mean(), y - y.mean()
    slope = deviation @ outcome / (deviation @ deviation)
    unexplained = ((outcome - slope * deviation) ** 2).sum()
    return Line(
        slope, np.sqrt(unexplained / (len(x) - 2) / (deviation @ deviation)), 1 - unexplained / (outcome @ outcome)
    )


def _judge(connection: duckdb.DuckDBPyConnection, warehouse: Path) -> list[Row]:
    ((sales,),) = connection.execute("select count(*) from quality.qc_truth_sales").fetchall()
    if not sales:
        raise DealerLimitsError(f"{warehouse} was built without a truth, which is known of pseudo data only")
    ((unknown,),) = connection.execute(_AWARDS_WITHOUT_TRUTH).fetchall()
    if unknown:
        raise DealerLimitsError(f"{warehouse} was built beside the truth of other data: {unknown} awards are not in it")
    kinds = connection.execute("select * from quality.qc_match_quality").df()
    rows = list(kinds.melt(["matching_rule", "match_kind"]).itertuples(index=False, name=None))
    firm_days = connection.execute(_FIRM_DAYS).df()
    for rule in kinds["matching_rule"].unique():
        agreement = _agreement(firm_days[firm_days["matching_rule"] == rule])
        rows += [(rule, "all", name, value) for name, value in agreement.items()]
    return rows


def _agreement(firm_days: pd.DataFrame) -> dict[str, float]:
    is_true, is_matched = firm_days["sold"] > 0, firm_days["matched"] > 0
    both = firm_days[is_true & is_matched]
    line = fit_line(np.log(both["sold"].to_numpy()), np.log(both["matched"].to_numpy()))
    return {
        "slope": line.slope,
        "slope_se": line.slope_se,
        "r2": line.r2,
        "dealer_days_both": len(both),
        "dealer_days_true_only": int((is_true & ~is_matched).sum()),
        "dealer_days_matched_only": int((is_matched & ~is_true).sum()),
    }


def _as_frame(rows: list[Row]) -> pd.DataFrame:
    keys = ["matching_rule", "match_kind", "statistic"]
    frame = pd.DataFrame(rows, columns=[*keys, "value"]).astype({"value": float}).dropna()
    return frame.sort_values(keys, ignore_index=True)


def _show(console: Console, rule: str, values: pd.Series) -> None:
    columns = {"awards": ",.0f", "awards_pct": ".1f"} | STATISTICS
    headings = (name.replace("_pct", " %").replace("_", " ") for name in columns)
    table = new_table(f"Match quality, rule {rule}", "match", headings)
    kinds = [kind for kind in _KINDS if (kind, "awards") in values]
    for kind in [*kinds, "all"]:
        cells = (f"{values[kind, name]:{form}}" if (kind, name) in values else "" for name, form in columns.items())
        table.add_row(kind.replace("_", " "), *cells, end_section=kind == kinds[-1])
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
