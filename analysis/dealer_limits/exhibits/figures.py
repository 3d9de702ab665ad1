"""Figures as the paper lays them out, as SVG and PNG, each from one mart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dealer_limits.errors import DealerLimitsError
from dealer_limits.warehouse import open_warehouse

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from rich.console import Console


@dataclass(frozen=True)
class PaperFigure:
    """A figure of the paper: its file, the mart with its key, the size in inches, what draws the rows."""

    name: str
    mart: str
    key: tuple[str, ...]
    size: tuple[float, float]
    draw: Callable[[Figure, pd.DataFrame], None]


@dataclass(frozen=True)
class Line:
    """How a group is drawn: lines differ in dashes and in lightness, so that they differ in grey as well."""

    group: str
    label: str
    color: str
    dashes: str


# Text of the SVG stays text, which can be searched; a fixed salt gives its elements the same names each time.
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "dealer-limits",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.88",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
}
_PNG_DOTS_PER_INCH = 200

_USAGE_GROUPS = (
    Line("low", "Low VaR usage dealers", "#e08214", "--"),
    Line("high", "High VaR usage dealers", "#08306b", "-"),
)
_WEDNESDAY = 2


def draw_figures(warehouse: Path, output: Path, console: Console) -> list[Path]:
    """Draw the figures in `FIGURES` from a warehouse; returns the files, an SVG and a PNG of each.

    The files are in the folder `figures` of `output`; the same warehouse gives the same bytes.

    Raises DealerLimitsError where the warehouse or a mart is missing, or where a mart has no rows.
    """
    with open_warehouse(warehouse) as connection:
        rows = [_read(connection, exhibit) for exhibit in FIGURES]
    folder = output / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    files = [
        file
        for exhibit, its_rows in zip(FIGURES, rows, strict=True)
        for file in _draw(exhibit, its_rows, folder)
    ]
    console.print(f"figures: {folder}", highlight=False, soft_wrap=True)
    return files


def _read(connection: duckdb.DuckDBPyConnection, exhibit: PaperFigure) -> pd.DataFrame:
    import duckdb

    try:
        rows = connection.execute(
            f"select * from marts.{exhibit.mart} order by {', '.join(exhibit.key)}"
        ).df()
    except duckdb.CatalogException as error:
        raise DealerLimitsError(
            f"the warehouse has no table marts.{exhibit.mart}: run `dbt build` first"
        ) from error
    if rows.empty:
        raise DealerLimitsError(f"marts.{exhibit.mart} has no rows to draw")
    return rows


def _draw(exhibit: PaperFigure, rows: pd.DataFrame, folder: Path) -> list[Path]:
    import matplotlib.style
    from matplotlib.figure import Figure

    # "default" first: what a user has in a matplotlibrc does not change the figures
    with matplotlib.style.context(["default", _STYLE]):
        figure = Figure(figsize=exhibit.size, layout="constrained")
        exhibit.draw(figure, rows)
        svg, png = (folder / f"{exhibit.name}.{suffix}" for suffix in ("svg", "png"))
        # the day of the drawing would change the bytes
        figure.savefig(svg, metadata={"Date": None})
        figure.savefig(png, dpi=_PNG_DOTS_PER_INCH)
    return [svg, png]


def _draw_cumulative_sales(figure: Figure, rows: pd.DataFrame) -> None:
    """Figure 5: what dealers of low and high limit usage sold to the Fed, $ billions and as a fraction."""
    first_day = rows["business_date"].min()
    figure.suptitle(
        "Figure 5: Sales of Treasury securities to the Fed during open market operations\n"
        f"since {first_day:%B} {first_day.day}, {first_day.year}, grouped by VaR limit usage"
    )
    upper, lower = figure.subplots(2, 1, sharex=True)
    for line in _USAGE_GROUPS:
        group = rows[rows["usage_group"] == line.group]
        label = f"{line.label} ({group['firms'].max()} firms)"
        for axes, column in (
            (upper, "cumulative_soma_sales_usd_bn"),
            (lower, "mean_soma_fraction"),
        ):
            axes.plot(
                group["business_date"], group[column], color=line.color, linestyle=line.dashes, label=label
            )
    upper.set(title="Total sales to the Fed", ylabel="Cumulative par, $ billions")
    lower.set(
        title="Mean fraction of sales to the Fed", ylabel="Fraction of sales to customers", xlabel="Date"
    )
    _mark_every_third_wednesday(lower, rows["business_date"])
    for axes in (upper, lower):
        axes.set_ylim(bottom=0)
        axes.tick_params(labelbottom=True)
    figure.legend(*upper.get_legend_handles_labels(), loc="outside lower center", ncols=2)


def _mark_every_third_wednesday(axes: Axes, dates: pd.Series) -> None:
    """The paper's marks: 3/18/20, 4/8/20 and so on."""
    import pandas as pd

    wednesdays = [day for day in pd.date_range(dates.min(), dates.max()) if day.dayofweek == _WEDNESDAY]
    marks = wednesdays[::3]
    axes.set_xticks(marks, [f"{day.month}/{day.day}/{day:%y}" for day in marks])


FIGURES = (
    PaperFigure(
        name="figure_5",
        mart="fct_soma_cumulative_sales",
        key=("usage_group", "business_date"),
        size=(7.0, 7.0),
        draw=_draw_cumulative_sales,
    ),
)
