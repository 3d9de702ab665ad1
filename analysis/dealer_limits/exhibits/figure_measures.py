"""Figures in numbers: where their lines end, turn and lie, beside what the printed axes let one read and beside the
same in whole pseudo worlds."""

from __future__ import annotations

import duckdb
import pandas as pd

from dealer_limits.exhibits.tables import frame_html

# decimals by what a measure's name ends with; others are ratios
DECIMALS = {"_pct": 1, "_usd_bn": 1}
UNITS = {"_pct": "percent", "_usd_bn": "$ billions"}
RATIO_DECIMALS = 2
# of an index that is 100 on a day
INDEX_DECIMALS = 0


def read_measures(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame | None:
    """A row per figure and measure: this warehouse, the printed range with what it was read off, the mean over whole
    worlds `paper` and how many of them lie in the range, and the mean over worlds `null`. None of a warehouse that
    has no measures."""
    try:
        return connection.execute(
            """
            with worlds as (
                select
                    worlds.figure,
                    worlds.measure,
                    avg(worlds.level) filter (worlds.world = 'paper') as paper,
                    avg(worlds.level) filter (worlds.world = 'null') as null_world,
                    count(*) filter (worlds.world = 'paper') as worlds,
                    count(*) filter (
                        worlds.world = 'paper' and worlds.level between printed.printed_low and printed.printed_high
                    ) as within
                from seeds.montecarlo_figures as worlds
                left join seeds.printed_figures as printed using (figure, measure)
                group by all
            )
            select
                own.figure, own.measure, own.level, own.printed_low, own.printed_high, printed.read_off,
                worlds.paper, worlds.null_world, coalesce(worlds.worlds, 0) as worlds, worlds.within
            from marts.fct_figure_measure as own
            left join seeds.printed_figures as printed using (figure, measure)
            left join worlds using (figure, measure)
            order by own.figure, own.measure
            """
        ).df()
    except duckdb.CatalogException:
        return None


def measures_table(measures: pd.DataFrame | None, figure: str) -> str:
    """The table of a figure, named `figure_1` and so on; empty where there is nothing about it."""
    own = measures[measures["figure"] == figure.removeprefix("figure_")] if measures is not None else None
    if own is None or own.empty:
        return ""
    rows = []
    for row in own.itertuples():
        printed = "" if pd.isna(row.printed_low) else f"{row.printed_low:g} to {row.printed_high:g}"
        rows.append(
            {
                "measure": _name(row.measure),
                "printed": printed.replace("-", "−"),
                "this warehouse": _number(row.level, row.measure),
                f"mean of {row.worlds} worlds": _number(row.paper, row.measure),
                "of these as printed": str(int(row.within)) if printed and row.worlds else "",
                "mean in null": _number(row.null_world, row.measure),
                "how the printed range was read": row.read_off if printed else "",
            }
        )
    frame = pd.DataFrame(rows)
    return frame_html(frame, f"{figure}_measures", list(frame.columns[1:-1]))


def _name(measure: str) -> str:
    ending = _ending(measure)
    name = measure.removesuffix(ending).replace("_", " ")
    return f"{name}, {UNITS[ending]}" if ending else name


def _number(value: float | None, measure: str) -> str:
    if pd.isna(value):
        return ""
    decimals = INDEX_DECIMALS if measure.startswith("index_") else DECIMALS.get(_ending(measure), RATIO_DECIMALS)
    return f"{value:,.{decimals}f}".replace("-", "−")


def _ending(measure: str) -> str:
    return next((ending for ending in UNITS if measure.endswith(ending)), "")
