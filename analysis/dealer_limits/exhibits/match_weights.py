"""What the report shows of the weights of the match, and of what draws from them make of Tables 11 to 13."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dealer_limits.exhibits.data_quality import MATCH_KINDS
from dealer_limits.exhibits.tables import frame_html
from dealer_limits.matching.drawing import FIGURE_5, WEIGHTS

WHICH = {"rule": "rule", "most_likely": "likeliest set", "weighted": "all sets, by weight"}


@dataclass(frozen=True)
class MatchWeights:
    """SVG files of the drawings, HTML tables, "" where there is none, and files beside the page (label, path)."""

    weights: Path
    figure_5: Path
    distribution: str
    reliability: str
    precision: str
    imputed: str
    draws: int
    files: tuple[tuple[str, str], ...]


def make_match_weights(
    output: Path,
    distribution: pd.DataFrame | None,
    reliability: pd.DataFrame | None,
    precision: pd.DataFrame | None,
    imputed: pd.DataFrame | None,
) -> MatchWeights | None:
    """Tables of what `dealer-limits match-weights` left in the folder `output`; None where it has not been run."""
    drawings = [output / "figures" / f"{name}.svg" for name in (WEIGHTS, FIGURE_5)]
    if distribution is None or imputed is None or not all(drawing.is_file() for drawing in drawings):
        return None
    files = tuple(
        (f"{title}, {suffix.upper()}", f"figures/{name}.{suffix}")
        for name, title in ((WEIGHTS, "weights"), (FIGURE_5, "Figure 5"))
        for suffix in ("svg", "png")
    )
    return MatchWeights(
        *drawings,
        _distribution_table(distribution),
        "" if reliability is None else _reliability_table(reliability),
        "" if precision is None else _precision_table(precision),
        _imputed_table(imputed),
        int(imputed["draws"].iloc[0]),
        files,
    )


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    order = {kind: place for place, kind in enumerate((*MATCH_KINDS, "all"))}
    return rows.sort_values("match_kind", key=lambda kinds: kinds.map(order))


def _distribution_table(distribution: pd.DataFrame) -> str:
    shares = [name for name in distribution if name.startswith("from_")]
    rows = [
        {
            "Match": row["match_kind"].replace("_", " "),
            "awards": f"{row['awards']:,}",
            "mean weight of the likeliest": f"{row['most_likely_weight']:.3f}",
            "of none": f"{row['none_weight']:.3f}",
            "likeliest is of this kind, %": f"{row['same_kind_pct']:.1f}",
            **{f"{name.split('_')[1]}% or more, %": f"{row[name]:.1f}" for name in shares},
        }
        for _, row in _in_order(distribution).iterrows()
    ]
    frame = pd.DataFrame(rows)
    return frame_html(frame, "match_weights_table", list(frame.columns[1:]))


def _reliability_table(reliability: pd.DataFrame) -> str:
    rows = [
        {
            "Weight": f"{row['low']:g} to {row['high']:g}",
            "of": row["of"],
            "number": f"{row['count']:,}",
            "mean weight": f"{row['mean_weight']:.3f}",
            "right": f"{row['share_right']:.3f}",
            "difference, points": f"{100 * (row['share_right'] - row['mean_weight']):+.1f}",
            "its error by chance": f"{100 * row['se']:.1f}",
        }
        for _, row in reliability.iterrows()
    ]
    frame = pd.DataFrame(rows)
    return frame_html(frame, "match_reliability_table", list(frame.columns[2:]))


def _precision_table(precision: pd.DataFrame) -> str:
    rows = [
        {
            "Match": row["match_kind"].replace("_", " "),
            "awards": f"{row['awards']:,}",
            **{
                f"{measure}|{title}": "" if pd.isna(row[f"{name}_{measure}"]) else f"{row[f'{name}_{measure}']:.3f}"
                for measure in ("precision", "recall")
                for name, title in WHICH.items()
            },
        }
        for _, row in _in_order(precision).iterrows()
    ]
    frame = pd.DataFrame(rows)
    spanners = {
        measure: [name for name in frame if name.startswith(f"{measure}|")] for measure in ("precision", "recall")
    }
    return frame_html(frame, "match_precision_table", list(frame.columns[1:]), spanners=spanners)


def _imputed_table(imputed: pd.DataFrame) -> str:
    rows = [
        {
            "Column": f"{row.table}{f'({row.panel})' if row.panel else ''} {row.column}",
            "term": row.term.replace("_", " "),
            "as matched": f"{row.coef:.3f} ({row.se:.3f})",
            "on draws": f"{row.imputed_coef:.3f} ({row.imputed_se:.3f})",
            "p": f"{row.imputed_p:.3f}",
            "missing information, %": f"{100 * row.missing:.1f}",
            **({"on the true match": f"{row.true_coef:.3f} ({row.true_se:.3f})"} if "true_coef" in imputed else {}),
        }
        for row in imputed.itertuples()
    ]
    frame = pd.DataFrame(rows)
    return frame_html(frame, "imputed_table", list(frame.columns[2:]))
