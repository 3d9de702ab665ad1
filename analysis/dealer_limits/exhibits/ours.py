"""Tables of ours alone, as Word and plain LaTeX, and their coefficients as a plot: for a paper of one's own."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import matplotlib.style
import pandas as pd
from docx.document import Document
from maketables import MTable
from matplotlib.figure import Figure
from rich.console import Console

from dealer_limits.errors import DealerLimitsError, MissingError
from dealer_limits.estimation.compare import KEYS
from dealer_limits.estimation.run import OWN_LABELS, OWN_SPECIFICATIONS
from dealer_limits.estimation.specifications import Specification, load_registry
from dealer_limits.exhibits.definitions import Definitions, TableDefinition, load_definitions
from dealer_limits.exhibits.figures import STYLE
from dealer_limits.exhibits.layout import Numbers, Panel, lay_out
from dealer_limits.exhibits.tables import latex_text
from dealer_limits.provenance import mark_figure, sentence_of
from dealer_limits.warehouse import open_warehouse

# the day on the entries of a Word file, so that the same estimates give the same bytes
_DAY = (1980, 1, 1, 0, 0, 0)

_INCHES_PER_ROW, _INCHES_BETWEEN = 0.3, 0.75


def write_tables(warehouse: Path, output: Path, tables: list[str] | None, console: Console) -> list[Path]:
    """Write tables from `estimates.parquet` in `output` to `output`/tables: returns the files.

    For each table of regressions asked for, or for a user's own, or else for all: `table_N.docx`, `table_N.tex`
    (booktabs, tabularx, threeparttable) and `table_N_coefficients.svg` and `.png`, coefficients with the 95%
    intervals of the printed kind of errors. The same estimates give the same bytes.

    Raises DealerLimitsError where there are no estimates, or none of a table asked for.
    """
    path = output / "estimates.parquet"
    if not path.is_file():
        raise MissingError(f"there is no {path}: run `dealer-limits estimate` first")
    estimates = pd.read_parquet(path)[[*KEYS, "value"]]
    ours = {tuple(row[:5]): row[5] for row in estimates.itertuples(index=False, name=None)}
    own = output / OWN_SPECIFICATIONS
    with open_warehouse(warehouse) as connection:
        sentence = sentence_of(connection)
        registry = load_registry(connection, own if own.is_file() else None)
    definitions = load_definitions(registry, output / OWN_LABELS)
    chosen = registry.choose_tables(tables or list(registry.own_tables))
    folder = output / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for definition in (each for each in definitions.tables if each.number in chosen):
        panels = lay_out(definition, definitions, registry, Numbers({}, ours, {}))
        if not any(column.is_estimated for panel in panels for column in panel.columns):
            raise DealerLimitsError(f"Table {definition.number} is not among the estimates: estimate it first")
        made = [_table(definition, panel, sentence) for panel in panels]
        name = folder / definition.exhibit
        files += [_write_word(made, name.with_suffix(".docx")), _write_latex(made, name.with_suffix(".tex"))]
        specs = [spec for spec in registry.of_tables([definition.number]) if (*spec.key, "", "nobs") in ours]
        files += _draw(definition, definitions, specs, ours, name, sentence)
    console.print(f"{len(files)} files in {folder}", highlight=False, soft_wrap=True)
    return files


def _table(definition: TableDefinition, panel: Panel, sentence: str) -> MTable:
    """A panel as the table package has it: rows of coefficients, then of facts about the columns; notes under it."""
    last_error = max(place for place, row in enumerate(panel.rows) if not row.label)
    headings = pd.MultiIndex.from_tuples(
        [(column.spanner, " ".join(filter(None, (column.name, column.label)))) for column in panel.columns]
    )
    frame = pd.DataFrame(
        [[cell.plain.replace("-", "−") for cell in row.ours] for row in panel.rows],
        index=pd.MultiIndex.from_tuples(
            [("coefficients" if place <= last_error else "columns", row.label) for place, row in enumerate(panel.rows)]
        ),
        columns=headings if any(column.spanner for column in panel.columns) else headings.droplevel(0),
    )
    title = f"({panel.letter}) {panel.title}".strip() if panel.letter else ""
    return MTable(
        frame,
        caption=" ".join(filter(None, (f"Table {definition.number}: {definition.title}", title))),
        notes=" ".join(filter(None, (*definition.notes, sentence))),
        rgroup_display=False,
    )


def _write_word(tables: Sequence[MTable], path: Path) -> Path:
    """All panels in one document."""
    document, *others = (table.make(type="docx") for table in tables)
    body = document.element.body
    for other in others:
        for element in other.element.body.iterchildren():
            if not element.tag.endswith("sectPr"):
                body.insert(len(body) - 1, deepcopy(element))
    path.write_bytes(_same_bytes(document))
    return path


def _same_bytes(document: Document) -> bytes:
    """The file of a document whose entries all have the same day."""
    written, again = io.BytesIO(), io.BytesIO()
    document.save(written)
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(zipfile.ZipInfo(entry.filename, _DAY), source.read(entry), zipfile.ZIP_DEFLATED)
    return again.getvalue()


def _write_latex(tables: Sequence[MTable], path: Path) -> Path:
    """All panels, one after the other."""
    written = []
    for table in tables:
        text = table.make(type="tex")
        # the package escapes neither
        for own in filter(None, (table.caption, table.notes)):
            text = text.replace(own, latex_text(own))
        written.append(text)
    header = "% needs \\usepackage{booktabs, tabularx, threeparttable, makecell, array, caption}\n"
    path.write_text(header + latex_text("\n".join(written), symbols_only=True) + "\n", encoding="utf-8")
    return path


def _draw(
    definition: TableDefinition,
    definitions: Definitions,
    specs: Sequence[Specification],
    ours: dict[tuple[str, str, str, str, str], float],
    name: Path,
    sentence: str,
) -> list[Path]:
    """A plot per term: a row per column, with its 95% interval."""
    terms = dict.fromkeys(term for spec in specs for term in spec.terms)
    rows = {term: [spec for spec in specs if term in spec.terms] for term in terms}
    heights = [_INCHES_PER_ROW * len(own) for own in rows.values()]
    height = sum(heights) + _INCHES_BETWEEN * (len(heights) + 0.4)
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(8.5, height))
        figure.suptitle(f"Table {definition.number}: {definition.title}", x=0.01, y=1 - 0.25 / height, ha="left")
        top = height - 0.4
        for (term, own), inches in zip(rows.items(), heights, strict=True):
            top -= _INCHES_BETWEEN + inches
            # placed by hand: an engine of layout rounds differently from run to run
            axis = figure.add_axes((0.44, (top + 0.5) / height, 0.53, inches / height))
            coefs, lows, highs = (
                [ours[(*spec.key, term, statistic)] for spec in own] for statistic in ("coef", "ci_low", "ci_high")
            )
            places = range(len(own), 0, -1)
            axis.axvline(0, color="0.4", linewidth=0.8)
            axis.hlines(places, lows, highs, color="#08306b")
            axis.plot(coefs, places, "o", color="#08306b", markersize=4)
            axis.set_yticks(places, [_column_label(definitions, spec) for spec in own])
            axis.set_title(f"{definitions.term(definition.number, term)}, with 95% intervals")
            axis.set_ylim(0.4, len(own) + 0.6)
        mark_figure(figure, sentence)
        files = [name.with_name(f"{name.name}_coefficients.{kind}") for kind in ("svg", "png")]
        # the day of the drawing would change the bytes
        figure.savefig(files[0], metadata={"Date": None})
        figure.savefig(files[1], dpi=200)
    return files


def _column_label(definitions: Definitions, spec: Specification) -> str:
    place = f"({spec.panel}) {spec.column}" if spec.panel else f"({spec.column})"
    horizon = "" if spec.horizon is None else f", h = {spec.horizon}"
    return f"{place} {definitions.column(spec.observations, spec.dependent)}{horizon}"
