"""What the exhibits are called and how their columns are headed: `exhibits.yml` as frozen dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml


@dataclass(frozen=True)
class TableDefinition:
    """A table of the paper.

    `panels` is title by letter (letter "" where there is one panel only). `spanner` and `label` name what
    heads groups of columns and single columns: outcome, horizon, sample, estimator, or "" for nothing.
    `heading` stands over all columns. `terms` are row labels of this table that differ from the general ones.
    """

    number: str
    title: str
    section: str
    panels: Mapping[str, str]
    notes: tuple[str, ...]
    spanner: str
    label: str
    heading: str
    terms: Mapping[str, str]
    count_label: Mapping[str, str]

    @property
    def exhibit(self) -> str:
        """The name of the exhibit, as in the exposures and in the page."""
        return f"table_{self.number}"


@dataclass(frozen=True)
class OtherDefinition:
    """A figure (its title stands with its drawing), or an exhibit that is not one of the paper's."""

    exhibit: str
    title: str
    section: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Definitions:
    """Every exhibit in printed order, and labels by name of outcome, variable, sample, estimator and term."""

    tables: tuple[TableDefinition, ...]
    figures: tuple[OtherDefinition, ...]
    others: tuple[OtherDefinition, ...]
    outcomes: Mapping[str, str]
    variables: Mapping[str, str]
    samples: Mapping[str, str]
    estimators: Mapping[str, str]
    terms: Mapping[str, str]
    match_levels: Mapping[str, tuple[str, int | None]]

    @property
    def exhibits(self) -> tuple[str, ...]:
        """The names of all exhibits."""
        return tuple(each.exhibit for each in (*self.tables, *self.figures, *self.others))


@cache
def load_definitions() -> Definitions:
    """Read `exhibits.yml`, which is part of the package."""
    source = files(__package__).joinpath("exhibits.yml").read_text(encoding="utf-8")
    record = yaml.safe_load(source)
    return Definitions(
        tables=tuple(_table(number, entry) for number, entry in record["tables"].items()),
        figures=tuple(_other(name, entry) for name, entry in record["figures"].items()),
        others=tuple(_other(name, entry) for name, entry in record["others"].items()),
        match_levels={
            kind: (entry["meaning"], entry["printed_pct"]) for kind, entry in record["match_levels"].items()
        },
        **{name: record[name] for name in ("outcomes", "variables", "samples", "estimators", "terms")},
    )


def _table(number: str, entry: dict) -> TableDefinition:
    return TableDefinition(
        number=number,
        title=entry["title"],
        section=entry["section"],
        panels=entry["panels"],
        notes=tuple(entry["notes"]),
        spanner=entry.get("spanner", ""),
        label=entry.get("label", ""),
        heading=entry.get("heading", ""),
        terms=entry.get("terms", {}),
        count_label=entry.get("count_label", {}),
    )


def _other(name: str, entry: dict) -> OtherDefinition:
    return OtherDefinition(name, entry.get("title", ""), entry["section"], tuple(entry["notes"]))
