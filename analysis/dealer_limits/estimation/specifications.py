"""The registry of regressions: rows of `specifications.csv`, read from the warehouse or from a CSV file.

A row names an observation model and columns of it; nothing else has to know that a table exists. Printed
columns, diagnostics, repeated worlds and a user's own tables are rows of the same class.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

import duckdb

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.absorb import MOST_EFFECTS
from dealer_limits.project import SEEDS

ESTIMATOR_PATTERN = re.compile(r"ols|iv|quantile:0\.\d+")
# the covariance of the printed errors of each estimator
COVARIANCE_OF = {"ols": "robust", "iv": "robust", "quantile": "bootstrap"}
TRANSFORMS = ("", "standardise")

_NEEDED = ("table", "column", "observations", "dependent", "regressors")
_LISTS = ("also_observed", "absorb", "endogenous", "instruments")
_FLAGS = ("report_constant", "is_corrected")


@dataclass(frozen=True)
class Specification:
    """One column of a table: a row of the registry.

    `observations` is an observation model; `sample` a flag among its columns, "" for all rows; `horizon` that
    of the rows, where the model has one. `dependent`, `regressors`, `also_observed` (which must be there),
    `absorb`, `endogenous` and `instruments` are columns. `terms` are the names of the regressors in the
    results, written `column as name` where they differ. `tested_term`, `is_corrected` and `question` are of
    diagnostics.
    """

    table: str
    panel: str
    column: str
    observations: str
    sample: str
    horizon: int | None
    dependent: str
    regressors: tuple[str, ...]
    terms: tuple[str, ...]
    also_observed: tuple[str, ...] = ()
    absorb: tuple[str, ...] = ()
    endogenous: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    transform: str = ""
    estimator: str = "ols"
    covariance: str = "robust"
    report_constant: bool = False
    tested_term: str = ""
    is_corrected: bool = False
    question: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Table, panel and column."""
        return self.table, self.panel, self.column

    @property
    def label(self) -> str:
        """The column as a reader of the paper would call it, such as `Table 2(a) column 1`."""
        return f"Table {self.table}{f'({self.panel})' if self.panel else ''} column {self.column}"

    @property
    def outcome(self) -> str:
        """What the dependent variable is of: `net_position` of its log change `d_log_net_position`."""
        change = self.dependent.removeprefix("d_")
        return self.dependent if change == self.dependent else change.removeprefix("log_")

    @property
    def kind(self) -> str:
        """The estimator without its quantile: ols, iv or quantile."""
        return self.estimator.partition(":")[0]

    @property
    def quantile(self) -> float:
        """Of the estimator quantile:0.75, 0.75."""
        return float(self.estimator.partition(":")[2])

    @property
    def coefficients(self) -> tuple[str, ...]:
        """The terms whose coefficients the column reports, in this order."""
        return (*self.terms, "constant") if self.report_constant else self.terms

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns that an observation must have, the dependent variable first."""
        named = (self.dependent, *self.regressors, *self.instruments, *self.also_observed)
        return tuple(dict.fromkeys(named))

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """Every column that is named, with what it is named as."""
        return (
            *((name, "term") for name in self.variables),
            *((name, "effect") for name in self.absorb),
            *((name, "sample") for name in [self.sample] if name),
            *(("horizon", "column") for _ in [self.horizon] if self.horizon is not None),
        )


@dataclass(frozen=True)
class Registry:
    """Specifications, and why those that name something that is not there cannot be estimated.

    `own_tables` are those of which a row is of a user's own file.
    """

    specifications: tuple[Specification, ...]
    problems: Mapping[Specification, str] = field(default_factory=dict)
    own_tables: tuple[str, ...] = ()

    @property
    def coefficients(self) -> tuple[str, ...]:
        """Every term that some column reports, in printed order: the constant is below the regressors."""
        return (*dict.fromkeys(term for spec in self.specifications for term in spec.terms), "constant")

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that are estimated by regressions, in printed order."""
        return tuple(dict.fromkeys(spec.table for spec in self.specifications))

    def choose_tables(self, tables: list[str] | None, known: tuple[str, ...] | None = None) -> list[str]:
        """The tables named, or all that are known: those of the registry, if no others are.

        Raises DealerLimitsError where one is named that there is not.
        """
        known = known or self.tables
        for table in tables or []:
            if table not in known:
                raise DealerLimitsError(f"there is no Table {table}: choose from {', '.join(known)}")
        return tables or list(known)

    def of_tables(self, tables: Iterable[str]) -> tuple[Specification, ...]:
        """The specifications of some tables, in printed order."""
        chosen = set(tables)
        return tuple(spec for spec in self.specifications if spec.table in chosen)


def load_registry(
    connection: duckdb.DuckDBPyConnection, own: Path | None = None, seed: str = "specifications"
) -> Registry:
    """The registry of a warehouse, with the rows of a user's own CSV file.

    Names are checked against the columns of the observation models. Raises DealerLimitsError where the
    warehouse has no registry, a row has no form (see `read_specifications`), or a column is there twice.
    """
    mine = read_specifications(own) if own is not None else []
    registry = check_names(connection, [*read_specifications(connection, seed), *mine])
    return replace(registry, own_tables=tuple(dict.fromkeys(spec.table for spec in mine)))


def check_names(connection: duckdb.DuckDBPyConnection, specifications: Iterable[Specification]) -> Registry:
    """A registry whose names are checked against the observation models of a warehouse (see `build_registry`)."""
    columns = observation_columns(connection)
    if not columns:
        raise DealerLimitsError("the warehouse has no observations: run `dbt build` first")
    horizons = {
        name: tuple(
            row[0]
            for row in connection.execute(
                f"select distinct horizon from observations.{name} order by horizon"
            ).fetchall()
        )
        for name, known in columns.items()
        if "horizon" in known
    }
    return build_registry(specifications, columns, horizons)


def build_registry(
    specifications: Iterable[Specification],
    columns: Mapping[str, Iterable[str]],
    horizons: Mapping[str, Iterable[int]] | None = None,
) -> Registry:
    """Specifications in the order of their keys, checked against columns and horizons of observation models.

    Raises DealerLimitsError where a column is there twice.
    """
    ordered = sorted(specifications, key=lambda spec: [_order(part) for part in spec.key])
    for one, other in pairwise(ordered):
        if one.key == other.key:
            raise DealerLimitsError(f"specifications, {one.label}: is there twice")
    problems = {spec: next(iter(_problems(spec, columns, horizons or {})), "") for spec in ordered}
    return Registry(tuple(ordered), {spec: problem for spec, problem in problems.items() if problem})


def read_specifications(source: duckdb.DuckDBPyConnection | Path, seed: str = "") -> list[Specification]:
    """Rows of a seed in a warehouse, or of a CSV file with the same header.

    A file needs the columns table, column, observations, dependent and regressors; what it leaves out has the
    defaults of `Specification`. Raises DealerLimitsError naming the file or seed, row and column of what is
    missing or has no form.
    """
    if isinstance(source, Path):
        name, rows = str(source), read_csv(source)
    else:
        name, rows = seed, read_seed(source, seed)
    return [specification_of(row, f"{name}, row {number}") for number, row in enumerate(rows, start=1)]


def read_seed(connection: duckdb.DuckDBPyConnection, seed: str) -> list[dict[str, str]]:
    """The rows of a seed of the warehouse as text, "" where there is nothing."""
    try:
        found = connection.execute(f"select coalesce(cast(columns(*) as varchar), '') from seeds.{seed}")
    except duckdb.CatalogException:
        raise DealerLimitsError(f"the warehouse has no table seeds.{seed}: run `dbt build` first") from None
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file as text."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file, restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DealerLimitsError(f"{path} cannot be read: expected a CSV file in UTF-8") from error


def seed_file(seed: str) -> Path:
    """The file of a seed in the project."""
    return SEEDS / f"{seed}.csv"


def observation_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, ...]]:
    """The columns of each observation model of a warehouse, by its name."""
    rows = connection.execute(
        """
        select table_name, column_name
        from information_schema.columns
        where table_schema = 'observations'
        order by table_name, ordinal_position
        """
    ).fetchall()
    columns: dict[str, tuple[str, ...]] = {}
    for table, column in rows:
        columns[table] = (*columns.get(table, ()), column)
    return columns


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is not known: the nearest, or all if they are few."""
    known = list(known)
    found = get_close_matches(name, known, n=1, cutoff=0.5)
    if found:
        return f"the nearest is {found[0]}"
    return f"expected one of {', '.join(known)}" if len(known) <= 12 else "none is near"


def specification_of(row: Mapping[str | None, str], where: str) -> Specification:
    """A row of text as a specification; `where` is what an error names.

    Raises DealerLimitsError for a column that is unknown or missing, or a value without a form.
    """
    known = [each.name for each in fields(Specification) if each.name != "terms"]
    for name in row:
        if name not in known:
            raise DealerLimitsError(f"{where}: there is no column {name}, {nearest(str(name), known)}")
    text = {name: (row.get(name) or "").strip() for name in known}
    for name in _NEEDED:
        if not text[name]:
            raise DealerLimitsError(f"{where}: {name} is missing")
    # files and headings of the report are named after it
    if not re.fullmatch(r"[\w.-]+", text["table"]):
        raise DealerLimitsError(f"{where}: table {text['table']}, expected a number or a word")
    for name in _FLAGS:
        if text[name].lower() not in ("", "true", "false"):
            raise DealerLimitsError(f"{where}: {name} {text[name]}, expected true or false")
    if text["horizon"] and not text["horizon"].isdigit():
        raise DealerLimitsError(f"{where}: horizon {text['horizon']}, expected business days")
    named = [entry.partition(" as ") for entry in _entries(text["regressors"])]
    estimator = text["estimator"] or "ols"
    return Specification(
        **{name: text[name] for name in ("table", "panel", "column", "observations", "sample", "dependent")},
        **{name: text[name] for name in ("transform", "tested_term", "question")},
        **{name: _entries(text[name]) for name in _LISTS},
        **{name: text[name].lower() == "true" for name in _FLAGS},
        horizon=int(text["horizon"]) if text["horizon"] else None,
        regressors=tuple(column.strip() for column, _, _ in named),
        terms=tuple((name or column).strip() for column, _, name in named),
        estimator=estimator,
        covariance=text["covariance"] or COVARIANCE_OF.get(estimator.partition(":")[0], "robust"),
    )


def _entries(text: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in text.split(";") if entry.strip())


def _order(text: str) -> tuple[int, str]:
    """Numbers by their size, before and apart from words."""
    return (int(text), "") if text.isdigit() else (10**9 if text else -1, text)


def _problems(
    spec: Specification, columns: Mapping[str, Iterable[str]], horizons: Mapping[str, Iterable[int]]
) -> Iterable[str]:
    if spec.observations not in columns:
        yield f"there are no observations {spec.observations}, {nearest(spec.observations, columns)}"
        return
    known = list(columns[spec.observations])
    for name, role in spec.named:
        if name not in known:
            yield f"{spec.observations} has no {role} {name}, {nearest(name, known)}"
    if spec.horizon is None and "horizon" in known:
        yield f"rows of {spec.observations} have a horizon, and none is given"
    known_horizons = list(horizons.get(spec.observations, []))
    if spec.horizon is not None and known_horizons and spec.horizon not in known_horizons:
        there = ", ".join(map(str, known_horizons))
        yield (
            f"{spec.observations} has the horizons {there} and not {spec.horizon}: build with "
            f"--vars '{{horizons: [{there}, {spec.horizon}]}}'"
        )
    if len(spec.absorb) > MOST_EFFECTS:
        yield f"absorbs {len(spec.absorb)} effects, at most {MOST_EFFECTS} can be"
    if not ESTIMATOR_PATTERN.fullmatch(spec.estimator):
        yield f"unknown estimator {spec.estimator}, expected ols, iv or quantile:0.50"
    elif spec.covariance != COVARIANCE_OF[spec.kind] and not spec.question:
        yield f"the {spec.kind} estimator has {COVARIANCE_OF[spec.kind]} covariance only"
    if spec.kind == "quantile" and spec.absorb:
        yield "the quantile estimator absorbs no effects"
    if spec.transform not in TRANSFORMS:
        yield f"unknown transform {spec.transform}, expected standardise or nothing"
    if not set(spec.endogenous) <= set(spec.regressors):
        yield "instruments a variable that is no regressor"
    if bool(spec.endogenous) != bool(spec.instruments):
        yield "needs instruments and instrumented variables together"
    if bool(spec.instruments) != (spec.estimator == "iv"):
        yield "needs instruments for the estimator iv, and for no other"
    if len(set(spec.terms)) < len(spec.terms):
        yield "names a term twice"
