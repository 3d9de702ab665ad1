"""Contracts of the raw tables, as `models/staging/<source>/_<source>__sources.yml` state them.
 The YAML is the one place that says what a raw file must look like. Staging (`macros/staging.sql`), the check
of the files, the counts of their rows, the quality suites and the data dictionary all read it through this
module.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from dealer_limits.errors import DealerLimitsError
from dealer_limits.project import read_yaml

_FOLDER = Path("models/staging")
# where the package lies in the project's folder, as it is installed
_PROJECT = Path(__file__).parents[3]

# what a source's tokens of missing apply to; a name or a code may be spelled as one of them
_MEASURED = ("integer", "date", "time", "timestamp", "usd", "number")
TYPES = ("text", "id", "integer", "cusip", "code", "date", "time", "timestamp", "usd", "number")


@dataclass(frozen=True)
class Column:
    """A column of a raw table.

    name: as its own layout writes it; aliases: as other layouts do. as_: its name in the warehouse.
    type: one of TYPES. day_and_clock: of a timestamp, the names of the two columns that hold its day and its
    time of day in layouts that part them.

    required: a row without a value is rejected, of a file that has the column; where required_where, a
    condition on the row, does not hold it may be blank. optional: a file may lack it.
    missing: texts, in lower case, that mean that there is no value. format: of a date, in strptime notation;
    ISO 8601 without.
    minimum, maximum, above (exclusive): bounds outside of which a row is rejected. codes: what a code may be,
    each with other spellings. is_number: an identifier of digits, in which leading zeros say nothing.
    pattern: regular expression that an identifier must match in full; mistaken: identifiers that are none.
    day_as: the warehouse's name for the day of a timestamp, which may be known where the time is not; where
    the column is blank it is the day of `blank_day`. parent: of JSON, the column stands in the record that
    holds the table's records.
    """

    name: str
    type: str
    description: str
    as_: str
    aliases: tuple[str, ...] = ()
    day_and_clock: tuple[tuple[str, ...], ...] = ()
    required: bool = False
    required_where: str | None = None
    optional: bool = False
    missing: tuple[str, ...] = ()
    format: str | None = None
    minimum: str | None = None
    maximum: str | None = None
    above: str | None = None
    codes: dict[str, list[str]] = field(default_factory=dict)
    is_number: bool = False
    pattern: str | None = None
    mistaken: tuple[str, ...] = ()
    day_as: str | None = None
    blank_day: str | None = None
    parent: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All names that a file may give the column."""
        return (self.name, *self.aliases)

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The names of each part where layouts part it, by what the part is called here."""
        return {f"{self.name} {part}": names for part, names in zip(("day", "clock"), self.day_and_clock, strict=False)}


@dataclass(frozen=True)
class Table:
    """A raw table: which files hold it, its key and its columns.

    files: patterns of file names, without regard to case; of those without a wildcard, there is one file at most.
    entity: `base_<source>__<entity>` and `stg_<source>__<entity>` are its models. key: columns, by their
    names in the warehouse, of which no two staged rows are alike; prefer: of rows with one key, expressions
    by which the first is staged. checks: [condition, reason], a row for which the condition is false is
    rejected. records: of JSON, the path to the list of the table's records. delimiter, quoted, encoding,
    trailer: of text files. optional: there may be no file. any_of: columns, by their names in the warehouse,
    of which a file should have one. tolerated_rejects: share of a table's rows that may be rejected, above
    which nothing is published. cell: columns by whose values what is derived from the table is replaced, where
    a file of it comes, changes or goes; of a table without any, a change has all built anew.
    """

    source: str
    name: str
    description: str
    entity: str
    files: tuple[str, ...]
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    prefer: tuple[str, ...] = ()
    checks: tuple[tuple[str, str], ...] = ()
    records: tuple[str, ...] = ()
    delimiter: str = ","
    quoted: bool = True
    encoding: str = "utf-8"
    trailer: bool = False
    optional: bool = False
    any_of: tuple[str, ...] = ()
    tolerated_rejects: float = 0.05
    cell: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        return f"{self.source}.{self.name}"

    def is_whole(self, name: str) -> bool:
        """Whether a file of this name holds the whole table: it is named without a wildcard."""
        return name.lower() in (pattern.lower() for pattern in self.files if "*" not in pattern)

    @cached_property
    def digest(self) -> str:
        """What was found about a file under another contract has to be found again."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()[:16]

    @property
    def expectation(self) -> str:
        """What its files must look like, in a few words."""
        names = ", ".join(column.name for column in self.columns if not column.optional)
        whole = [pattern for pattern in self.files if "*" not in pattern]
        return f"expected {' or '.join(whole or self.files)} with {names}"

    def as_json(self) -> str:
        """The contract as the macros read it."""
        return json.dumps(dataclasses.asdict(self))


def load_contracts(project: Path | None = None) -> dict[str, Table]:
    """The contracts of all raw tables by `source.table`, in the order of their files.

    project: the folder of the dbt project; without one, the folder that one stands in or the package's own.
    Raises DealerLimitsError where a contract names a type, a key or a column that there is not.
    """
    tables: dict[str, Table] = {}
    folder = project or next((path for path in (Path(), _PROJECT) if (path / _FOLDER).is_dir()), Path())
    for path in sorted((folder / _FOLDER).glob("*/_*__sources.yml")):
        for source in read_yaml(path.read_text(encoding="utf-8"))["sources"]:
            common = source.get("config", {}).get("meta", {})
            for entry in source["tables"]:
                table = _table(source["name"], entry, common)
                _validate(table, path)
                tables[table.full_name] = table
    if not tables:
        raise DealerLimitsError(f"there is no {_FOLDER}: this is not the folder of the project")
    return tables


def _table(source: str, entry: dict[str, Any], common: dict[str, Any]) -> Table:
    meta = {**common, **entry["config"]["meta"]}
    missing = [str(token).lower() for token in meta.pop("missing", [])]
    lists = {
        name: tuple(meta.pop(name)) for name in ("files", "key", "prefer", "any_of", "records", "cell") if name in meta
    }
    return Table(
        source=source,
        name=entry["name"],
        description=entry["description"],
        columns=tuple(_column(column, missing) for column in entry["columns"]),
        checks=tuple((check["holds"], check["else"]) for check in meta.pop("checks", [])),
        **lists,
        **meta,
    )


def _column(entry: dict[str, Any], missing: list[str]) -> Column:
    meta = dict(entry.get("config", {}).get("meta", {}))
    of_source = missing if entry["data_type"] in _MEASURED else []
    tokens = [str(token).lower() for token in meta.pop("missing", of_source)]
    codes = meta.pop("codes", {})
    if isinstance(codes, list):
        codes = {code: [] for code in codes}
    bounds = {name: str(meta.pop(name)) for name in ("minimum", "maximum", "above") if name in meta}
    if entry["data_type"] in ("date", "timestamp"):
        # no desk, trade or operation of this project is older, and no security matures later
        bounds = {"minimum": "1990-01-01", "maximum": "2100-12-31"} | bounds
    return Column(
        name=entry["name"],
        type=entry["data_type"],
        description=entry["description"],
        as_=meta.pop("as", entry["name"].lower()),
        aliases=tuple(meta.pop("aliases", ())),
        day_and_clock=tuple(tuple(names) for names in meta.pop("day_and_clock", ())),
        missing=tuple(tokens),
        codes={str(code): [str(other) for other in others or []] for code, others in codes.items()},
        mistaken=tuple(meta.pop("mistaken", ())),
        **bounds,
        **meta,
    )


def _validate(table: Table, path: Path) -> None:
    names = [column.as_ for column in table.columns]
    days = [column.day_as for column in table.columns if column.day_as]
    wrong = (
        [f"type {column.type} of {column.name}" for column in table.columns if column.type not in TYPES]
        + [f"key {name}" for name in table.key if name not in [*names, *days, "raw_file"]]
        + [f"any_of {name}" for name in table.any_of if name not in names]
        + [f"cell {name}" for name in table.cell if name not in [*names, *days]]
        + [
            f"day and clock of {column.name}"
            for column in table.columns
            if column.day_and_clock and (len(column.day_and_clock) != 2 or column.type != "timestamp")
        ]
        + [f"column {name} twice" for name in {name for name in names if names.count(name) > 1}]
    )
    if wrong:
        raise DealerLimitsError(f"{path}: {table.full_name}: there is no {', '.join(wrong)}")
