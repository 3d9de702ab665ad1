"""Rules that the paper leaves open: their readings, and what a page shows of what each gives.

A rule is a variable of dbt_project.yml. `run_rules` builds and estimates every other reading of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.style
import pandas as pd
from matplotlib.figure import Figure

from dealer_limits.provenance import mark_figure

# table, panel, column, term
Key = tuple[str, str, str, str]
KEY = ("table", "panel", "column", "term")
# what is no regression
FIGURE_4, MATCH = "figure_4", "match"
TEN_LESS_ONE = "decile 10 less decile 1"

_TABLE_11_AND_12 = tuple(
    (*key, term)
    for key in (("11", "a", "3"), ("11", "a", "6"), ("12", "", "2"), ("12", "", "5"))
    for term in ("march_0_x_log_limit_usage", "march_1_x_log_limit_usage")
)
KINDS = tuple((MATCH, "", "", kind) for kind in ("equal", "lone", "exact", "partial", "by_price", "none"))


@dataclass(frozen=True)
class Rule:
    """A rule that can be disputed: its variable, the readings that are compared, the heading in docs/decisions.md that
    says why, the models that read the variable, and the results that the page shows for it."""

    variable: str
    readings: tuple[Any, ...]
    heading: str
    models: tuple[str, ...]
    shown: tuple[Key, ...]


RULES = (
    Rule(
        "treasury_exclusions_needed",
        ("all", "any"),
        'Exclusions "and/or"',
        ("int_desks_classified",),
        (("2", "a", "5", "log_limit_usage"), ("2", "b", "5", "log_limit_usage"), ("14", "c", "1", "log_limit_usage")),
    ),
    Rule(
        "position_floor_usd",
        (0, 1000),
        "A net position of zero has no log",
        ("obs_desk_horizon", "obs_limit_event"),
        (("2", "a", "5", "log_limit_usage"), ("9", "c", "1", "log_limit_usage"), ("9", "c", "4", "log_limit_usage")),
    ),
    Rule(
        "slr_relief",
        ("as_filed", "added_back"),
        "The leverage ratio of the relief is as filed",
        ("int_firm_slr_distances",),
        tuple(
            (table, "c", column, term)
            for table in ("4", "5")
            for column, terms in (
                ("3", ("log_limit_usage", "lagged_slr_distance")),
                ("4", ("log_limit_usage_x_lagged_slr_distance",)),
            )
            for term in terms
        ),
    ),
    Rule(
        "profit_change_days",
        ("available", "complete"),
        "P&L total is new plus existing",
        ("obs_desk_horizon",),
        (("14", "c", "1", "log_limit_usage"), ("14", "c", "2", "log_limit_usage")),
    ),
    Rule(
        "without_dv01_limit",
        ("zero", "missing"),
        "Table 7",
        ("fct_desk_day",),
        (("7", "b", "4", "log_dv01_limit_usage"), ("7", "b", "4", "log_limit_usage")),
    ),
    Rule(
        "figure_4_ranks",
        ("own_year", "pooled"),
        "Ranks of Figure 4 are of the desk's own year",
        ("fct_position_change_by_usage_rank",),
        ((FIGURE_4, "net", "", TEN_LESS_ONE), (FIGURE_4, "gross", "", TEN_LESS_ONE)),
    ),
    Rule(
        "operation_time",
        ("close", "release"),
        "The time of an operation is its close",
        ("int_soma_awards",),
        (*KINDS, *_TABLE_11_AND_12),
    ),
    Rule(
        "level_2_trades",
        ("no_larger", "smaller"),
        "A lone trade of equal size at another time is a match of level 2",
        ("int_soma_exact_searches", "int_soma_matches_level_2_partial"),
        (*KINDS, *_TABLE_11_AND_12),
    ),
    Rule(
        "matching_rule",
        ("paper", "price_consistent"),
        "Which exact sum",
        ("fct_soma_award", "fct_soma_sale", "int_soma_weighed_trades"),
        _TABLE_11_AND_12,
    ),
    Rule(
        "when_issued_customer_trades",
        ("excluded", "included"),
        "Customer trades are of what is issued, and on the dealer's own account",
        ("int_dealer_customer_trades",),
        (
            ("1", "b", "", "log_customer_buys_not_in_soma"),
            ("1", "b", "", "log_customer_buys_total"),
            *(("13", "", column, term) for column in ("2", "3") for term in ("log_limit_usage", "log_soma_sales")),
        ),
    ),
    Rule(
        "agency_customer_trades",
        ("excluded", "included"),
        "Customer trades are of what is issued, and on the dealer's own account",
        ("int_dealer_customer_trades",),
        (
            ("1", "b", "", "soma_sales_to_customer_sales"),
            ("1", "b", "", "soma_sales_to_customer_buys"),
            ("1", "b", "", "log_customer_buys_total"),
            *(("11", "b", column, f"march_{march}_x_log_limit_usage") for column in ("3", "6") for march in (0, 1)),
            *(("13", "", "3", term) for term in ("log_limit_usage", "log_soma_sales")),
        ),
    ),
)


def label_of(key: Key) -> str:
    """A result as a reader of the paper would call it."""
    table, panel, column, term = key
    words = term.replace("_", " ")
    if table == MATCH:
        return f"awards matched as {words}, %"
    if table == FIGURE_4:
        return f"Figure 4, {panel}: {words}, %"
    place = f"Table {table}{f'({panel})' if panel else ''}"
    return f"{place}, mean of {words}" if table == "1" else f"{place}, column {column}: {words}"


def moved(rows: pd.DataFrame) -> pd.Series:
    """How far the other coefficient is, in standard errors of the one that was built; of a mean that is missing."""
    return (rows["other_coef"] - rows["coef"]) / rows["se"]


def sentences_of(rows: pd.DataFrame) -> dict[str, str]:
    """A sentence per rule, by its variable: how many coefficients its other reading moves, and which the most."""
    lines = {}
    for (variable, reading, other), of_rule in rows.groupby(["variable", "reading", "other_reading"], sort=False):
        coefs = of_rule.dropna(subset=["se", "other_se"])
        distance = moved(coefs)
        changed = (coefs["coef"] - coefs["other_coef"]).abs() > 1e-9
        signs = (coefs["coef"] * coefs["other_coef"] < 0) & changed
        line = f"{other} instead of {reading} changes {changed.sum()} of {len(coefs)} coefficients"
        if changed.any():
            farthest = coefs.loc[distance.abs().idxmax()]
            (key,) = farthest.to_frame().T[[*KEY]].itertuples(index=False, name=None)
            line += (
                f", {(distance.abs() > 1).sum()} by more than a standard error and {signs.sum()} in sign; "
                f"most {label_of(key)}, by {abs(distance.loc[farthest.name]):.1f} standard errors"
            )
        lines[variable] = f"{line}."
    return lines


def cells_of(row: Any) -> tuple[str, str]:
    """What a page shows of a result: of the reading that was built, and of the other."""
    texts = []
    for prefix in ("", "other_"):
        coef, se, nobs = (getattr(row, f"{prefix}{name}") for name in ("coef", "se", "nobs"))
        form = ".1f" if row.table == MATCH else ".3f"
        error = "" if se != se else f" ({se:.3f})"
        texts.append("" if coef != coef else f"{coef:{form}}{error}, N {nobs:,.0f}")
    return texts[0], texts[1]


def anchor_of(heading: str) -> str:
    """The anchor that a heading of a Markdown page has."""
    kept = "".join(letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


def write_page(rows: pd.DataFrame, sentence: str, world: Mapping[str, Any] | None) -> str:
    """docs/rules.md: per rule what the other reading changes, and the results that are shown for it."""
    seed = f" Seed {world['seed']}, scale {world['scale']}." if world else ""
    lines = [
        "# Rules that can be disputed",
        "",
        "Written by `dealer-limits rules`: every other reading of a rule that the paper leaves open, one at a time,",
        "each built from the same staged rows and estimated again, with the paper's errors in parentheses. A rule is a",
        "variable of `dbt_project.yml`; the heading says why it is read as it is. Quantile regressions are left out.",
        f"{sentence}{seed}".strip(),
    ]
    sentences = sentences_of(rows)
    for (variable, heading, reading, other), of_rule in rows.groupby(
        ["variable", "heading", "reading", "other_reading"], sort=False
    ):
        lines += [
            "",
            f"## `{variable}`: {reading} or {other}",
            "",
            f"[{heading}](decisions.md#{anchor_of(heading)}). {sentences[variable]}",
            "",
            f"| result | {reading} | {other} |",
            "| --- | --: | --: |",
        ]
        for row in of_rule[of_rule["is_shown"]].itertuples():
            built, found = cells_of(row)
            lines.append(f"| {label_of((row.table, row.panel, row.column, row.term))} | {built} | {found} |")
    return "\n".join(lines) + "\n"


def draw_rules(rows: pd.DataFrame, folder: Path, sentence: str) -> None:
    """Coefficients that are shown, of both readings with 95% intervals, in the larger of their standard errors.

    `sentence`, if any, stands along the edge.
    """
    shown = rows[rows["is_shown"]].dropna(subset=["se", "other_se"]).reset_index(drop=True)
    style = {"svg.fonttype": "none", "svg.hashsalt": "dealer-limits", "font.size": 8}
    style |= {"axes.spines.top": False, "axes.spines.right": False}
    with matplotlib.style.context(["default", style]):
        figure = Figure(figsize=(9.0, 1.2 + 0.21 * (len(shown) + shown["variable"].nunique())), layout="constrained")
        axes = figure.subplots()
        figure.suptitle("Every rule that can be disputed, read otherwise")
        labels: list[str] = []
        for (variable, reading, other), of_rule in shown.groupby(["variable", "reading", "other_reading"], sort=False):
            labels.append(f"{variable}: {reading} (black) or {other}")
            for row in of_rule.itertuples():
                place, unit = -len(labels), max(row.se, row.other_se)
                for coef, se, colour, shift in (
                    (row.coef, row.se, "black", 0.15),
                    (row.other_coef, row.other_se, "#e08214", -0.15),
                ):
                    low, high = (coef - 1.96 * se) / unit, (coef + 1.96 * se) / unit
                    axes.hlines(place + shift, low, high, color=colour, linewidth=1.0)
                    axes.plot([coef / unit], [place + shift], "o", color=colour, markersize=3)
                labels.append(label_of((row.table, row.panel, row.column, row.term)))
        axes.axvline(0, color="0.4", linewidth=0.8)
        axes.set_yticks([-number for number in range(len(labels))], labels)
        for tick, label in zip(axes.get_yticklabels(), labels, strict=True):
            tick.set_fontweight("normal" if ", column" in label else "bold")
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("coefficient and 95% interval, in the larger of the two standard errors")
        mark_figure(figure, sentence)
        # the day of the drawing would change the bytes
        figure.savefig(folder / "rules.svg", metadata={"Date": None})
        figure.savefig(folder / "rules.png", dpi=200)
