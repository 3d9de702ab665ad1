"""Figures as the paper lays them out, as SVG and PNG, each from one mart."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import matplotlib.style
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.dates import ConciseDateFormatter, DateFormatter, DayLocator, YearLocator
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.provenance import mark_figure, marked, sentence_of
from dealer_limits.warehouse import open_warehouse


def _all_of(rows: pd.DataFrame) -> pd.DataFrame:
    return rows


@dataclass(frozen=True)
class PaperFigure:
    """A figure: its exhibit and file name, title, the mart with its key, size in inches, what draws the rows.

    `choose` leaves the rows that are drawn. `{first_day}` in the title stands for the first day of the mart.
    """

    name: str
    title: str
    mart: str
    key: tuple[str, ...]
    size: tuple[float, float]
    draw: Callable[[Figure, pd.DataFrame], None]
    choose: Callable[[pd.DataFrame], pd.DataFrame] = _all_of

    def title_of(self, rows: pd.DataFrame) -> str:
        """The title over these rows."""
        if "{first_day}" not in self.title:
            return self.title
        first_day = rows["business_date"].min()
        return self.title.format(first_day=f"{first_day:%B} {first_day.day}, {first_day.year}")


@dataclass(frozen=True)
class Line:
    """How a series is drawn: lines differ in dashes and in lightness, so that they differ in grey as well."""

    group: str
    label: str
    color: str
    dashes: str


@dataclass(frozen=True)
class Drawn:
    """A figure as drawn: its files, and the SVG without a title, for a page that gives the title itself."""

    files: tuple[Path, Path, Path]
    untitled_svg: str


# Text of the SVG stays text, which can be searched; a fixed salt gives its elements the same names each time.
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "dealer-limits",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "figure.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.88",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.columnspacing": 1.4,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.6,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
}
_PNG_DOTS_PER_INCH = 200

DARK, LIGHT = "#08306b", "#e08214"
SHADE = "0.86"

USAGE_GROUPS = (Line("low", "Low VaR usage dealers", LIGHT, "--"), Line("high", "High VaR usage dealers", DARK, "-"))
_CONSTRAINT_GROUPS = (
    Line("constrained", "Constrained desks", DARK, "-"),
    Line("unconstrained", "Unconstrained desks", LIGHT, "--"),
)
_WEDNESDAY = 2


def draw_figures(warehouse: Path, output: Path, console: Console) -> list[Path]:
    """Draw the figures in `FIGURES` from a warehouse; returns the files, an SVG, a PNG and a CSV of each.

    The files are in the folder `figures` of `output`; the same warehouse gives the same bytes.

    Raises DealerLimitsError where the warehouse or a mart is missing, or where a mart has no rows.
    """
    with open_warehouse(warehouse) as connection:
        rows = {exhibit.name: read_rows(connection, exhibit) for exhibit in FIGURES}
        sentence = sentence_of(connection)
    folder = output / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [write_figure(exhibit, rows[exhibit.name], folder, sentence) for exhibit in FIGURES]
    files = [file for each in drawn for file in each.files]
    console.print(f"figures: {folder}", highlight=False, soft_wrap=True)
    return files


def read_rows(connection: duckdb.DuckDBPyConnection, exhibit: PaperFigure) -> pd.DataFrame:
    """The rows of a figure's mart, in the order of its key.

    Raises DealerLimitsError where the mart is missing or has no rows.
    """
    try:
        rows = connection.execute(f"select * from marts.{exhibit.mart} order by {', '.join(exhibit.key)}").df()
    except duckdb.CatalogException as error:
        raise DealerLimitsError(f"the warehouse has no table marts.{exhibit.mart}: run `dbt build` first") from error
    if rows.empty:
        raise DealerLimitsError(f"marts.{exhibit.mart} has no rows to draw")
    return rows


def write_figure(exhibit: PaperFigure, rows: pd.DataFrame, folder: Path, sentence: str) -> Drawn:
    """Write `<name>.svg` and `<name>.png`, with the title, and `<name>.csv`, the rows that are drawn, to a folder.

    `sentence`, if any, stands along the edge and in a last column.
    """
    untitled = io.StringIO()
    svg, png, data = (folder / f"{exhibit.name}.{suffix}" for suffix in ("svg", "png", "csv"))
    drawn = exhibit.choose(rows)
    data.write_text(
        marked(drawn, sentence).to_csv(index=False, date_format="%Y-%m-%d", lineterminator="\n"), encoding="utf-8"
    )
    # the day of the drawing would change the bytes
    timeless = {"Date": None}
    # "default" first: what a user has in a matplotlibrc does not change the figures
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=exhibit.size, layout="constrained")
        exhibit.draw(figure, drawn)
        mark_figure(figure, sentence)
        figure.savefig(untitled, format="svg", metadata=timeless, transparent=True)
        figure.suptitle(exhibit.title_of(rows))
        figure.savefig(svg, metadata=timeless)
        # laid out by now
        figure.set_layout_engine("none")
        figure.savefig(png, dpi=_PNG_DOTS_PER_INCH)
    return Drawn((svg, png, data), untitled.getvalue())


def _draw_inventory_and_yield(figure: Figure, rows: pd.DataFrame) -> None:
    """Figure 1: the inventory index (left axis) and the ten-year yield (right axis), first half of 2020."""
    left = figure.subplots()
    right = left.twinx()
    right.spines["right"].set_visible(True)
    right.grid(visible=False)
    days = rows["business_date"]
    inventory = Line("", "Dealer inventory index (left)", DARK, "-")
    ten_year = Line("", "Ten-year UST yield (right)", LIGHT, "--")
    handles = [
        _plot(left, days, rows["inventory_index"], inventory),
        _plot(right, days, rows["ten_year_yield_pct"], ten_year),
        _shade_stress(left, rows),
    ]
    left.set(ylabel="Index, first day of the stress = 100")
    left.set_title("Daily")
    right.set(ylabel="Percentage points", ylim=(0, None))
    _mark_months(left)
    figure.legend(handles=handles, loc="outside lower center", ncols=3)


def _draw_usage_and_limit(figure: Figure, rows: pd.DataFrame) -> None:
    """Figure 2: average limit usage (left); average VaR limit and VaR, its usage (right)."""
    left, right = figure.subplots(1, 2)
    days = rows["business_date"]
    _plot_years(left, days, rows["average_limit_usage"], Line("", "Usage ratio", DARK, "-"))
    left.set(ylabel="VaR / VaR limit")
    left.set_title("Average limit usage ratio, daily")
    handles = [
        _plot_years(right, days, rows["average_var_limit_usd_mn"], Line("", "Limit size", LIGHT, "--")),
        _plot_years(right, days, rows["average_var_usd_mn"], Line("", "Limit usage (VaR)", DARK, "-")),
        _shade_stress(right, rows),
    ]
    _shade_stress(left, rows)
    right.set(ylabel="$ millions")
    right.set_title("Average limit and usage, daily")
    for axes in (left, right):
        axes.set_ylim(bottom=0)
        axes.margins(x=0.02)
    figure.legend(handles=handles, loc="outside lower center", ncols=3)


def _draw_inventory_change(figure: Figure, rows: pd.DataFrame) -> None:
    """Figure 3: average change in net securities positions since the first day, by constraint; below, what the printed
    axis rather has, the change of long less short positions added up over the desks."""
    panels = figure.subplots(2, 1, sharex=True)
    shown = {
        "average_change_usd_bn": "Average change per desk in |long - short|, daily",
        "total_signed_change_usd_bn": "Change in long - short, sum over desks, daily",
    }
    for axes, (column, title) in zip(panels, shown.items(), strict=True):
        for line in _CONSTRAINT_GROUPS:
            group = rows[rows["constraint_group"] == line.group]
            label = f"{line.label} ({group['desks'].max()})"
            _plot(axes, group["business_date"], group[column], line, label)
        axes.axhline(0, color="0.3", linewidth=0.8)
        axes.set(ylabel="$ billions")
        axes.set_title(title)
        _mark_months(axes, days=(1, 15))
    panels[1].set(xlabel=f"{rows['business_date'].min():%Y}")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)


def _draw_changes_by_rank(figure: Figure, rows: pd.DataFrame) -> None:
    """Figure 4: mean log change over ten days by decile of usage, net (A) and gross (B)."""
    panels = zip(figure.subplots(2, 1), "AB", ("net", "gross"), ("///", "..."), strict=True)
    for axes, letter, measure, hatch in panels:
        group = rows[rows["position_measure"] == measure]
        _bars(axes, group["usage_rank_decile"], group["mean_log_change_pct"], hatch)
        axes.axhline(0, color="0.3", linewidth=0.8)
        axes.grid(visible=False, axis="x")
        axes.set_xticks(group["usage_rank_decile"])
        axes.set(xlabel="VaR usage rank (decile)", ylabel="Log change, percentage points")
        axes.set_title(f"Panel {letter}: {measure.capitalize()} positions")


def _draw_cumulative_sales(figure: Figure, rows: pd.DataFrame) -> None:
    """Figure 5: what dealers of low and high limit usage sold to the Fed, $ billions and as a fraction."""
    upper, lower = figure.subplots(2, 1, sharex=True)
    for line in USAGE_GROUPS:
        group = rows[rows["usage_group"] == line.group]
        label = f"{line.label} ({group['firms'].max()} firms)"
        for axes, column in ((upper, "cumulative_soma_sales_usd_bn"), (lower, "mean_soma_fraction")):
            _plot(axes, group["business_date"], group[column], line, label)
    upper.set(ylabel="Cumulative par, $ billions")
    upper.set_title("Total sales to the Fed")
    lower.set(ylabel="Fraction of sales to customers", xlabel="Date")
    lower.set_title("Mean fraction of sales to the Fed")
    _mark_every_third_wednesday(lower, rows["business_date"])
    for axes in (upper, lower):
        axes.set_ylim(bottom=0)
        axes.tick_params(labelbottom=True)
    figure.legend(*upper.get_legend_handles_labels(), loc="outside lower center", ncols=2)


def _draw_limit_usage_index(figure: Figure, rows: pd.DataFrame) -> None:
    """The limit-usage index (eq. 14), and what is left of it once MOVE is taken out (eq. 16)."""
    upper, lower = figure.subplots(2, 1, sharex=True)
    days = rows["business_date"]
    handles = [
        _plot_years(upper, days, rows["log_limit_usage_index"], Line("", "Limit usage index", DARK, "-")),
        _plot_years(lower, days, rows["log_limit_usage_index_residual"], Line("", "Residual", LIGHT, "-")),
        _shade_stress(upper, rows),
    ]
    _shade_stress(lower, rows)
    upper.set_title("Limit usage index, daily")
    upper.set(ylabel="Weighted mean of log usage")
    lower.axhline(0, color="0.3", linewidth=0.8)
    lower.set_title("Residual of its regression on MOVE, daily")
    lower.set(ylabel="Log points")
    for axes in (upper, lower):
        axes.margins(x=0.02)
        axes.tick_params(labelbottom=True)
    figure.legend(handles=handles, loc="outside lower center", ncols=3)


def _plot_years(axes: Axes, days: pd.Series, values: pd.Series, line: Line) -> Line2D:
    """Days of many years: a finer line, and marks at years."""
    drawn = _plot(axes, days, values, line)
    drawn.set_linewidth(0.9)
    mark_years(axes)
    return drawn


def _plot(axes: Axes, days: pd.Series, values: pd.Series, line: Line, label: str | None = None) -> Line2D:
    (drawn,) = axes.plot(days, values, color=line.color, linestyle=line.dashes, label=label or line.label)
    return drawn


def _bars(axes: Axes, deciles: pd.Series, values: pd.Series, hatch: str) -> BarContainer:
    # a pale fill with dark hatching prints in grey as it shows in colour
    return axes.bar(deciles, values, width=0.72, color="#c6dbef", edgecolor=DARK, hatch=hatch)


def _half_year_of_stress(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the calendar half-year that the stress falls in; all rows where there is none."""
    stress = rows.loc[rows["is_stress"], "business_date"]
    if stress.empty:
        return rows
    first = stress.min()
    days = rows["business_date"].dt
    return rows[(days.year == first.year) & ((days.month <= 6) == (first.month <= 6))]


def _shade_stress(axes: Axes, rows: pd.DataFrame) -> Polygon:
    """Shade the days of market stress, as the mart marks them; returns what a legend shows."""
    stress = rows.loc[rows["is_stress"], "business_date"]
    if stress.empty:
        return Patch(color=SHADE, label="Market stress (not in the data)")
    first, last = stress.min(), stress.max()
    label = f"Market stress, {first.month}/{first.day}–{last.month}/{last.day}/{last:%y}"
    # the edge keeps two weeks visible where the axis spans years
    return axes.axvspan(first, last, facecolor=SHADE, edgecolor=SHADE, linewidth=1, zorder=0, label=label)


def _mark_months(axes: Axes, days: tuple[int, ...] = (1,)) -> None:
    locator = DayLocator(bymonthday=days)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        ConciseDateFormatter(
            locator,
            formats=["%Y", "%b", "%b %d", "", "", ""],
            zero_formats=["", "%b\n%Y", "%b", "", "", ""],
            show_offset=False,
        )
    )


def mark_years(axes: Axes) -> None:
    """An axis of many years: every second one named."""
    axes.xaxis.set_major_locator(YearLocator(2))
    axes.xaxis.set_minor_locator(YearLocator())
    axes.xaxis.set_major_formatter(DateFormatter("%Y"))


def _mark_every_third_wednesday(axes: Axes, dates: pd.Series) -> None:
    """The paper's marks: 3/18/20, 4/8/20 and so on."""
    wednesdays = [day for day in pd.date_range(dates.min(), dates.max()) if day.dayofweek == _WEDNESDAY]
    marks = wednesdays[::3]
    axes.set_xticks(marks, [f"{day.month}/{day.day}/{day:%y}" for day in marks])


FIGURES = (
    PaperFigure(
        name="figure_1",
        title="Figure 1: Dealer inventory index and 10-year Treasury yield",
        mart="fct_inventory_day",
        key=("business_date",),
        size=(7.4, 4.2),
        draw=_draw_inventory_and_yield,
        choose=_half_year_of_stress,
    ),
    PaperFigure(
        name="figure_2",
        title="Figure 2: VaR limit size, usage and usage ratio",
        mart="fct_limit_usage_day",
        key=("business_date",),
        size=(7.6, 3.8),
        draw=_draw_usage_and_limit,
    ),
    PaperFigure(
        name="figure_3",
        title="Figure 3: Inventory change since {first_day} by proximity to VaR constraint",
        mart="fct_inventory_change_by_constraint",
        key=("constraint_group", "business_date"),
        size=(7.0, 7.0),
        draw=_draw_inventory_change,
    ),
    PaperFigure(
        name="figure_4",
        title="Figure 4: Position changes against VaR usage",
        mart="fct_position_change_by_usage_rank",
        key=("position_measure", "usage_rank_decile"),
        size=(7.0, 6.4),
        draw=_draw_changes_by_rank,
    ),
    PaperFigure(
        name="figure_5",
        title=(
            "Figure 5: Sales of Treasury securities to the Fed during open market operations\n"
            "since {first_day}, grouped by VaR limit usage"
        ),
        mart="fct_soma_cumulative_sales",
        key=("usage_group", "business_date"),
        size=(7.0, 7.0),
        draw=_draw_cumulative_sales,
    ),
    PaperFigure(
        name="limit_usage_index",
        title="Limit usage index (section 7.2)",
        mart="fct_market_day",
        key=("business_date",),
        size=(7.0, 6.0),
        draw=_draw_limit_usage_index,
    ),
)
