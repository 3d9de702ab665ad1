"""One tree of models for every engine: what engines write differently stands in macros/<engine>/ alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workspace import ROOT

ENGINES = sorted(folder.name for folder in (ROOT / "macros").iterdir() if folder.is_dir())
MODELS = sorted((ROOT / "models").rglob("*.sql"))
SHARED = [*MODELS, *sorted((ROOT / "macros").glob("*.sql")), *sorted((ROOT / "tests").rglob("*.sql"))]

# Spark refuses these or, worse, reads them in another way
NOT_PORTABLE = {
    "varchar without a length": r"\bvarchar\b(?!\s*\()",
    "cast by colons": r"::",
    "a quoted column, which Spark reads as text": r'"\w+"',
    "a comma before from": r",\s*\bfrom\b",
    "a day of the week": r"\bisodow\b",
    "a list": r"(?<![\w\])])\[",
    "unnest": r"\bunnest\b",
    "a lambda": r"\blambda\b|->",
    "an asof join": r"\basof\b",
    "whole division": r"//",
    "an aggregate of a list": r"\b(list|array_agg|list_\w+|string_agg)\s*\(",
    "a format of times": r"\b(try_)?str[fp]time\b|\bepoch\w*",
    "a reader of files": r"\bread_\w+",
    "a struct": r"\bstruct_\w+",
    "every column but": r"\bexclude\b|\bcolumns\s*\(",
    "a series": r"\bgenerate_series\b|\brange\s*\(",
    "a recursion by key": r"\busing\s+key\b",
    "a pattern": r"\bregexp_\w+",
    "a difference of times": r"\bdate_?diff\b",
    "an aggregate's order by another name": r"\barg_(min|max)\b",
}


def sql_of(path: Path) -> str:
    """What stands in a model itself: no comments, no Jinja, no text literals."""
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|--[^\n]*", " ", path.read_text(encoding="utf-8"), flags=re.S)
    return re.sub(r"'[^']*'", "''", re.sub(r"\{\{.*?\}\}", " x ", text, flags=re.S))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_model_and_no_shared_macro_names_an_engine() -> None:
    words = re.compile(rf"\b({'|'.join([*ENGINES, 'spark'])})(__|\b)|\btarget\.(type|name)\b|\badapter\.type\b", re.I)

    naming = [named(path) for path in SHARED if words.search(path.read_text(encoding="utf-8"))]

    assert naming == []


@pytest.mark.parametrize("form", NOT_PORTABLE)
def test_models_have_no_form_that_another_engine_reads_otherwise(form: str) -> None:
    having = [named(path) for path in MODELS if re.search(NOT_PORTABLE[form], sql_of(path), re.I)]

    assert having == []


@pytest.mark.parametrize("engine", ENGINES)
def test_every_form_of_an_engine_is_asked_for_by_a_shared_macro(engine: str) -> None:
    asked = set()
    for path in (ROOT / "macros").glob("*.sql"):
        asked |= set(re.findall(r"adapter\.dispatch\('(\w+)'\)", path.read_text(encoding="utf-8")))
    forms = set()
    for path in (ROOT / "macros" / engine).glob("*.sql"):
        forms |= set(re.findall(rf"macro {engine}__(\w+)\(", path.read_text(encoding="utf-8")))

    assert forms <= asked
