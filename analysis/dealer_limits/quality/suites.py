"""Suites of rules: what is read of a table, and what must hold of it.

What the contract of a raw table says must hold of what is staged, by a suite made from the contract;
`suites.yml` lists what contracts cannot say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from jinja2 import Template

from dealer_limits.project import read_yaml
from dealer_limits.sources.contracts import Table, load_contracts

CRITICAL = "critical"
WARNING = "warning"

# In the frame of a grouped suite: how many rows of the table a row of the frame stands for.
ROW_COUNT = "row_count"

# Of a count that has to be zero.
NONE = {"value_set": [0]}

# Arguments of expectations that name columns.
_COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list")

# The kinds of rules in `suites.yml`: the expectation, and arguments that all rules of the kind have.
_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "holds": ("ExpectColumnValuesToBeInSet", {"value_set": [True]}),
    "zero": ("ExpectColumnValuesToBeInSet", NONE),
    "among": ("ExpectColumnValuesToBeInSet", {}),
    "between": ("ExpectColumnValuesToBeBetween", {}),
    "no_less": ("ExpectColumnPairValuesAToBeGreaterThanB", {"or_equal": True}),
    "present": ("ExpectColumnValuesToNotBeNull", {}),
    "missing": ("ExpectColumnValuesToBeNull", {}),
    "unique": ("ExpectColumnValuesToBeUnique", {}),
    "matches": ("ExpectColumnValuesToMatchRegex", {}),
    "has_length": ("ExpectColumnValueLengthsToEqual", {}),
    "at_least_rows": ("ExpectTableRowCountToBeBetween", {}),
}


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

    @property
    def is_none(self) -> bool:
        """Whether the rule is that a column is zero."""
        return self.expectation == "ExpectColumnValuesToBeInSet" and self.limits == NONE


@dataclass(frozen=True)
class Suite:
    """Rules over one selection of one table (`schema.table`).

    Read are `columns` and `derived` (name to SQL expression) of the rows for which `where` holds; grouped,
    one row for each combination of what is no aggregate, so that millions of rows are checked as a few.
    `unit` says what a row that is checked stands for, in the plural. `is_of_contract`: what it says holds row by row
    and key by key.
    """

    name: str
    table: str
    unit: str
    rules: tuple[Rule, ...]
    columns: tuple[str, ...] = ()
    derived: dict[str, str] = field(default_factory=dict)
    where: str | None = None
    grouped: bool = False
    is_of_contract: bool = False

    @property
    def query(self) -> str:
        """The SQL that reads the suite's rows."""
        expressions = [*self.columns, *(f"{sql} as {name}" for name, sql in self.derived.items())]
        if self.grouped:
            expressions.append(f"count(*) as {ROW_COUNT}")
        lines = ["select", ",\n".join(f"    {expression}" for expression in expressions), f"from {self.table}"]
        if self.where:
            lines.append(f"where {self.where}")
        if self.grouped:
            lines.append("group by all")
        return "\n".join(lines)


def load_suites(variables: Mapping[str, Any]) -> tuple[Suite, ...]:
    """All suites: one per contract, then those of `suites.yml`, in their order.

    `{{ var('name') }}` in `suites.yml` is the value of a variable, as in dbt.
    """
    template = Template(files(__package__).joinpath("suites.yml").read_text(encoding="utf-8"))
    text = template.render(var=variables.__getitem__)
    of_contracts = (suite_of_contract(table) for table in load_contracts().values())
    return (*of_contracts, *(_suite(**entry) for entry in read_yaml(text)))


def suite_of_contract(table: Table) -> Suite:
    """What the contract of a raw table says of its staged rows: counts, of which all but one are zero."""
    key = ", ".join(table.key)
    counts = {"repeated_keys": (f"count(*) - count(distinct ({key}))", f"No two rows have the same {key}.")}
    for column in table.columns:
        name = column.as_
        # a layout without the column has no values of it
        if column.required and not column.optional:
            blank, where = f"{name} is null", f" where {column.required_where}"
            counts[f"{name}_missing"] = (
                f"{blank} and {column.required_where}" if column.required_where else blank,
                f"Every row has {name}{where if column.required_where else ''}.",
            )
        if column.codes:
            codes = ", ".join(f"'{code}'" for code in column.codes)
            counts[f"{name}_unknown"] = (f"{name} not in ({codes})", f"{name} is one of {', '.join(column.codes)}.")
        day = "date " if column.type in ("date", "timestamp") else ""
        quote = "'" if day else ""
        for bound, sign, words in (
            (column.minimum, "<", "not below"),
            (column.maximum, ">", "not above"),
            (column.above, "<=", "above"),
        ):
            if bound is not None:
                outside = f"{name} {sign} {day}{quote}{bound}{quote}"
                counts[f"{name}_{words.replace(' ', '_')}"] = (outside, f"{name} is {words} {bound}.")
    for number, (holds, reason) in enumerate(table.checks, start=1):
        counts[f"check_{number}"] = (f"not ({holds})", f"No row of which {reason[0].lower() + reason[1:]}.")
    derived = {
        name: sql if name == "repeated_keys" else f"count(*) filter (where {sql})" for name, (sql, _) in counts.items()
    }
    none = [
        Rule(meaning, "ExpectColumnValuesToBeInSet", {"column": name, **NONE}) for name, (_, meaning) in counts.items()
    ]
    some = Rule("There are rows.", "ExpectColumnValuesToBeBetween", {"column": ROW_COUNT, "min_value": 1})
    return Suite(
        name=f"contract of {table.full_name}",
        table=f"staging.stg_{table.source}__{table.entity}",
        unit="table",
        rules=(*none, *(() if table.optional else (some,))),
        derived=derived,
        grouped=True,
        is_of_contract=True,
    )


def _suite(rules: list[dict[str, Any]], columns: Sequence[str] = (), **entry: Any) -> Suite:
    return Suite(columns=tuple(columns), rules=tuple(_rule(**rule) for rule in rules), **entry)


def _rule(**entry: Any) -> Rule:
    """A rule as `suites.yml` has it: severity and meaning, kind and columns, then what else the expectation takes."""
    (word, meaning), (kind, columns), *others = entry.items()
    expectation, arguments = _KINDS[kind]
    match columns:
        case [a, b] if kind == "no_less":
            named = {"column_A": a, "column_B": b}
        case list():
            expectation, named = "ExpectCompoundColumnsToBeUnique", {"column_list": columns}
        case int():
            named = {"min_value": columns}
        case _:
            named = {"column": columns}
    return Rule(meaning, expectation, named | arguments | dict(others), WARNING if word == WARNING else CRITICAL)
