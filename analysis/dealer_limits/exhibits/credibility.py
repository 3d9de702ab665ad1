"""Can these estimates be believed? Diagnostics, repeated worlds and coverage, as tables of the report."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import duckdb
import pandas as pd

from dealer_limits.estimation.instruments import RECOMMENDED_SET, SETS
from dealer_limits.estimation.known_worlds import value_over_effect
from dealer_limits.estimation.methods import Methods
from dealer_limits.exhibits.definitions import Definitions
from dealer_limits.exhibits.tables import frame_html
from dealer_limits.montecarlo.panel_regressions import HEADLINE_TABLES

# in the order of their reaction to limits
WORLDS = ("null", "paper", "strong")
NULL = "null"
# of coverage, in this order: in the first every kind of errors is shown, in the others what is recommended
_COVERED = "paper"
_COVERED_WORLDS = (_COVERED, *(world for world in WORLDS if world != _COVERED))

# How much a 95% interval may cover and count as right.
GOOD_COVERAGE = (0.93, 0.97)

# by table of the coverage, how it is estimated
_ESTIMATED = {"2": ("obs_desk_horizon", "ols"), "8": ("obs_desk_horizon", "iv")}
_CHART_WIDTH = 132
_CHART_MARGIN = 7


@dataclass(frozen=True)
class Question:
    """What a diagnostic asks; `table` is HTML with a row per regression."""

    title: str
    is_corrected: bool
    table: str


@dataclass(frozen=True)
class Credibility:
    """The section: counts, the table of questions, a table per question, of worlds, and of coverage.

    `rejecting` of `corrected` corrected specifications reject on these data, `expected` is how many do on
    average in each world. Tables are HTML, "" where there is nothing to show; `coverage` is HTML by printed
    table, `covered` has by kind of worlds their number and the Monte Carlo error of 95%, in points.
    """

    rejecting: int
    corrected: int
    expected: tuple[tuple[str, float], ...]
    overview: str
    questions: tuple[Question, ...]
    worlds: str
    coverage: tuple[tuple[str, str], ...]
    covered: tuple[tuple[str, int, float], ...]


def read_montecarlo(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame | None:
    """The committed Monte Carlo of the headline tables; None where the warehouse has none."""
    if not _has_seed(connection, "montecarlo"):
        return None
    return connection.execute(
        """
        select
            world, "table", coalesce(panel, '') as panel, "column", dependent, horizon, term, worlds, population, mean,
            effect_lasting, coverage_95, rejection
        from seeds.montecarlo
        where list_contains($headline, "table")
        order by try_cast("table" as integer), panel, try_cast("column" as integer), term, world
        """,
        {"headline": list(HEADLINE_TABLES)},
    ).df()


def read_coverage(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame | None:
    """The committed coverage of 95% intervals by covariance; None where the warehouse has none."""
    if not _has_seed(connection, "covariance_coverage"):
        return None
    return connection.execute(
        """
        select world, "table", outcome, horizon, covariance, reps, coverage
        from seeds.covariance_coverage
        order by "table", panel, try_cast("column" as integer), covariance
        """
    ).df()


def _has_seed(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    query = "select 1 from duckdb_tables() where schema_name = 'seeds' and table_name = $name"
    return connection.execute(query, {"name": name}).fetchone() is not None


def make_credibility(
    definitions: Definitions,
    diagnostics: pd.DataFrame | None,
    montecarlo: pd.DataFrame | None,
    coverage: pd.DataFrame | None,
    methods: Methods,
    ours: dict[tuple[str, str, str, str], float],
) -> Credibility:
    """Lay out what there is; `ours` has the estimated coefficients by table, panel, column and term."""
    tested = None if diagnostics is None else diagnostics[diagnostics["is_tested"]]
    corrected = None if tested is None else tested[tested["is_corrected"]]
    return Credibility(
        rejecting=0 if corrected is None else int(corrected["rejects"].sum()),
        corrected=0 if corrected is None else len(corrected),
        expected=()
        if corrected is None
        else tuple((world, float(corrected[f"{world}_rejection"].sum())) for world in _known(corrected)),
        overview="" if tested is None else _overview(tested),
        questions=() if tested is None else tuple(_questions(definitions, tested)),
        worlds="" if montecarlo is None or montecarlo.empty else _worlds_table(definitions, montecarlo, ours),
        coverage=()
        if coverage is None
        else tuple(
            (str(table), _coverage_table(definitions, methods, str(table), rows))
            for table, rows in coverage.groupby("table", sort=False)
        ),
        covered=()
        if coverage is None
        else tuple(
            (world, int(reps), 100 * (0.95 * 0.05 / reps) ** 0.5)
            for world, reps in coverage.groupby("world")["reps"].max().reindex(_COVERED_WORLDS).dropna().items()
        ),
    )


def _overview(tested: pd.DataFrame) -> str:
    """A row per question: how often it rejects on these data, and how often in each world."""
    rows = []
    # corrected questions first: only these can answer
    ordered = tested.sort_values("is_corrected", ascending=False, kind="stable")
    for question, of_question in ordered.groupby("question", sort=False):
        is_corrected = bool(of_question["is_corrected"].iloc[0])
        rows.append(
            {
                "Question": escape(str(question)),
                "corrected": "yes" if is_corrected else "no",
                "rejects here": f"{int(of_question['rejects'].sum())} of {len(of_question)}",
                **{f"rejects in|{world}": share_range(of_question[f"{world}_rejection"]) for world in _known(tested)},
            }
        )
    frame = pd.DataFrame(rows)
    under = [name for name in frame if name.startswith("rejects in|")]
    spanners = {"share of known worlds that reject at 5%": under} if under else None
    return frame_html(frame, "diagnostics_overview", list(frame.columns[2:]), raw=["Question"], spanners=spanners)


def _questions(definitions: Definitions, tested: pd.DataFrame) -> list[Question]:
    ordered = tested.sort_values("is_corrected", ascending=False, kind="stable")
    return [
        Question(
            title=str(question),
            is_corrected=bool(of_question["is_corrected"].iloc[0]),
            table=_question_table(definitions, of_question, f"diagnostic_{number}"),
        )
        for number, (question, of_question) in enumerate(ordered.groupby("question", sort=False), start=1)
    ]


def _question_table(definitions: Definitions, rows: pd.DataFrame, identity: str) -> str:
    """A row per regression: ours, a drawing of ours beside the worlds, each world's mean and rejections."""
    worlds = _known(rows)
    lines, label = [], ""
    for row in rows.to_dict("records"):
        own = definitions.outcome(row["outcome"])
        line = {
            "Outcome": "" if own == label else escape(own),
            "h": str(row["horizon"]),
            "ours|coef": number(row["coef"]),
            "ours|se": f"({row['se']:.3f})",
            "ours|rejects": "<strong>yes</strong>" if row["rejects"] else "no",
            "beside the worlds": _chart(row, worlds),
        }
        label = own
        for world in worlds:
            line[f"{world}|mean"] = number(row[f"{world}_mean"])
            if world != NULL:
                line[f"{world}|value / effect"] = _ratio(row[f"{world}_population"], row[f"{world}_effect_lasting"])
            line[f"{world}|rejects"] = _share(row[f"{world}_rejection"])
        lines.append(line)
    frame = pd.DataFrame(lines)
    names = [name for name in frame.columns[1:] if name != "beside the worlds"]
    spanners = {group: [name for name in frame if name.startswith(f"{group}|")] for group in ("ours", *worlds)}
    return frame_html(frame, identity, names, raw=list(frame.columns[1:]), spanners=spanners)


def _chart(row: dict[str, object], worlds: tuple[str, ...]) -> str:
    """Ours with its 95% interval as a bar, each world's mean as a circle, zero as a line.

    What it shows stands in the cells beside it, so it is hidden from who hears the page.
    """
    reach = row["critical_95"] * row["se"]
    low, high = row["coef"] - reach, row["coef"] + reach
    means = [(world, row[f"{world}_mean"]) for world in worlds if row[f"{world}_mean"] == row[f"{world}_mean"]]
    values = [0.0, low, high, *(mean for _, mean in means)]
    least, spread = min(values), (max(values) - min(values)) or 1.0

    def place(value: float) -> str:
        inner = _CHART_WIDTH - 2 * _CHART_MARGIN
        return f"{_CHART_MARGIN + inner * (value - least) / spread:.1f}"

    circles = "".join(f'<circle class="{world}" cx="{place(mean)}" cy="9" r="4"/>' for world, mean in means)
    return (
        f'<svg class="strip" viewBox="0 0 {_CHART_WIDTH} 18" width="{_CHART_WIDTH}" height="18" '
        f'aria-hidden="true"><path class="zero" d="M{place(0)} 0V18"/>'
        f'<path class="ours" d="M{place(low)} 9H{place(high)}M{place(row["coef"])} 3V15"/>{circles}</svg>'
    )


def _worlds_table(
    definitions: Definitions, montecarlo: pd.DataFrame, ours: dict[tuple[str, str, str, str], float]
) -> str:
    """A row per printed regression of the Monte Carlo, with the paper's errors; null has no effect to divide by."""
    worlds = [world for world in WORLDS if world in set(montecarlo["world"])]
    rows, table = [], ""
    for key, of_key in montecarlo.groupby(["table", "panel", "column", "term"], sort=False):
        found = of_key.set_index("world")
        own = of_key["dependent"].iloc[0].removeprefix("d_").removeprefix("log_")
        here = f"Table {key[0]}{f'({key[1]})' if key[1] else ''}"
        line = {
            "Table": "" if here == table else here,
            "column": key[2],
            "outcome": escape(definitions.outcome(own)),
            "h": str(of_key["horizon"].iloc[0]),
            "ours": number(ours.get(key)),
        }
        table = here
        for world in worlds:
            known = found.loc[world] if world in found.index else None
            for heading, value in (
                ("value", None if known is None else number(known["population"])),
                ("value / effect", None if known is None else _ratio(known["population"], known["effect_lasting"])),
                ("covers", None if known is None else _covers(known["coverage_95"])),
                ("rejects", None if known is None else _share(known["rejection"])),
            ):
                if (world, heading) != (NULL, "value / effect"):
                    line[f"{world}|{heading}"] = value or ""
        rows.append(line)
    frame = pd.DataFrame(rows)
    spanners = {world: [name for name in frame if name.startswith(f"{world}|")] for world in worlds}
    numeric = [name for name in frame if name not in ("Table", "outcome")]
    return frame_html(frame, "worlds_table", numeric, raw=list(frame.columns[1:]), spanners=spanners)


def _coverage_table(definitions: Definitions, methods: Methods, table: str, coverage: pd.DataFrame) -> str:
    """A row per outcome and horizon: coverage, marked where it is wrong, by covariance, and in other worlds by those
    that are recommended."""
    labels = methods.labels(_ESTIMATED[table]) | SETS
    recommended = (methods.recommended[_ESTIMATED[table]], RECOMMENDED_SET)
    found = coverage.set_index(["world", "covariance"]).index
    shown = {
        f"{world}|{_coverage_heading(labels[name], world, name in recommended)}": (world, name)
        for world in _COVERED_WORLDS
        for name in labels
        if (world, name) in found and (world == _COVERED or name in recommended)
    }
    rows, label = [], ""
    for (name, horizon), of_row in coverage.groupby(["outcome", "horizon"], sort=False):
        own = definitions.outcome(name)
        values = of_row.set_index(["world", "covariance"])["coverage"]
        rows.append(
            {
                "Outcome": "" if own == label else own,
                "h": str(horizon),
                **{heading: _covers(values[each]) for heading, each in shown.items()},
            }
        )
        label = own
    frame = pd.DataFrame(rows)
    names = list(frame.columns[1:])
    spanners: dict[str, list[str]] = {}
    for heading, (world, _) in shown.items():
        spanners.setdefault(world, []).append(heading)
    return frame_html(frame, f"coverage_{table}_table", names, raw=names, spanners=spanners)


def _coverage_heading(label: str, world: str, is_recommended: bool) -> str:
    return f"{label}, recommended" if world == _COVERED and is_recommended else label


def _covers(share: float) -> str:
    low, high = GOOD_COVERAGE
    text = _share(share)
    # the rounded figure is what the reader compares
    if not text or low <= round(share, 2) <= high:
        return f"<span>{text}</span>" if text else ""
    return f'<span class="{"under" if share < low else "over"}">{"▽" if share < low else "△"} {text}</span>'


def _known(rows: pd.DataFrame) -> tuple[str, ...]:
    needed = ("mean", "rejection", "population", "effect_lasting")
    return tuple(world for world in WORLDS if all(f"{world}_{name}" in rows for name in needed))


def _ratio(value: float, effect: float) -> str:
    return value_over_effect(value, effect).replace("-", "\u2212")


def share_range(shares: pd.Series) -> str:
    """The least and the largest of some shares as percent; empty where there is none."""
    found = shares.dropna()
    if found.empty:
        return ""
    low, high = f"{found.min():.0%}", f"{found.max():.0%}"
    return low if low == high else f"{low.removesuffix('%')}–{high}"


def _share(share: float) -> str:
    return "" if share != share else f"{share:.0%}"


def number(value: float | None) -> str:
    """Three decimals with a true minus; empty where there is none."""
    if value is None or value != value:
        return ""
    text = f"{value:.3f}"
    return "0.000" if text == "-0.000" else text.replace("-", "\u2212")
