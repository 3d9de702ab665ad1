"""The variables of dbt_project.yml: what `--vars` may set them to, and what a warehouse was built with."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import yaml

from dealer_limits.errors import DealerLimitsError
from dealer_limits.project import read_yaml

WORDS = {
    "treasury_exclusions_needed": ("all", "any"),
    "slr_relief": ("as_filed", "added_back"),
    "figure_4_ranks": ("own_year", "pooled"),
    "when_issued_customer_trades": ("excluded", "included"),
    "agency_customer_trades": ("excluded", "included"),
    "operation_time": ("close", "release"),
    "level_2_trades": ("no_larger", "smaller"),
    "profit_change_days": ("available", "complete"),
    "without_dv01_limit": ("zero", "missing"),
    "matching_rule": ("paper", "price_consistent"),
    "published_schemas": ("marts", "observations", "quality", "seeds", "about", "staging", "intermediate"),
}
# what is listed beside the default ones: commands and the next build read those
_BESIDES = ("published_schemas",)
# of which the first is the lower
_BOUNDS = ("bill_rates_pct", "trading_hours", "operation_hours")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_TABLE = "quality.qc_variables"


def documented(project: Path = Path()) -> dict[str, Any]:
    """The variables of a project and their defaults."""
    return read_yaml((project / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]


def in_effect(given: Mapping[str, Any], project: Path = Path()) -> dict[str, Any]:
    """All variables, those that are given instead of their defaults; days as ISO text.

    Raises DealerLimitsError, in one line, for one that is not documented or of another kind than its default.
    """
    defaults = documented(project)
    for name, value in given.items():
        if name not in defaults:
            nearest = difflib.get_close_matches(str(name), defaults, n=1, cutoff=0)[0]
            raise DealerLimitsError(f"bad input: --vars: {name} is no variable; the nearest is {nearest}")
        if not _fits(name, value, defaults[name]):
            raise DealerLimitsError(f"bad input: --vars: {name}: expected {_expected(name, defaults[name])}")
    return defaults | {name: str(value) if isinstance(value, date) else value for name, value in given.items()}


def read_variables(text: str, project: Path = Path()) -> dict[str, Any]:
    """The variables that the text of `--vars` gives, YAML or JSON, as `in_effect` has them."""
    try:
        given = read_yaml(text)
    except (yaml.YAMLError, ValueError):
        given = None
    if not isinstance(given, dict):
        raise DealerLimitsError(
            "bad input: --vars: expected variables and values as YAML or JSON, as {horizons: [1, 20]}"
        )
    values = in_effect(given, project)
    return {name: values[name] for name in given}


def built_with(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The variables that a warehouse was built with."""
    try:
        rows = connection.execute(f"select variable, value from {_TABLE}").fetchall()
    except duckdb.CatalogException:
        raise DealerLimitsError(f"the warehouse has no table {_TABLE}: run `dbt build` first") from None
    return {name: json.loads(value) for name, value in rows}


def _fits(name: str, value: Any, default: Any) -> bool:
    match default:
        case list():
            of_kind = isinstance(value, list) and value and all(_fits(name, one, default[0]) for one in value)
            if not of_kind or (name in _BESIDES and not {*default} <= {*value}):
                return False
            return name not in _BOUNDS or (len(value) == 2 and value[0] < value[1])
        case dict():
            of_kind = isinstance(value, dict) and all(_fits(name, one, _of(default)) for one in value.values())
            return of_kind and (not default or value.keys() == default.keys())
        case str() if _DAY.fullmatch(default):
            return type(value) is date or (isinstance(value, str) and _is_day(value))
        case str():
            return isinstance(value, str) and value in WORDS.get(name, (value,))
        case int() if not name.endswith(("_usd", "_pct")):
            return type(value) is int and value >= _least(name)
    return type(value) in (int, float) and math.isfinite(value)


def _expected(name: str, default: Any) -> str:
    match default:
        case list() if name in _BOUNDS:
            words = "two numbers, the lower first"
        case list():
            besides = ", the default ones among them" if name in _BESIDES else ""
            words = f"a list, each of it {_expected(name, default[0]).partition(', as')[0]}{besides}"
        case dict() if default:
            words = f"{_expected(name, _of(default)).partition(', as')[0]} for each of {', '.join(default)}"
        case dict():
            return "numbers by name"
        case str() if name in WORDS:
            return f"one of {', '.join(WORDS[name])}"
        case str():
            words = "a day" if _DAY.fullmatch(default) else "text"
        case int() if not name.endswith(("_usd", "_pct")):
            words = f"a whole number from {_least(name)} on"
        case _:
            words = "a number"
    return f"{words}, as {json.dumps(default, ensure_ascii=False)}"


def _of(default: dict[str, Any]) -> Any:
    """What stands for a name in a mapping."""
    return next(iter(default.values()), 0.0)


def _least(name: str) -> int:
    return 0 if "seconds" in name or "hours" in name else 1


def _is_day(text: str) -> bool:
    try:
        return bool(_DAY.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False
