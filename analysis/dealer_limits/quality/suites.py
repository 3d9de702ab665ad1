"""Suites of rules, as `suites.yml` lists them: what is read of a table, and what must hold of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

CRITICAL = "critical"
WARNING = "warning"

# In the frame of a grouped suite: how many rows of the table a row of the frame stands for.
ROW_COUNT = "row_count"

# Arguments of expectations that name columns.
_COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list")


@dataclass(frozen=True)
class Rule:
    """An expectation of Great Expectations and what it means.

    `expectation` is the name of its class and `arguments` what the class is called with. A critical rule
    fails the run; a warning is shown.
    """

    meaning: str
    expectation: str
    arguments: dict[str, Any]
    severity: str = CRITICAL

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule is about; none where it is about the table."""
        named = [self.arguments[name] for name in _COLUMN_ARGUMENTS if name in self.arguments]
        return tuple(named[0]) if named and isinstance(named[0], list) else tuple(named)

    @property
    def limits(self) -> dict[str, Any]:
        """The arguments that are not columns: bounds, sets, patterns."""
        return {name: value for name, value in self.arguments.items() if name not in _COLUMN_ARGUMENTS}


@dataclass(frozen=True)
class Suite:
    """Rules over one selection of one table (`schema.table`).

    Read are `columns` and `derived` (name to SQL expression) of the rows for which `where` holds; grouped,
    one row for each combination of what is no aggregate, so that millions of rows are checked as a few.
    `unit` says what a row that is checked stands for, in the plural.
    """

    name: str
    table: str
    unit: str
    rules: tuple[Rule, ...]
    columns: tuple[str, ...] = ()
    derived: dict[str, str] = field(default_factory=dict)
    where: str | None = None
    grouped: bool = False

    @property
    def query(self) -> str:
        """The SQL that reads the suite's rows."""
        expressions = [*self.columns, *(f"{sql} as {name}" for name, sql in self.derived.items())]
        if self.grouped:
            expressions.append(f"count(*) as {ROW_COUNT}")
        lines = [
            "select",
            ",\n".join(f"    {expression}" for expression in expressions),
            f"from {self.table}",
        ]
        if self.where:
            lines.append(f"where {self.where}")
        if self.grouped:
            lines.append("group by all")
        return "\n".join(lines)


def load_suites() -> tuple[Suite, ...]:
    """All suites, in the order of `suites.yml`."""
    import yaml

    text = files(__package__).joinpath("suites.yml").read_text(encoding="utf-8")
    return tuple(_suite(**entry) for entry in yaml.safe_load(text))


def _suite(rules: list[dict[str, Any]], columns: list[str] | None = None, **entry: Any) -> Suite:
    return Suite(
        columns=tuple(columns or ()),
        rules=tuple(
            Rule(rule["rule"], rule["expect"], rule["with"], rule.get("severity", CRITICAL)) for rule in rules
        ),
        **entry,
    )
