"""The reaction by indirect inference as a figure and tables of the report, from the file of `diagnostics`."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dealer_limits.exhibits.credibility import number
from dealer_limits.exhibits.definitions import Definitions
from dealer_limits.exhibits.figures import DARK, LIGHT, PaperFigure
from dealer_limits.exhibits.tables import frame_html

STRENGTHS = {
    "reaction_net": "Reaction of net positions",
    "reaction_gross": "Reaction of gross positions",
    "mechanics_net": "VaR's loading on net positions",
    "mechanics_gross": "VaR's loading on gross positions",
}


def reaction_tables(definitions: Definitions, rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Title and HTML of two tables: the strengths beside `paper`, and effects by position and horizon."""
    strengths = pd.DataFrame(
        {
            "Strength": STRENGTHS.get(row["name"], row["name"]),
            "times that of paper": _with_error(row),
            "95% interval": _interval(row),
        }
        for row in rows[rows["kind"] == "strength"].to_dict("records")
    )
    effects = pd.DataFrame(
        {
            "Position": definitions.outcome(row["name"]),
            "business days": f"{row['horizon']:.0f}",
            "Table 2": number(row["coefficient"]),
            "reaction": _with_error(row),
            "95% interval": _interval(row),
        }
        for row in rows[rows["kind"] == "effect"].to_dict("records")
    )
    return [
        (title, frame_html(frame, identity, list(frame.columns[1:])))
        for title, identity, frame in (
            ("Strengths", "reaction_strengths", strengths),
            ("What a log point more of usage that stays does", "reaction_effects", effects),
        )
    ]


def fit_line(rows: pd.DataFrame) -> str:
    """The test of fit, as a sentence."""
    fit = rows[rows["kind"] == "fit"].iloc[0]
    return f"Test that any strengths give the coefficients of the data: p = {number(fit['estimate'])}."


def _with_error(row: dict[str, float]) -> str:
    return f"{number(row['estimate'])} ({number(row['se'])})"


def _interval(row: dict[str, float]) -> str:
    return f"[{number(row['ci_low'])}, {number(row['ci_high'])}]"


def _draw_reaction(figure: Figure, rows: pd.DataFrame) -> None:
    """A panel per position: the reaction with its interval, and Table 2's coefficient, by horizon."""
    effects = rows[rows["kind"] == "effect"]
    panels = figure.subplots(2, 2, sharex=True)
    for axes, (outcome, own) in zip(panels.flat, effects.groupby("label", sort=False), strict=False):
        places = range(len(own))
        axes.axhline(0, color="0.3", linewidth=0.8)
        axes.vlines(places, own["ci_low"], own["ci_high"], color=DARK, linewidth=1.0)
        axes.plot(places, own["estimate"], color=DARK, marker="o", linestyle="")
        axes.plot(places, own["coefficient"], color=LIGHT, marker="s", linestyle="")
        axes.set_xticks(places, [f"{horizon:.0f}" for horizon in own["horizon"]])
        axes.set_title(outcome, fontsize=9)
    for axes in panels[-1]:
        axes.set(xlabel="Business days")
    for axes in panels[:, 0]:
        axes.set(ylabel="Log points")
    handles = [
        Line2D([], [], color=DARK, marker="o", label="Reaction to a log point of usage that stays, 95% interval"),
        Line2D([], [], color=LIGHT, marker="s", linestyle="", label="Coefficient of Table 2"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)


REACTION = PaperFigure(
    name="reaction",
    title="How strongly positions react to usage, beside Table 2",
    mart="obs_desk_horizon",
    key=(),
    size=(7.0, 6.0),
    draw=_draw_reaction,
)
