"""Limit events and the shadow cost over time as figures and tables of the report, from the files of `estimate`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from dealer_limits.estimation.limit_events import BASE_DAY, DAYS_OF_A_WEEK, MBARS
from dealer_limits.estimation.shadow_cost_over_time import MARCH, OTHER_DAYS, PURCHASES_BN
from dealer_limits.exhibits.credibility import number
from dealer_limits.exhibits.definitions import Definitions
from dealer_limits.exhibits.figures import DARK, LIGHT, SHADE, PaperFigure, mark_years
from dealer_limits.exhibits.tables import frame_html

# by panel of the results: what its samples are called
SAMPLES = {
    "a": "Prime desks, limit raised",
    "b": "Prime desks, limit lowered",
    "c": "All Treasury desks, limit raised",
    "d": "All Treasury desks, limit lowered",
}
# panels that are drawn beside each other, the first with its band, the second over it
_DRAWN = {"Limit raised": ("a", "c"), "Limit lowered": ("b", "d")}
_STATES = {MARCH: "March", OTHER_DAYS: "all other days"}


def event_tables(definitions: Definitions, rows: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Title and HTML of a table per sample: means and tests of the days, weeks after, and bounds of the last of
    them."""
    for panel, of_panel in rows[rows["kind"] != "not_estimated"].groupby("panel", sort=True):
        lines = [_event_line(definitions, outcome, own) for outcome, own in of_panel.groupby("outcome", sort=False)]
        frame = pd.DataFrame(lines)
        names = list(frame.columns[1:])
        yield f"({panel}) {SAMPLES[str(panel)]}", frame_html(frame, f"limit_events_{panel}", names, raw=names)


def _event_line(definitions: Definitions, outcome: str, own: pd.DataFrame) -> dict[str, str]:
    by_kind = dict(list(own.groupby("kind", sort=False)))
    after = by_kind["mean_after"].iloc[0]
    line = {
        "Outcome": definitions.outcome(outcome),
        "events (firms)": f"{after['events']:.0f} ({after['firms']:.0f})",
        "mean before": _with_error(by_kind["mean_before"].iloc[0]),
        "p, all days before": number(by_kind["path_before"]["p"].iloc[0]),
        "mean after": _with_error(after),
        "p, all days after": number(by_kind["path_after"]["p"].iloc[0]),
    }
    if "week" not in by_kind:
        return line
    for row in by_kind["week"].to_dict("records"):
        if row["day"] >= 0:
            line[f"days {_week(row['day'])}"] = _with_error(row)
    for mbar in MBARS:
        bound = by_kind[f"bound_{mbar:g}"].iloc[-1]
        interval = f"[{number(bound['ci_low'])}, {number(bound['ci_high'])}]"
        line[f"set of days {_week(bound['day'])}, M = {mbar:g}"] = interval
    return line


def _week(first_day: float) -> str:
    return f"{first_day:.0f}–{first_day + DAYS_OF_A_WEEK - 1:.0f}"


def _with_error(row: pd.Series | dict[str, float]) -> str:
    return f"{number(row['coef'])} ({number(row['se'])})"


def period_table(rows: pd.DataFrame) -> str:
    """HTML: a row per state and quarter, λ with its error and interval, and what purchases would have bought."""
    lines = []
    for row in rows.sort_values(["period_kind", "period"], ascending=[False, True]).to_dict("records"):
        is_estimated = row["shadow_cost"] == row["shadow_cost"]
        lines.append(
            {
                "Period": _STATES.get(row["period"], row["period"]),
                "MOVE": _fixed(row["average_move"], 1),
                "index": number(row["average_log_limit_usage_index"]),
                "usage": number(row["usage"]),
                "λ": f"{number(row['shadow_cost'])} ({number(row['se'])})" if is_estimated else "",
                "95% interval": f"[{number(row['ci_low'])}, {number(row['ci_high'])}]" if is_estimated else row["text"],
                "relief": _fixed(row["relief_pct"], 1),
                "purchases": _fixed(row["purchases_pct"], 2),
                "se": f"({_fixed(row['purchases_se'], 2)})" if row["purchases_se"] == row["purchases_se"] else "",
                "N": _fixed(row["nobs"], 0),
            }
        )
    frame = pd.DataFrame(lines)
    names = list(frame.columns[1:])
    spanners = {"change of usage, %": ["relief", "purchases", "se"]}
    return frame_html(frame, "shadow_cost_over_time_table", names, spanners=spanners)


def _fixed(value: float, digits: int) -> str:
    return "" if value != value else f"{value:,.{digits}f}".replace("-", "\u2212")


def _draw_events(figure: Figure, rows: pd.DataFrame) -> None:
    """A row per outcome, raised and lowered: prime desks with intervals and bands, all Treasury desks as a line."""
    outcomes = rows[["column", "outcome", "label"]].drop_duplicates().sort_values("column")
    panels = figure.subplots(len(outcomes), 2, sharex=True, sharey="row", squeeze=False)
    for place, outcome in enumerate(outcomes.itertuples()):
        for axes, (title, (banded, plain)) in zip(panels[place], _DRAWN.items(), strict=True):
            own = rows[rows["outcome"] == outcome.outcome].sort_values("day")
            _draw_path(axes, own[own["panel"] == banded], own[own["panel"] == plain])
            axes.set_title(f"{outcome.label}: {title[0].lower()}{title[1:]}", fontsize=9)
    for axes in panels[-1]:
        axes.set(xlabel="Business days from the change of the limit")
    handles = [
        Line2D([], [], color=DARK, label="Prime desks, with 95% intervals"),
        Patch(color=SHADE, label="95% band of all days before, or after"),
        Line2D([], [], color=LIGHT, linestyle="--", label="All Treasury desks"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)


def _draw_path(axes: Axes, banded: pd.DataFrame, plain: pd.DataFrame) -> None:
    axes.axhline(0, color="0.3", linewidth=0.8)
    axes.axvline(0, color="0.3", linewidth=0.8, linestyle=":")
    for side in (banded["day"] < 0, banded["day"] >= 0):
        part = banded[side]
        axes.fill_between(part["day"], part["band_low"], part["band_high"], color=SHADE, linewidth=0)
    axes.vlines(banded["day"], banded["ci_low"], banded["ci_high"], color=DARK, linewidth=0.7)
    for path, color, dashes in ((plain, LIGHT, "--"), (banded, DARK, "-")):
        if len(path):
            base = pd.DataFrame({"day": [BASE_DAY], "coef": [0.0]})
            line = pd.concat([path[["day", "coef"]], base]).sort_values("day")
            axes.plot(line["day"], line["coef"], color=color, linestyle=dashes)


def _draw_over_time(figure: Figure, rows: pd.DataFrame) -> None:
    """λ by quarter with intervals, March and all other days beside it; MOVE and the index below."""
    first, *others = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1, 1))
    middle = rows["first_day"] + (rows["last_day"] - rows["first_day"]) / 2
    rows = rows.assign(middle=middle)
    quarters, states = rows[rows["period_kind"] == "quarter"], rows[rows["period_kind"] == "state"].set_index("period")
    first.axhline(0, color="0.3", linewidth=0.8)
    handles = [_with_intervals(first, quarters, DARK, "o", "Quarter, with 95% interval")]
    if MARCH in states.index:
        handles.append(_with_intervals(first, states.loc[[MARCH]], LIGHT, "s", "March"))
    if OTHER_DAYS in states.index:
        quiet = states.loc[OTHER_DAYS]
        handles.append(
            first.axhspan(quiet["ci_low"], quiet["ci_high"], color=SHADE, label="All other days, 95% interval")
        )
    first.set(ylabel="P&L per dollar of VaR")
    first.set_title("Shadow cost λ")
    for axes, (column, title, label) in zip(
        others,
        (
            ("average_move", "MOVE, mean of the quarter", "Index points"),
            ("average_log_limit_usage_index", "Limit usage index, mean of the quarter", "Log usage"),
        ),
        strict=True,
    ):
        axes.plot(quarters["middle"], quarters[column], color=DARK)
        axes.set_title(title)
        axes.set(ylabel=label)
    for axes in (first, *others):
        mark_years(axes)
        axes.tick_params(labelbottom=True)
    figure.legend(handles=handles, loc="outside lower center", ncols=3)


def _with_intervals(axes: Axes, rows: pd.DataFrame, color: str, marker: str, label: str) -> Line2D:
    axes.vlines(rows["middle"], rows["ci_low"], rows["ci_high"], color=color, linewidth=1.0)
    (drawn,) = axes.plot(
        rows["middle"], rows["shadow_cost"], color=color, marker=marker, linestyle="", markersize=4, label=label
    )
    return drawn


def _figure(
    name: str, title: str, mart: str, size: tuple[float, float], draw: Callable[[Figure, pd.DataFrame], None]
) -> PaperFigure:
    return PaperFigure(name=name, title=title, mart=mart, key=(), size=size, draw=draw)


LIMIT_EVENTS = _figure(
    "limit_events",
    "Positions, customers and P&L around changes of a desk's own limit",
    "obs_limit_event",
    (8.0, 10.5),
    _draw_events,
)
OVER_TIME = _figure(
    "shadow_cost_over_time", "Shadow cost of the VaR limit over time", "fct_market_period", (7.0, 7.0), _draw_over_time
)
PURCHASES = f"${PURCHASES_BN:g} billion"
