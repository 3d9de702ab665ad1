"""Panels as HTML and LaTeX by great-tables, and as CSV."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from html import escape

import pandas as pd
import pyarrow as pa
from great_tables import GT, html

from dealer_limits.exhibits.layout import Cell, Panel

SOURCES = ("ours", "printed")

# Direction and size of a difference as a symbol, by band: what a reader without colour goes by.
_MARKS = {1: ("△", "▽"), 2: ("▲", "▼"), 3: ("▲▲", "▼▼")}

# What pdflatex has no glyph for.
_LATEX = {
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "×": r"$\times$",
    "−": r"$-$",
    "–": "--",
    "²": r"$^2$",
    "Δ": r"$\Delta$",
    "→": r"$\to$",
}


def mark(cell: Cell) -> str:
    """The symbol for how far ours is from the printed number; empty where it is near or has no error."""
    if cell.distance is None or cell.band == 0:
        return ""
    above, below = _MARKS[cell.band]
    return above if cell.distance > 0 else below


def panel_html(panel: Panel, identity: str) -> str:
    """A panel as an HTML table without style: the page has one style for all."""
    return bare_html(_panel_table(panel, identity, cell_html))


def panel_latex(panel: Panel, caption: str) -> str:
    """A panel as a LaTeX table with booktabs rules; `caption` stands over it."""
    text = _panel_table(panel, None, lambda cell: cell.plain.replace("-", "−"))
    # nine pairs of columns, as in Table 10, fit a landscape page in small print only
    size = "8pt" if len(panel.columns) <= 6 else "5.5pt"
    title = f"{caption} ({panel.letter}) {panel.title}" if panel.letter else caption
    written = text.tab_header(title).tab_options(table_font_size=size).as_latex(use_longtable=False)
    narrow = "\\setlength{\\tabcolsep}{2pt}\n\\begin{tabular*}"
    return latex_text(written, symbols_only=True).replace("\\begin{tabular*}", narrow, 1)


def latex_text(text: str, symbols_only: bool = False) -> str:
    """Text for pdflatex: symbols that it has no glyph for as commands, and, unless they are meant, & % # _ $ too."""
    if not symbols_only:
        text = re.sub(r"(?<!\\)([&%#_$])", r"\\\1", text)
    for symbol, command in _LATEX.items():
        text = text.replace(symbol, command)
    return text


def panels_csv(panels: Sequence[Panel], sentence: str) -> str:
    """All panels of a table as one CSV: panel, row, then ours and printed of each column, as displayed.

    Of pseudo data a last column has the sentence that says so.
    """
    last = [sentence] if sentence else []
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    for position, panel in enumerate(panels):
        if position == 0:
            sources = SOURCES if any(each.is_printed for each in panels) else SOURCES[:1]
            names = [f"{column.name} {source}" for column in panel.columns for source in sources]
            writer.writerow(["panel", "row", "statistic", *names, *(["pseudo_data"] if last else [])])
        label = ""
        for row in panel.rows:
            is_error = not row.label
            label = row.label or label
            pairs = zip(*(getattr(row, source) for source in sources), strict=True)
            cells = [cell.plain for pair in pairs for cell in pair]
            writer.writerow([panel.letter, label, "standard error" if is_error else "value", *cells, *last])
    return written.getvalue()


def frame_html(
    frame: pd.DataFrame,
    identity: str,
    numeric: Sequence[str],
    raw: Sequence[str] = (),
    spanners: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """A frame of text as an HTML table, first column as row names.

    Columns in `raw` hold HTML. `spanners` heads groups of columns, whose own heading is then what stands
    after the last `|` of their name.
    """
    table = _great_table(frame, rowname_col=frame.columns[0], id=identity)
    table = table.tab_stubhead(frame.columns[0]).cols_align("left")
    if numeric:
        table = table.cols_align("right", columns=list(numeric))
    if raw:
        table = table.fmt(lambda text: text, columns=list(raw))
    for position, (title, columns) in enumerate((spanners or {}).items()):
        table = table.tab_spanner(title, columns=list(columns), id=f"group-{position}")
        table = table.cols_label({name: name.rpartition("|")[2] for name in columns})
    return bare_html(table)


def bare_html(table: GT) -> str:
    """The `<table>` element of a table: its style, the same for every table, is the page's."""
    (element,) = re.findall(r"<table.*?</table>", table.as_raw_html(), flags=re.DOTALL)
    # attributes that say nothing here, in each of thousands of cells
    idle = r' data-quarto-[a-z-]+="[a-z]+"| (?:row|col)span="1"| class="gt_row gt_right"'
    element = re.sub(idle, "", element)
    return re.sub(r"\n\s*", "\n", element)


def _great_table(frame: pd.DataFrame, **names: str | None) -> GT:
    """A frame of text in great-tables, which sets cells one by one: in Arrow in a third of the time of pandas."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PyArrow Table support is currently experimental")
        return GT(pa.Table.from_pandas(frame, preserve_index=False), **names)


def _panel_table(panel: Panel, identity: str | None, render: Callable[[Cell], str]) -> GT:
    """A panel in great-tables; with an identity as HTML, else as LaTeX, whose cells `render` writes."""
    as_html = identity is not None
    sources = SOURCES if panel.is_printed else SOURCES[:1]
    frame = pd.DataFrame({"label": [row.label for row in panel.rows]})
    for position in range(len(panel.columns)):
        for source in sources:
            frame[f"{source}_{position}"] = [render(getattr(row, source)[position]) for row in panel.rows]
    if as_html:
        table = _great_table(frame, rowname_col="label", id=identity).fmt(
            lambda markup: markup, columns=[name for name in frame.columns if name != "label"]
        )
    else:
        # a column of row names would be set off by a vertical rule
        table = _great_table(frame).cols_label(label="").cols_align("left", columns="label")
    pairs = [[f"{source}_{position}" for source in sources] for position in range(len(panel.columns))]
    table = table.cols_align("right", columns=[name for pair in pairs for name in pair])
    for position, (column, pair) in enumerate(zip(panel.columns, pairs, strict=True)):
        missing = "not estimated"
        ours = "ours" if column.is_estimated else html(f"<em>{missing}</em>") if as_html else missing
        table = table.cols_label(dict(zip(pair, (ours, "printed"), strict=False)))
        title = " ".join(part for part in (column.name, column.label) if part)
        table = table.tab_spanner(title, columns=pair, id=f"column-{position}")
    for first, last in _runs([column.spanner for column in panel.columns]):
        if panel.columns[first].spanner:
            under = [name for pair in pairs[first:last] for name in pair]
            table = table.tab_spanner(panel.columns[first].spanner, columns=under, id=f"group-{first}")
    if panel.heading:
        everything = [name for pair in pairs for name in pair]
        table = table.tab_spanner(panel.heading, columns=everything, id="heading")
    return table


def cell_html(cell: Cell) -> str:
    """A cell whose digits line up: stars and the closing parenthesis hang in a slot of their own.

    How far it is from the printed number is text in it, which the page shows to a pointer, a finger and the focus.
    """
    if not cell.text:
        return ""
    text = cell.text.replace("-", "\u2212")
    number = f"({text}" if cell.in_parentheses else text
    after = ")" if cell.in_parentheses else "*" * cell.stars
    slot = f"<b>{after}</b>" if after else "<b></b>"
    symbol = mark(cell)
    if cell.distance is None:
        return f"<span>{escape(number)}{slot}</span>"
    band = f' class="d{cell.band}"' if cell.band else ""
    shown = f"<i>{symbol}</i>" if symbol else ""
    distance = f"{cell.distance:+.1f} se".replace("-", "\u2212")
    return f'<span{band} tabindex="0">{shown}{escape(number)}{slot}<small> {distance}</small></span>'


def _runs(values: Sequence[str]) -> list[tuple[int, int]]:
    """Start and end of each run of equal neighbours."""
    starts = [position for position, value in enumerate(values) if position == 0 or values[position - 1] != value]
    return list(zip(starts, [*starts[1:], len(values)], strict=True))
