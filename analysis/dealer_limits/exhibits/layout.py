"""Tables as rows and columns of cells: ours, and the printed number beside where there is one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import duckdb
import pandas as pd

from dealer_limits.estimation.compare import KEYS, compare, read_printed
from dealer_limits.estimation.specifications import Registry, Specification
from dealer_limits.exhibits.definitions import ESTIMATORS, Definitions, TableDefinition

# table, panel, column, term, statistic
Key = tuple[str, str, str, str, str]

SUMMARY_STATISTICS = ("mean", "sd", "p25", "p50", "p75", "count")

# effects that the paper prints, by column
_PRINTED_EFFECTS = {
    "desk_id": "desk_fe",
    "firm_rssd": "dealer_fe",
    "cusip": "bond_fe",
    "business_date": "time_fe",
}
# what we have and the paper does not print: label and form
_OURS_ALONE = {"first_stage_f": ("First-stage F, robust", ".1f")}
_STATISTICS = {"r2": "R²", "pseudo_r2": "Pseudo R²", "nobs": "N"}

# Two estimates this many combined standard errors apart, and more, are marked more strongly.
BANDS = (1.0, 2.0, 3.0)


@dataclass(frozen=True)
class Numbers:
    """Every number by key: as printed (text, with its digits), ours, and how far apart coefficients are.

    `distances` is (ours − printed) / √(se² + printed se²), of the coefficients that have both errors.
    """

    printed: Mapping[Key, str]
    ours: Mapping[Key, float]
    distances: Mapping[Key, float]


@dataclass(frozen=True)
class Cell:
    """A number as shown: text, stars after it, whether in parentheses, and how far it is from the other.

    Without text the cell is empty. `distance` is in combined standard errors, of our coefficients only.
    """

    text: str = ""
    stars: int = 0
    in_parentheses: bool = False
    distance: float | None = None

    @property
    def plain(self) -> str:
        """The cell as text, such as -0.046*** or (0.017)."""
        return f"({self.text})" if self.in_parentheses and self.text else self.text + "*" * self.stars

    @property
    def band(self) -> int:
        """How many of `BANDS` the distance reaches: 0 (near, or no distance) to 3."""
        return 0 if self.distance is None else sum(abs(self.distance) >= least for least in BANDS)


@dataclass(frozen=True)
class Column:
    """A printed column: its number as printed, such as (1), what heads it, and whether we have estimates."""

    name: str
    spanner: str
    label: str
    is_estimated: bool


@dataclass(frozen=True)
class TableRow:
    """A row with a cell per column. A row without a label belongs to the one above it."""

    label: str
    ours: tuple[Cell, ...]
    printed: tuple[Cell, ...]


@dataclass(frozen=True)
class Panel:
    """A panel of a printed table."""

    letter: str
    title: str
    heading: str
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]

    @property
    def is_printed(self) -> bool:
        """Whether some number of it stands in the paper."""
        return any(cell.text for row in self.rows for cell in row.printed)

    @property
    def ours_alone(self) -> Panel:
        """The panel as if the paper had none: no printed numbers, and no distances from them."""
        rows = (
            TableRow(
                row.label,
                tuple(replace(cell, distance=None) for cell in row.ours),
                tuple(Cell() for _ in row.printed),
            )
            for row in self.rows
        )
        return replace(self, rows=tuple(rows))


def read_numbers(connection: duckdb.DuckDBPyConnection, estimates: pd.DataFrame) -> Numbers:
    """All printed numbers of a warehouse, with estimates (long: the keys and value) beside them.

    Estimates of what is not printed are left out of the distances and kept in `ours`.
    """
    printed = connection.execute(
        """
        select
            "table",
            coalesce(panel, ''),
            coalesce("column", ''),
            case when "table" = '1' then outcome else coalesce(term, '') end,
            statistic,
            value,
        from seeds.printed_tables
        """
    ).fetchall()
    tables = list(dict.fromkeys(row[0] for row in printed))
    comparison = compare(read_printed(connection, tables), estimates)
    apart = comparison.dropna(subset="difference_in_se")
    return Numbers(
        printed={tuple(row[:5]): row[5] for row in printed},
        ours=_by_key(estimates, "value"),
        distances=_by_key(apart, "difference_in_se"),
    )


def lay_out(
    definition: TableDefinition, definitions: Definitions, registry: Registry, numbers: Numbers
) -> tuple[Panel, ...]:
    """The panels of a table as the paper prints them.

    Rows: coefficients with stars over standard errors in parentheses, terms in the order of the columns'
    regressors, then the effects where the paper states them, R² and N, and what we alone have. Table 1: a
    row per variable, a column per statistic.
    """
    if definition.number == "1":
        return tuple(_summary_panel(definition, letter, definitions, numbers) for letter in definition.panels)
    specifications = registry.of_tables([definition.number])
    return tuple(
        _regression_panel(
            definition,
            letter,
            [spec for spec in specifications if spec.panel == letter],
            definitions,
            numbers,
        )
        for letter in definition.panels
    )


def _by_key(frame: pd.DataFrame, value: str) -> dict[Key, float]:
    return {tuple(row[:5]): row[5] for row in frame[[*KEYS, value]].itertuples(index=False, name=None)}


def _regression_panel(
    definition: TableDefinition,
    letter: str,
    specifications: list[Specification],
    definitions: Definitions,
    numbers: Numbers,
) -> Panel:
    keys = [spec.key for spec in specifications]
    is_printed = any((*key, "", "nobs") in numbers.printed for key in keys)
    columns = tuple(
        Column(
            f"({spec.column})",
            _header(spec, definition.spanner, definitions),
            _header(spec, definition.label, definitions),
            (*key, "", "nobs") in numbers.ours,
        )
        for spec, key in zip(specifications, keys, strict=True)
    )
    rows = []
    terms = dict.fromkeys(
        term
        for spec in specifications
        for term in spec.coefficients
        if is_printed or (*spec.key, term, "coef") in numbers.ours
    )
    for term in sorted(terms, key=lambda term: term == "constant"):
        rows.append(_row(definitions.term(definition.number, term), [(*key, term, "coef") for key in keys], numbers))
        rows.append(_row("", [(*key, term, "se") for key in keys], numbers))
    for effect in dict.fromkeys([*_PRINTED_EFFECTS, *(name for spec in specifications for name in spec.absorb)]):
        facts = [numbers.printed.get((*key, "", _PRINTED_EFFECTS.get(effect, ""))) for key in keys]
        absorbing = [spec for spec in specifications if effect in spec.absorb]
        if any(facts) or (absorbing and not is_printed):
            ours = tuple(
                Cell(_yes(effect in spec.absorb and column.is_estimated))
                for spec, column in zip(specifications, columns, strict=True)
            )
            label = definitions.column(specifications[0].observations, effect)
            rows.append(TableRow(f"{label} FE", ours, tuple(Cell(_yes(fact == "1")) for fact in facts)))
    for statistic, label in _STATISTICS.items():
        of_columns = [(*key, "", statistic) for key in keys]
        known = numbers.printed if is_printed else numbers.ours
        if any(key in known for key in of_columns):
            rows.append(_row(label, of_columns, numbers))
    for statistic, (label, form) in _OURS_ALONE.items():
        values = [numbers.ours.get((*key, "", statistic)) for key in keys]
        if any(value is not None for value in values):
            ours = tuple(Cell("" if value is None else f"{value:{form}}") for value in values)
            rows.append(TableRow(label, ours, tuple(Cell() for _ in keys)))
    return Panel(letter, definition.panels[letter], definition.heading, columns, tuple(rows))


def _summary_panel(definition: TableDefinition, letter: str, definitions: Definitions, numbers: Numbers) -> Panel:
    estimated = any(key[:2] == ("1", letter) for key in numbers.ours)
    columns = tuple(
        Column(definition.count_label[letter] if name == "count" else name, "", "", estimated)
        for name in SUMMARY_STATISTICS
    )
    rows = tuple(
        _row(label, [("1", letter, "", variable, name) for name in SUMMARY_STATISTICS], numbers)
        for variable, label in definition.variables.items()
        if ("1", letter, "", variable, "mean") in numbers.printed
    )
    return Panel(letter, definition.panels[letter], definition.heading, columns, rows)


def _header(spec: Specification, kind: str, definitions: Definitions) -> str:
    if kind == "horizon":
        return "" if spec.horizon is None else f"h = {spec.horizon}"
    if kind == "outcome":
        return definitions.column(spec.observations, spec.dependent)
    if kind == "sample":
        return definitions.column(spec.observations, spec.sample) if spec.sample else "Full sample"
    if kind == "estimator":
        quantile = spec.estimator.partition(":")[2]
        return f"{100 * float(quantile):g}th" if quantile else ESTIMATORS[spec.kind]
    return ""


def _row(label: str, keys: Iterable[Key], numbers: Numbers) -> TableRow:
    ours, printed = [], []
    for key in keys:
        in_parentheses = key[4] == "se"
        stars = (*key[:4], "stars")
        has_stars = key[4] == "coef"
        text = numbers.printed.get(key)
        printed.append(
            Cell()
            if text is None
            else Cell(grouped(text), int(numbers.printed[stars]) if has_stars else 0, in_parentheses)
        )
        value = numbers.ours.get(key)
        # a column of the paper has the rows that are printed
        is_shown = text is not None or (*key[:3], "", "nobs") not in numbers.printed
        places = decimals(text) if text is not None else 0 if key[4] == "nobs" else 3
        ours.append(
            Cell()
            if value is None or value != value or not is_shown
            else Cell(
                f"{value:,.{places}f}",
                int(numbers.ours[stars]) if has_stars else 0,
                in_parentheses,
                numbers.distances.get(key),
            )
        )
    return TableRow(label, tuple(ours), tuple(printed))


def decimals(text: str) -> int:
    """The number of printed decimals, to which ours is rounded."""
    return len(text.partition(".")[2])


def grouped(text: str) -> str:
    """A printed number with a comma between thousands and its digits kept."""
    return f"{float(text):,.{decimals(text)}f}"


def _yes(is_so: bool) -> str:
    return "Yes" if is_so else ""
