"""Drawings of the weights: how often they are right and how sure they are, and Figure 5 on draws of the match."""

from __future__ import annotations

from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dealer_limits.exhibits.figures import DARK, LIGHT, STYLE, USAGE_GROUPS
from dealer_limits.provenance import mark_figure

WEIGHTS, FIGURE_5 = "match_weights", "figure_5_imputed"


def draw_weights(distribution: pd.DataFrame, reliability: pd.DataFrame | None, folder: Path, sentence: str) -> None:
    """`match_weights.svg` and `.png`: how sure the match is by kind, and beside it, where the truth is there, how often
    what has a weight is right, with 95% bounds of chance about the diagonal."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(9.0, 3.9) if reliability is not None else (5.0, 3.9), layout="constrained")
        panels = np.atleast_1d(figure.subplots(1, 1 if reliability is None else 2))
        _draw_distribution(panels[-1], distribution)
        if reliability is not None:
            _draw_reliability(panels[0], reliability)
        _save(figure, folder, WEIGHTS, sentence)


def _draw_distribution(axes: Axes, distribution: pd.DataFrame) -> None:
    shares = [name for name in distribution if name.startswith("from_")]
    kinds = distribution["match_kind"].str.replace("_", " ").tolist()
    place = np.arange(len(kinds))
    for number, name in enumerate(shares):
        percent = distribution[name].to_numpy()
        label = f"{name.split('_')[1]}% or more"
        axes.plot(percent, place, "o", color=str(0.75 - 0.25 * number), label=label, markersize=8 - 1.6 * number)
    axes.set_yticks(place, kinds)
    axes.invert_yaxis()
    axes.set(xlabel="Awards, %", xlim=(0, 102))
    axes.set_title("Weight of the likeliest set, by the rule's match")
    axes.legend(loc="lower left")


def _draw_reliability(axes: Axes, reliability: pd.DataFrame) -> None:
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
    for of, color, marker in (("sets", DARK, "o"), ("trades", LIGHT, "s")):
        rows = reliability[reliability["of"] == of]
        weight, right, error = (rows[name].to_numpy() for name in ("mean_weight", "share_right", "se"))
        if of == "sets":
            low, high = np.clip(weight - 1.96 * error, 0, 1), np.clip(weight + 1.96 * error, 0, 1)
            axes.fill_between(weight, low, high, color="0.88", linewidth=0)
        axes.plot(weight, right, marker, color=color, markersize=4.5, label=of)
    axes.set(xlabel="Weight", ylabel="Share that is right", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_title("Against the truth of this pseudo world")
    axes.legend(loc="upper left")


def draw_figure_5(bands: pd.DataFrame, folder: Path, sentence: str) -> None:
    """`figure_5_imputed.svg` and `.png`: Figure 5 as matched, and the band that holds 95% of the draws."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(7.0, 6.4), layout="constrained")
        panels = figure.subplots(2, 1, sharex=True)
        for axes, measure, label in zip(
            panels,
            ("cumulative_soma_sales_usd_bn", "mean_soma_fraction"),
            ("Cumulative par, $ billions", "Fraction of sales to customers"),
            strict=True,
        ):
            for line in USAGE_GROUPS:
                rows = bands[bands["usage_group"] == line.group]
                days = rows["business_date"]
                axes.fill_between(
                    days, rows[f"{measure}_low"], rows[f"{measure}_high"], color=line.color, alpha=0.25, linewidth=0
                )
                axes.plot(days, rows[f"{measure}_matched"], color=line.color, linestyle=line.dashes, label=line.label)
            axes.set_ylabel(label)
            axes.set_ylim(bottom=0)
        figure.suptitle("Figure 5: as matched, and the band of 95% of the draws")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        _save(figure, folder, FIGURE_5, sentence)


def _save(figure: Figure, folder: Path, name: str, sentence: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    mark_figure(figure, sentence)
    # the day of the drawing would change the bytes
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    figure.savefig(folder / f"{name}.png", dpi=200)
