"""Tables on the terminal: ours, beside the printed numbers where there are any."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from textwrap import fill
from typing import TYPE_CHECKING

from rich.box import HORIZONTALS
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

# A printed column and ours take this many characters, the terms before them as many as the second.
_COLUMN_WIDTH = 26
_TERM_WIDTH = 22
_MOST_COLUMNS_ABREAST = 3

_SUMMARY_STATISTICS = ("mean", "sd", "p25", "p50", "p75", "count")


def show_comparison(console: Console, comparison: pd.DataFrame, coefficients: Sequence[str]) -> None:
    """Print each panel of a comparison (see `compare`) as the paper lays it out.

    Regressions: coefficient with stars, standard error in parentheses, R² and N, terms in the order of
    `coefficients`. Table 1: a row per variable.
    """
    for (table, panel), rows in comparison.groupby(["table", "panel"], sort=False):
        title = f"Table {table}{f' ({panel})' if panel else ''}"
        if table == "1":
            console.print(_summary_table(title, rows), "")
            continue
        columns = list(dict.fromkeys(rows["column"]))
        fitting = max(1, min(_MOST_COLUMNS_ABREAST, (console.width - _TERM_WIDTH) // _COLUMN_WIDTH))
        per_block = ceil(len(columns) / ceil(len(columns) / fitting))
        for start in range(0, len(columns), per_block):
            block = columns[start : start + per_block]
            console.print(_regression_table(title, rows[rows["column"].isin(block)], coefficients), "")


def new_table(title: str, first: str = "", numbers: Iterable[str] = ()) -> Table:
    """A table as all look on the terminal: a first column of words, and columns of numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=HORIZONTALS, pad_edge=False)
    table.add_column(first, no_wrap=not first)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def _regression_table(title: str, rows: pd.DataFrame, coefficients: Sequence[str]) -> Table:
    columns = rows.drop_duplicates("column")
    sources = ("ours", "printed") if rows["printed"].notna().any() else ("ours",)
    # the outcome heads the block, as in the paper, unless its columns have outcomes of their own
    shared = columns["outcome"].nunique() == 1
    table = new_table(f"{title} {columns['outcome'].iloc[0].replace('_', ' ')}" if shared else title)
    for column, outcome, horizon in columns[["column", "outcome", "horizon"]].itertuples(index=False):
        horizon_text = f" h={horizon}" if horizon else ""
        outcome_text = "" if shared else "\n" + fill(outcome.replace("_", " "), _COLUMN_WIDTH // 2)
        table.add_column(f"({column}){horizon_text}{outcome_text}\nours", justify="right", no_wrap=True)
        if "printed" in sources:
            table.add_column("printed", justify="right", style="dim", no_wrap=True, vertical="bottom")
    present = set(rows["term"])
    values = rows.set_index(["column", "term", "statistic"])[["ours", "printed"]].to_dict("index")

    def line(term: str, render: dict[str, str]) -> list[str]:
        cells = []
        for column in columns["column"]:
            for source in sources:
                cells.append(
                    "".join(
                        _render(values.get((column, term, statistic), {}).get(source), form)
                        for statistic, form in render.items()
                    )
                )
        return cells

    for term in (term for term in coefficients if term in present):
        table.add_row(term.replace("_x_", " × ").replace("_", " "), *line(term, {"coef": ".3f", "stars": "*"}))
        table.add_row("", *line(term, {"se": "()"}))
    for statistic, label, form in (("r2", "R²", ".3f"), ("pseudo_r2", "Pseudo R²", ".3f"), ("nobs", "N", ",.0f")):
        if statistic in set(rows["statistic"]):
            table.add_row(label, *line("", {statistic: form}))
    return table


def _summary_table(title: str, rows: pd.DataFrame) -> Table:
    table = new_table(title)
    table.add_column("")
    for statistic in _SUMMARY_STATISTICS:
        table.add_column(statistic, justify="right")
    values = rows.set_index(["term", "statistic"])[["ours", "printed"]].to_dict("index")
    for term in dict.fromkeys(rows["term"]):
        for source, style in (("ours", ""), ("printed", "dim")):
            cells = [
                _render(values[term, statistic][source], ",.0f" if statistic == "count" else ",.2f")
                for statistic in _SUMMARY_STATISTICS
            ]
            table.add_row(term.replace("_", " ") if source == "ours" else "", source, *cells, style=style)
    return table


def _render(value: float | None, form: str) -> str:
    if value is None or value != value:
        return ""
    if form == "*":
        return "*" * int(value)
    return f"({value:.3f})" if form == "()" else f"{value:{form}}"
