"""What exhibits and their rows are called: from exposures, columns of observations, and a user's own labels.

An exposure has the title of an exhibit and how its columns are headed, the YAML of an observation model a
label for each column. A table without an exposure is laid out by its specifications alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.specifications import Registry, Specification
from dealer_limits.project import PROJECT, read_yaml

ESTIMATORS = {"ols": "OLS", "iv": "IV"}


@dataclass(frozen=True)
class TableDefinition:
    """A table of the paper, or a user's own.

    `panels` is title by letter (letter "" where there is one panel only). `spanner` and `label` name what
    heads groups of columns and single columns: outcome, horizon, sample, estimator, or "" for nothing.
    `heading` stands over all columns. `terms` are row labels of this table that differ from the general ones.
    """

    number: str
    title: str
    section: str = ""
    panels: Mapping[str, str] = field(default_factory=lambda: {"": ""})
    notes: tuple[str, ...] = ()
    spanner: str = ""
    label: str = ""
    heading: str = ""
    terms: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    count_label: Mapping[str, str] = field(default_factory=dict)

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
    """Every exhibit, tables first; labels of columns by observation model and name, of terms by table."""

    tables: tuple[TableDefinition, ...]
    others: tuple[OtherDefinition, ...]
    columns: Mapping[tuple[str, str], str]
    terms: Mapping[tuple[str, str], str]

    @property
    def exhibits(self) -> tuple[str, ...]:
        """The names of all exhibits."""
        return tuple(each.exhibit for each in (*self.tables, *self.others))

    def term(self, table: str, term: str) -> str:
        """What a row of a table is called."""
        return self.terms.get((table, term), plain(term))

    def column(self, observations: str, name: str) -> str:
        """What a column of an observation model is called."""
        return self.columns.get((observations, name), plain(name))

    def outcome(self, name: str) -> str:
        """What a change, or what it is of, is called, such as `net_position` of `d_log_net_position`."""
        for column in (f"d_log_{name}", f"d_{name}", name):
            for (_, known), label in self.columns.items():
                if known == column:
                    return label
        return plain(name)


def load_definitions(registry: Registry, own: Path | None = None) -> Definitions:
    """Definitions of the exposures and of the registry's other tables.

    `own` is a user's file of labels: `tables`, by number, with the keys of an exposure's meta and `title`, and
    `labels` by column. Raises DealerLimitsError where it cannot be read.
    """
    labels = _read_own(own) if own is not None and own.is_file() else {}
    columns = dict(_column_labels())
    for spec in registry.specifications:
        for name, _ in spec.named:
            if name in labels.get("labels", {}):
                columns[spec.observations, name] = labels["labels"][name]
    exposures = _exposures()
    tables = []
    for number in dict.fromkeys(["1", *registry.tables]):
        specs = registry.of_tables([number])
        meta = exposures.get(f"table_{number}") or _plain_table(number, specs)
        tables.append(_table(number, meta | labels.get("tables", {}).get(number, {})))
    terms = {
        (spec.table, term): columns.get((spec.observations, column), plain(term))
        for spec in registry.specifications
        for column, term in zip(spec.regressors, spec.terms, strict=True)
    }
    for table in tables:
        terms |= {(table.number, "constant"): "constant"}
        terms |= {(table.number, term): label for term, label in table.terms.items()}
    return Definitions(
        tables=tuple(tables),
        others=tuple(
            OtherDefinition(name, meta["title"], meta["section"], tuple(meta["notes"]))
            for name, meta in exposures.items()
            if not name.startswith("table_")
        ),
        columns=columns,
        terms=terms,
    )


def plain(name: str) -> str:
    """A name as words."""
    return name.replace("_x_", " × ").replace("_", " ")


def _read_own(path: Path) -> dict[str, Any]:
    try:
        labels = read_yaml(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise DealerLimitsError(f"{path} cannot be read: expected YAML with tables and labels") from error
    tables = {str(number): meta for number, meta in (labels.get("tables") or {}).items()}
    return {"tables": tables, "labels": labels.get("labels") or {}}


@cache
def _exposures() -> dict[str, dict[str, Any]]:
    record = read_yaml((PROJECT / "models/exposures.yml").read_text(encoding="utf-8"))
    return {
        exposure["name"]: exposure["config"]["meta"] | {"title": exposure["description"]}
        for exposure in record["exposures"]
    }


@cache
def _column_labels() -> dict[tuple[str, str], str]:
    labels = {}
    for path in sorted((PROJECT / "models/observations").glob("*.yml")):
        for model in read_yaml(path.read_text(encoding="utf-8"))["models"]:
            for column in model["columns"]:
                label = column.get("config", {}).get("meta", {}).get("label")
                if label:
                    labels[model["name"], column["name"]] = label
    return labels


def _plain_table(number: str, specs: Iterable[Specification]) -> dict[str, Any]:
    specs = list(specs)
    varies = {name: len({getattr(spec, name) for spec in specs}) > 1 for name in ("outcome", "horizon")}
    return {
        "title": specs[0].outcome.replace("_", " ").capitalize(),
        "panels": {spec.panel: "" for spec in specs},
        "spanner": "outcome" if varies["outcome"] else "",
        "label": "horizon" if varies["horizon"] else "sample" if len({spec.sample for spec in specs}) > 1 else "",
    }


def _table(number: str, meta: Mapping[str, Any]) -> TableDefinition:
    known = ("title", "section", "panels", "spanner", "label", "heading", "terms", "variables", "count_label")
    return TableDefinition(
        number, **{name: meta[name] for name in known if name in meta}, notes=tuple(meta.get("notes", ()))
    )
