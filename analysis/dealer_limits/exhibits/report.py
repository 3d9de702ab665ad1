"""The report: one page with every exhibit beside the printed numbers, and each table and figure as files."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from html import escape
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from jinja2 import Environment, StrictUndefined
from rich.console import Console

from dealer_limits.errors import DealerLimitsError, MissingError
from dealer_limits.estimation.compare import KEYS
from dealer_limits.estimation.methods import load_methods
from dealer_limits.estimation.rules import cells_of, label_of, sentences_of
from dealer_limits.estimation.run import OWN_LABELS, OWN_SPECIFICATIONS
from dealer_limits.estimation.specifications import Registry, Specification, load_registry
from dealer_limits.exhibits import extensions, reaction
from dealer_limits.exhibits.credibility import make_credibility, read_coverage, read_montecarlo
from dealer_limits.exhibits.data_quality import (
    checks_table,
    count_warnings,
    gates_table,
    levels_table,
    match_tables,
    read_gates,
    read_match_levels,
)
from dealer_limits.exhibits.definitions import Definitions, TableDefinition, load_definitions
from dealer_limits.exhibits.figure_measures import measures_table, read_measures
from dealer_limits.exhibits.figures import FIGURES, Drawn, PaperFigure, read_rows, write_figure
from dealer_limits.exhibits.layout import BANDS, Cell, Numbers, Panel, lay_out, read_numbers
from dealer_limits.exhibits.match_weights import MatchWeights, make_match_weights
from dealer_limits.exhibits.other_errors import (
    Instruments,
    curve_lines,
    make_instruments,
    make_other_errors,
    same_estimates,
)
from dealer_limits.exhibits.result_files import (
    CURVE,
    DIAGNOSTICS,
    IMPUTED,
    INFERENCE,
    INSTRUMENTS,
    LIMIT_EVENTS,
    MATCH_PRECISION,
    MATCH_RELIABILITY,
    MATCH_WEIGHTS,
    OVER_TIME,
    REACTION,
    RULES,
    SUMMARY,
    read_result,
)
from dealer_limits.exhibits.tables import (
    cell_html,
    frame_html,
    latex_text,
    mark,
    panel_html,
    panel_latex,
    panels_csv,
)
from dealer_limits.provenance import marked, sentence_of
from dealer_limits.warehouse import open_warehouse

_SUMMARY_MART = "marts.fct_summary_statistics"
_ESTIMATOR_NAMES = {"ols": "OLS", "iv": "Two-stage least squares", "quantile": "Quantile regression at"}
_READINGS = {"over_var": "β / U", "over_limit": "ȳ + β"}
_COVARIANCE_NAMES = {"robust": "robust errors (HC1)", "bootstrap": "bootstrapped errors"}


@dataclass(frozen=True)
class Exhibit:
    """A section of the page. `panels` are (title, HTML of a table or figure, its kind), `files` are (label, path).

    `files_alone` are those of ours without the printed numbers. `warning` stands over the panels; `instruments` is a
    table of tests under them.
    """

    identity: str
    number: str
    title: str
    section: str
    marts: tuple[str, ...]
    badge: str
    panels: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]
    method: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    files_alone: tuple[tuple[str, str], ...] = ()
    warning: str = ""
    instruments: str = ""


@dataclass(frozen=True)
class Curve:
    """The specification curve: the drawing for the page, a line per covariance, and files (label, path)."""

    svg: str
    lines: tuple[str, ...]
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Rules:
    """Other readings of disputed rules: the drawing for the page, (rule, sentence, table) each, files (label, path)."""

    svg: str
    tables: tuple[tuple[str, str, str], ...]
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Score:
    """How the columns and coefficients of a table compare with the printed ones."""

    columns: int
    estimated: int
    coefficients: int
    same_sign: int
    compared: int
    per_band: tuple[int, ...]

    def __add__(self, other: Score) -> Score:
        counts = ("columns", "estimated", "coefficients", "same_sign", "compared")
        return Score(
            *(getattr(self, name) + getattr(other, name) for name in counts),
            per_band=tuple(one + two for one, two in zip(self.per_band, other.per_band, strict=True)),
        )


@dataclass(frozen=True)
class Inputs:
    """What the page shows besides estimates; None or empty where a command has not been run.

    `world` is the record of the pseudo world beside its truth, `checks` and `build` are the JSON records of the checks
    and of `dbt build`.
    """

    estimates: pd.DataFrame
    world: Mapping[str, Any] | None
    checks: Mapping[str, Any] | None
    build: Mapping[str, Any] | None
    match_quality: pd.DataFrame | None
    shadow_cost: pd.DataFrame | None
    diagnostics: pd.DataFrame | None
    inference: pd.DataFrame | None
    summary: pd.DataFrame | None
    instruments: pd.DataFrame | None
    curve: pd.DataFrame | None
    rules: pd.DataFrame | None
    limit_events: pd.DataFrame | None
    over_time: pd.DataFrame | None
    reaction: pd.DataFrame | None
    weights: pd.DataFrame | None
    reliability: pd.DataFrame | None
    precision: pd.DataFrame | None
    imputed: pd.DataFrame | None


def write_report(warehouse: Path, output: Path, truth: Path, run_results: Path, console: Console) -> Path:
    """Write `report/index.html` to the folder `output`, with `tables/` and `figures/` beside it.

    A table is there beside the printed numbers and, as `_ours`, without them; a figure with the rows that it draws.
    Reads `estimates.parquet` and, where they are there, `quality/results.json`, `match_quality.csv`,
    `shadow_cost.csv` and the files of `result_files` from `output`, the record of the pseudo world from
    `truth`, and the time of the build from dbt's `run_results`. The same inputs give the same bytes.

    Raises DealerLimitsError where the warehouse, a mart or the estimates are missing, or a file of another
    command cannot be read.
    """
    inputs = _read_inputs(output, truth, run_results)
    folder = output / "report"
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    (folder / "figures").mkdir(exist_ok=True)
    with open_warehouse(warehouse) as connection:
        sentence = sentence_of(connection)
        own = output / OWN_SPECIFICATIONS
        registry = load_registry(connection, own if own.is_file() else None)
        methods = load_methods(connection)
        definitions = load_definitions(registry, output / OWN_LABELS)
        numbers = read_numbers(connection, inputs.estimates)
        descriptions = _descriptions(connection)
        figure_rows = {figure.name: read_rows(connection, figure) for figure in FIGURES}
        measures = read_measures(connection)
        levels = read_match_levels(connection)
        gates = read_gates(connection)
        montecarlo, coverage = read_montecarlo(connection), read_coverage(connection)
    if not sentence:
        # left over from a pseudo world, they say nothing about real data
        inputs = replace(inputs, world=None, match_quality=None, reliability=None, precision=None)
    layouts = {table.number: lay_out(table, definitions, registry, numbers) for table in definitions.tables}
    is_current = inputs.summary is None or same_estimates(inputs.summary, numbers.ours)
    rules_are_current = inputs.rules is None or same_estimates(inputs.rules.dropna(subset=["se"]), numbers.ours)
    weights_are_current = inputs.imputed is None or same_estimates(inputs.imputed, numbers.ours)
    weights = (
        make_match_weights(output, inputs.weights, inputs.reliability, inputs.precision, inputs.imputed)
        if weights_are_current
        else None
    )
    tests = {
        table.number: make_instruments(inputs.instruments if is_current else None, table.number)
        for table in definitions.tables
    }
    for table in definitions.tables:
        warning = tests[table.number].warning if tests[table.number] else ""
        _write_table(folder / "tables", table, layouts[table.number], warning, sentence)
    scores = {table.number: score(layouts[table.number], numbers, table.number) for table in definitions.tables}
    exhibits = [
        _table_exhibit(table, layouts[table.number], scores[table.number], registry, descriptions, tests[table.number])
        for table in definitions.tables
    ]
    for figure in FIGURES:
        rows = figure_rows[figure.name]
        drawn = write_figure(figure, rows, folder / "figures", sentence)
        in_numbers = measures_table(measures, figure.name)
        exhibits.append(_figure_exhibit(definitions, figure, figure.title_of(rows), drawn, in_numbers))
    if inputs.shadow_cost is not None:
        exhibits.append(_shadow_cost_exhibit(definitions, inputs.shadow_cost))
    if inputs.limit_events is not None:
        exhibits.append(_limit_events_exhibit(definitions, inputs.limit_events, folder / "figures", sentence))
    if inputs.over_time is not None:
        exhibits.append(_over_time_exhibit(definitions, inputs.over_time, folder / "figures", sentence))
    if inputs.reaction is not None:
        exhibits.append(_reaction_exhibit(definitions, inputs.reaction, folder / "figures", sentence))
    page = _render(
        exhibits=exhibits,
        overview=_overview(definitions, scores),
        total=sum(
            (scores[number] for number in scores if number != "1"),
            start=Score(0, 0, 0, 0, 0, (0,) * (len(BANDS) + 1)),
        ),
        printed_count=sum(_count_printed(panels) for panels in layouts.values()),
        legend=_legend(),
        credibility=make_credibility(
            definitions,
            inputs.diagnostics,
            montecarlo,
            coverage,
            methods,
            {key[:4]: value for key, value in numbers.ours.items() if key[4] == "coef"},
        ),
        other_errors=make_other_errors(definitions, inputs.summary, inputs.inference) if is_current else None,
        other_errors_are_current=is_current,
        curve=_curve(output, folder, inputs, sentence) if is_current else None,
        rules=_rules(output, folder, inputs, sentence) if rules_are_current else None,
        rules_are_current=rules_are_current,
        sentence=sentence,
        world=inputs.world or {},
        checks=inputs.checks,
        checks_table=checks_table(inputs.checks),
        gates=gates is not None,
        gates_table=gates_table(gates),
        warnings=count_warnings(inputs.checks, gates),
        levels_table=levels_table(levels),
        match_tables=match_tables(inputs.match_quality),
        weights=weights,
        weights_are_current=weights_are_current,
        drawings_of_weights=() if weights is None else _drawings_of_weights(weights, folder),
        packages=_packages(),
        python=platform.python_version(),
        build=inputs.build,
        has_docs=(output / "docs/index.html").is_file(),
    )
    path = folder / "index.html"
    path.write_text(page, encoding="utf-8")
    console.print(f"report: {path}", highlight=False, soft_wrap=True)
    return path


def score(panels: Iterable[Panel], numbers: Numbers, table: str) -> Score:
    """Count estimated columns, coefficients of the printed sign, and coefficients per band of distance."""
    columns = [column for panel in panels for column in panel.columns]
    pairs = [
        (numbers.ours[key], float(text))
        for key, text in numbers.printed.items()
        if key[0] == table and key[4] == "coef" and key in numbers.ours
    ]
    bands = [Cell(distance=distance).band for key, distance in numbers.distances.items() if key[0] == table]
    return Score(
        columns=len(columns),
        estimated=sum(column.is_estimated for column in columns),
        coefficients=len(pairs),
        same_sign=sum(ours * printed >= 0 for ours, printed in pairs),
        compared=len(bands),
        per_band=tuple(bands.count(band) for band in range(len(BANDS) + 1)),
    )


def _descriptions(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    """What observation models (column "") and their columns are, from the comments of the warehouse."""
    rows = connection.execute(
        """
        select table_name, '', coalesce(comment, '') from duckdb_tables() where schema_name = 'observations'
        union all
        select table_name, column_name, coalesce(comment, '') from duckdb_columns()
        where schema_name = 'observations'
        """
    ).fetchall()
    return {(table, column): comment for table, column, comment in rows}


def method_lines(
    specifications: Iterable[Specification], descriptions: Mapping[tuple[str, str], str]
) -> tuple[str, ...]:
    """How the columns of a table are estimated, in a line of HTML per distinct way, from the registry."""
    ways: dict[tuple, list[Specification]] = {}
    for spec in specifications:
        source = (spec.observations, spec.sample)
        way = (spec.estimator, spec.absorb, spec.instruments, spec.covariance, spec.transform, source)
        ways.setdefault(way, []).append(spec)
    lines = []
    for (estimator, absorb, instruments, covariance, transform, source), specs in ways.items():
        kind, _, quantile = estimator.partition(":")
        parts = [f"{_ESTIMATOR_NAMES[kind]} {quantile}".strip()]
        if instruments:
            parts.append("instruments " + ", ".join(f"<code>{name}</code>" for name in instruments))
        if absorb:
            parts.append(f"effects of {' and '.join(f'<code>{name}</code>' for name in absorb)} absorbed")
        parts.append(_COVARIANCE_NAMES[covariance])
        if transform:
            parts.append("variables standardised over the estimation sample")
        observations, sample = source
        where = f" where <code>{sample}</code>" if sample else ""
        description = escape(descriptions.get(source, "")).rstrip(".")
        lines.append(
            f"<strong>{_columns(specs)}</strong> {'; '.join(parts)}. {description}: "
            f"<code>observations.{observations}</code>{where}."
        )
    return tuple(lines)


def inline_svg(svg: str, name: str, title: str) -> str:
    """An SVG file as an element of a page: no prologue or metadata, names of its own, a title for readers."""
    element = svg[svg.index("<svg") :]
    element = re.sub(r"\s*<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r' xmlns(?::xlink)?="[^"]*"', "", element).replace("xlink:href", "href")
    element = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", element)
    element = re.sub(r'<svg ([^>]*?)width="[^"]*" ', r"<svg \1", element, count=1)
    element = re.sub(r'<svg ([^>]*?)height="[^"]*" ', r"<svg \1", element, count=1)
    element = re.sub(r"font-family: [^;\"]*", "font-family: inherit", element)
    opening = f'<svg role="img" aria-label="{escape(title)}" '
    return element.replace("<svg ", opening, 1).strip()


def _read_inputs(output: Path, truth: Path, run_results: Path) -> Inputs:
    estimates = output / "estimates.parquet"
    if not estimates.is_file():
        raise MissingError(f"there is no {estimates}: run `dealer-limits estimate` first")
    build = _read_json(run_results)
    world = (_read_json(truth / "world.json") or {"seed": "not recorded"}) if truth.is_dir() else None
    quality, cost = output / "match_quality.csv", output / "shadow_cost.csv"
    try:
        estimated = pd.read_parquet(estimates)[[*KEYS, "value"]]
    except (ValueError, KeyError, OSError) as error:
        raise DealerLimitsError(f"{estimates} cannot be read: run `dealer-limits estimate` again") from error
    return Inputs(
        estimates=estimated,
        world=world,
        checks=_read_json(output / "quality" / "results.json"),
        # of a run of some models only, the time would mislead
        build=build if build and _is_complete(build) else None,
        match_quality=pd.read_csv(quality, keep_default_na=False) if quality.is_file() and world else None,
        shadow_cost=pd.read_csv(cost) if cost.is_file() else None,
        diagnostics=read_result(output, DIAGNOSTICS),
        inference=read_result(output, INFERENCE),
        summary=read_result(output, SUMMARY),
        instruments=read_result(output, INSTRUMENTS),
        curve=read_result(output, CURVE),
        rules=read_result(output, RULES),
        limit_events=read_result(output, LIMIT_EVENTS),
        over_time=read_result(output, OVER_TIME),
        reaction=read_result(output, REACTION),
        weights=read_result(output, MATCH_WEIGHTS),
        reliability=read_result(output, MATCH_RELIABILITY),
        precision=read_result(output, MATCH_PRECISION),
        imputed=read_result(output, IMPUTED),
    )


def _read_json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DealerLimitsError(f"{path} is not JSON: {error}") from error


def _is_complete(build: Mapping[str, Any]) -> bool:
    arguments = build["args"]
    return arguments.get("which") == "build" and not arguments.get("select") and not arguments.get("exclude")


def _write_table(folder: Path, table: TableDefinition, panels: tuple[Panel, ...], warning: str, sentence: str) -> None:
    caption = f"Table {table.number}: {table.title}"
    header = "% needs \\usepackage{booktabs, caption, amsmath}\n"
    notes = latex_text(" ".join(filter(None, (*table.notes, warning, sentence))))
    for name, shown in _versions(table, panels).items():
        latex = "\n".join(panel_latex(panel, caption) for panel in shown)
        (folder / f"{name}.tex").write_text(f"{header}{latex}\n{{\\footnotesize {notes}\\par}}\n", encoding="utf-8")
        (folder / f"{name}.csv").write_text(panels_csv(shown, sentence), encoding="utf-8")


def _versions(table: TableDefinition, panels: tuple[Panel, ...]) -> dict[str, tuple[Panel, ...]]:
    """The panels by name of their files: beside the printed numbers, and ours alone where that is something else."""
    versions = {table.exhibit: panels}
    if any(panel.is_printed for panel in panels) and any(
        each.is_estimated for panel in panels for each in panel.columns
    ):
        versions[f"{table.exhibit}_ours"] = tuple(panel.ours_alone for panel in panels)
    return versions


def _table_exhibit(
    table: TableDefinition,
    panels: tuple[Panel, ...],
    of_table: Score,
    registry: Registry,
    descriptions: Mapping[tuple[str, str], str],
    tests: Instruments | None,
) -> Exhibit:
    specifications = registry.of_tables([table.number])
    if table.number == "1":
        marts = (_SUMMARY_MART,)
        method = ("Counted and averaged in SQL, each variable over the rows on which it is defined.",)
    else:
        marts = tuple(dict.fromkeys(f"observations.{spec.observations}" for spec in specifications))
        method = method_lines(specifications, descriptions)
    if not of_table.estimated:
        badge = "not estimated"
    elif table.number == "1" or not of_table.compared:
        badge = ""
    else:
        near = sum(of_table.per_band[:2])
        badge = f"{near} of {of_table.compared} coefficients within 2 se"
        if of_table.estimated < of_table.columns:
            badge = f"{of_table.estimated} of {of_table.columns} columns estimated; {badge}"
    files, *alone = (
        (("CSV", f"tables/{name}.csv"), ("LaTeX", f"tables/{name}.tex")) for name in _versions(table, panels)
    )
    return Exhibit(
        identity=table.exhibit,
        number=f"Table {table.number}",
        title=table.title,
        section=table.section,
        marts=marts,
        badge=badge,
        panels=tuple(
            (
                f"({panel.letter}) {panel.title}" if panel.letter else "",
                panel_html(panel, f"{table.exhibit}{panel.letter}"),
                "estimates beside" if panel.is_printed else "estimates",
            )
            for panel in panels
        ),
        notes=table.notes,
        method=method,
        files=files,
        files_alone=tuple(entry for each in alone for entry in each),
        warning=tests.warning if tests else "",
        instruments=tests.table if tests else "",
    )


def _figure_exhibit(
    definitions: Definitions, figure: PaperFigure, title: str, drawn: Drawn, in_numbers: str
) -> Exhibit:
    entries = {entry.exhibit: entry for entry in definitions.others}
    entry = entries[figure.name]
    on_one_line = title.replace("\n", " ")
    number, _, own_title = on_one_line.rpartition(": ")
    return Exhibit(
        identity=figure.name,
        number=number or "Index",
        title=own_title or entry.title,
        section=entry.section,
        marts=(f"marts.{figure.mart}",),
        badge="",
        panels=(
            ("", inline_svg(drawn.untitled_svg, figure.name, on_one_line), "drawing"),
            *((("In numbers", in_numbers, "lists results wrapping"),) if in_numbers else ()),
        ),
        notes=entry.notes,
        method=(),
        files=tuple((file.suffix[1:].upper(), f"figures/{file.name}") for file in drawn.files),
    )


def _shadow_cost_exhibit(definitions: Definitions, cost: pd.DataFrame) -> Exhibit:
    (entry,) = [entry for entry in definitions.others if entry.exhibit == "shadow_cost"]
    units = cost.groupby("reading", sort=False)["unit"].first()
    return Exhibit(
        identity=entry.exhibit,
        number="Shadow cost",
        title=entry.title,
        section=entry.section,
        marts=("observations.obs_desk_horizon",),
        badge="",
        panels=(("", _shadow_cost_table(definitions, cost), "costs"),),
        notes=(*entry.notes, *(f"{_READINGS[reading]}: {unit}." for reading, unit in units.items())),
        method=(),
        files=(),
    )


def _shadow_cost_table(definitions: Definitions, cost: pd.DataFrame) -> str:
    """A row per reading and usage over one with standard errors; a column per column of Table 14."""
    columns = [
        f"h = {horizon}|{definitions.outcome(name)}"
        for horizon, name in zip(cost["horizon"], cost["outcome"], strict=True)
    ]
    named = cost.assign(name=columns)
    rows = []
    for (reading, usage), values in named.groupby(["reading", "usage"], sort=False, dropna=False):
        label = f"{_READINGS[reading]}{f' at usage {usage:.2f}' if usage == usage else ''}"
        for heading, statistic in ((label, "shadow_cost"), ("", "se")):
            cells = (Cell(f"{value:.3f}", in_parentheses=statistic == "se") for value in values[statistic])
            rows.append({"Reading": heading} | dict(zip(values["name"], map(cell_html, cells), strict=True)))
    names = list(dict.fromkeys(columns))
    spanners: dict[str, list[str]] = {}
    for name in names:
        spanners.setdefault(name.partition("|")[0], []).append(name)
    return frame_html(pd.DataFrame(rows), "shadow_cost_table", names, raw=names, spanners=spanners)


def _limit_events_exhibit(definitions: Definitions, rows: pd.DataFrame, folder: Path, sentence: str) -> Exhibit:
    """The figure, a table per sample, and of what is not estimated why."""
    days = rows[rows["kind"] == "day"]
    labelled = days.assign(label=days["outcome"].map(definitions.outcome))
    reasons = rows[rows["kind"] == "not_estimated"].groupby("text", sort=False)["panel"].unique()
    return _extension_exhibit(
        definitions,
        extensions.LIMIT_EVENTS,
        labelled,
        tuple(extensions.event_tables(definitions, rows)),
        tuple(f"Not estimated, ({', '.join(panels)}): {reason}." for reason, panels in reasons.items()),
        folder,
        sentence,
    )


def _over_time_exhibit(definitions: Definitions, rows: pd.DataFrame, folder: Path, sentence: str) -> Exhibit:
    """The figure and a table of periods; none where no period is estimated."""
    rows = rows.assign(**{name: pd.to_datetime(rows[name]) for name in ("first_day", "last_day")})
    estimated = rows[rows["shadow_cost"].notna()]
    tables = (("", extensions.period_table(rows)),) if len(estimated) else ()
    notes = () if len(estimated) else ("Not estimated: " + "; ".join(rows["text"].unique()) + ".",)
    return _extension_exhibit(definitions, extensions.OVER_TIME, estimated, tables, notes, folder, sentence)


def _reaction_exhibit(definitions: Definitions, rows: pd.DataFrame, folder: Path, sentence: str) -> Exhibit:
    """The figure, the strengths, effects beside Table 2, and the test of fit."""
    labelled = rows.assign(label=rows["name"].map(definitions.outcome))
    tables = tuple(reaction.reaction_tables(definitions, rows))
    notes = (reaction.fit_line(rows),)
    return _extension_exhibit(definitions, reaction.REACTION, labelled, tables, notes, folder, sentence)


def _extension_exhibit(
    definitions: Definitions,
    figure: PaperFigure,
    drawn_rows: pd.DataFrame,
    tables: tuple[tuple[str, str], ...],
    notes: tuple[str, ...],
    folder: Path,
    sentence: str,
) -> Exhibit:
    """A figure of results over its tables; `drawn_rows` may be none, which leaves no drawing."""
    (entry,) = [entry for entry in definitions.others if entry.exhibit == figure.name]
    panels, files = [], ()
    if len(drawn_rows):
        drawn = write_figure(figure, drawn_rows, folder, sentence)
        panels.append(("", inline_svg(drawn.untitled_svg, figure.name, figure.title), "drawing"))
        files = tuple((file.suffix[1:].upper(), f"figures/{file.name}") for file in drawn.files)
    panels += [(title, table, "results") for title, table in tables]
    return Exhibit(
        identity=entry.exhibit,
        number=entry.title,
        title=figure.title,
        section=entry.section,
        marts=(f"{'observations' if figure.mart.startswith('obs_') else 'marts'}.{figure.mart}",),
        badge="",
        panels=tuple(panels),
        notes=(*entry.notes, *notes),
        method=(),
        files=files,
    )


def _curve(output: Path, folder: Path, inputs: Inputs, sentence: str) -> Curve | None:
    """The drawing that `dealer-limits inference` made, copied beside the other figures, and its points."""
    sources = [output / "figures" / f"specification_curve.{kind}" for kind in ("svg", "png")]
    if inputs.curve is None or not all(source.is_file() for source in sources):
        return None
    files = []
    for source in sources:
        (folder / "figures" / source.name).write_bytes(source.read_bytes())
        files.append((source.suffix[1:].upper(), f"figures/{source.name}"))
    points = folder / "figures/specification_curve.csv"
    points.write_text(marked(inputs.curve, sentence).to_csv(index=False, lineterminator="\n"), encoding="utf-8")
    files.append(("CSV", f"figures/{points.name}"))
    labels = (
        {}
        if inputs.inference is None
        else dict(zip(inputs.inference["covariance"], inputs.inference["label"], strict=True))
    )
    title = "Specification curve: estimates under every choice, with 95% intervals"
    return Curve(
        svg=inline_svg(sources[0].read_text(encoding="utf-8"), "specification_curve", title),
        lines=curve_lines(inputs.curve, labels),
        files=tuple(files),
    )


def _rules(output: Path, folder: Path, inputs: Inputs, sentence: str) -> Rules | None:
    """The drawing that `dealer-limits rules` made, copied beside the other figures, and a table per rule."""
    sources = [output / "figures" / f"rules.{kind}" for kind in ("svg", "png")]
    if inputs.rules is None or not all(source.is_file() for source in sources):
        return None
    files = []
    for source in sources:
        (folder / "figures" / source.name).write_bytes(source.read_bytes())
        files.append((source.suffix[1:].upper(), f"figures/{source.name}"))
    results = folder / "tables/rules.csv"
    results.write_text(marked(inputs.rules, sentence).to_csv(index=False, lineterminator="\n"), encoding="utf-8")
    files.append(("CSV", f"tables/{results.name}"))
    sentences = sentences_of(inputs.rules)
    tables = []
    for (variable, reading, other), rows in inputs.rules.groupby(["variable", "reading", "other_reading"], sort=False):
        shown = [
            (label_of((row.table, row.panel, row.column, row.term)), *cells_of(row))
            for row in rows[rows["is_shown"]].itertuples()
        ]
        frame = pd.DataFrame(shown, columns=["Result", reading, other])
        tables.append((variable, sentences[variable], frame_html(frame, f"rule_{variable}", [reading, other])))
    title = "Every rule that can be disputed, read otherwise: coefficients with 95% intervals"
    return Rules(
        svg=inline_svg(sources[0].read_text(encoding="utf-8"), "rules", title), tables=tuple(tables), files=tuple(files)
    )


def _drawings_of_weights(weights: MatchWeights, folder: Path) -> tuple[str, str]:
    """The drawings that `dealer-limits match-weights` made, copied beside the other figures, for the page."""
    for _, path in weights.files:
        (folder / path).write_bytes((weights.weights.parent / Path(path).name).read_bytes())
    titles = ("How sure and how right the weights of the match are", "Figure 5 on draws of the match")
    return tuple(
        inline_svg(drawing.read_text(encoding="utf-8"), drawing.stem, title)
        for drawing, title in zip((weights.weights, weights.figure_5), titles, strict=True)
    )


def _overview(definitions: Definitions, scores: Mapping[str, Score]) -> str:
    """A row per regression table: what is estimated, signs, and coefficients by band of their distance."""
    rows = []
    for table in definitions.tables:
        of_table = scores[table.number]
        # one that the paper does not print has no distance
        if table.number == "1" or (of_table.estimated and not of_table.compared):
            continue
        rows.append(
            {
                "Table": f'<a href="#{table.exhibit}">{table.number}</a> {escape(table.title)}',
                "columns": f"{of_table.estimated} of {of_table.columns}",
                "printed sign": f"{of_table.same_sign} of {of_table.coefficients}",
                **{
                    heading: str(count) if count else "·"
                    for heading, count in zip(_band_names(), of_table.per_band, strict=True)
                },
            }
        )
    frame = pd.DataFrame(rows)
    return frame_html(frame, "overview_table", list(frame.columns[1:]), raw=["Table"])


def _band_names() -> tuple[str, ...]:
    first, *others = BANDS
    names = [f"under {first:g} se"]
    names += [f"{least:g} to {most:g}" for least, most in zip(BANDS, others, strict=False)]
    return (*names, f"{BANDS[-1]:g} or more")


def _legend() -> list[tuple[int, str, str]]:
    """Band, its symbols, what they mean."""
    entries = []
    for band, name in enumerate(_band_names()):
        distance = (0.0, *BANDS)[band]
        symbols = " ".join(filter(None, (mark(Cell(distance=distance)), mark(Cell(distance=-distance)))))
        entries.append((band, symbols, name if band == 0 else f"{name} se"))
    return entries


def _count_printed(panels: Iterable[Panel]) -> int:
    cells = [cell for panel in panels for row in panel.rows for cell in row.printed]
    return sum(any(character.isdigit() for character in cell.text) for cell in cells)


def _packages() -> list[tuple[str, str]]:
    """Name and installed version of each package that the project names as a dependency."""
    names = [re.match(r"[\w.-]+", line)[0] for line in requires("dealer-limits") or [] if "extra ==" not in line]
    found = []
    for name in sorted(names):
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "not installed"))
    return found


def _columns(specifications: list[Specification]) -> str:
    """Such as `(a) 1–3, (b) 1–3`, or `Columns 1–6` where there is one panel."""
    texts = []
    for panel in dict.fromkeys(spec.panel for spec in specifications):
        numbers = [int(spec.column) for spec in specifications if spec.panel == panel]
        runs: list[list[int]] = []
        for number in numbers:
            if runs and number == runs[-1][-1] + 1:
                runs[-1].append(number)
            else:
                runs.append([number])
        text = ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)
        texts.append(f"({panel}) {text}" if panel else text)
    return ("Columns " if not specifications[0].panel else "") + "; ".join(texts) + "."


def _render(**content: Any) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source).render(**content)
