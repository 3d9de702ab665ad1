"""Great Expectations on data frames: counts in, counts out, never a value."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import pandas as pd

from dealer_limits.errors import DealerLimitsError
from dealer_limits.quality.suites import CRITICAL, NONE, ROW_COUNT, Rule, Suite


@dataclass(frozen=True)
class Verdict:
    """What became of a rule: units checked and units that violate it.

    Nulls are not checked, except by rules about nulls. `violating` is None for a rule about the whole table.
    """

    rule: Rule
    checked: int
    violating: int | None
    passed: bool


@dataclass(frozen=True)
class SuiteResult:
    """The verdicts on a suite, in the order of its rules.

    `units` were read, which stand for `rows` of the table: more than one each where the suite is grouped.
    """

    suite: Suite
    rows: int
    units: int
    verdicts: tuple[Verdict, ...]

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """Critical rules that are violated."""
        return tuple(v for v in self.verdicts if not v.passed and v.rule.severity == CRITICAL)

    @property
    def warned(self) -> tuple[Verdict, ...]:
        """Violated rules that only warn."""
        return tuple(v for v in self.verdicts if not v.passed and v.rule.severity != CRITICAL)


def validate(suite: Suite, frame: pd.DataFrame) -> SuiteResult:
    """Check a frame, as `suite.query` reads it, against the rules of a suite; see `validate_all`."""
    return validate_all([(suite, frame)])[0]


def validate_all(read: Sequence[tuple[Suite, pd.DataFrame]]) -> list[SuiteResult]:
    """Check frames, each as the `query` of its suite reads it, against the rules of the suites.

    Raises DealerLimitsError where a rule cannot be evaluated, such as on a column of another type.
    """
    found = _when_all_are_none(read) or [(_when_all_are_none([each]) or [{}])[0] for each in read]
    results = []
    for (suite, frame), verdicts in zip(read, found, strict=True):
        left = {position: rule for position, rule in enumerate(suite.rules) if position not in verdicts}
        for position, result in _ask(suite.name, left, frame).items():
            verdicts[position] = _verdict(suite, suite.rules[position], result.success, result.result, len(frame))
        rows = int(frame[ROW_COUNT].sum()) if suite.grouped else len(frame)
        in_order = tuple(verdicts[position] for position in range(len(suite.rules)))
        results.append(SuiteResult(suite, rows, len(frame), in_order))
    return results


def _when_all_are_none(read: Sequence[tuple[Suite, pd.DataFrame]]) -> list[dict[int, Verdict]] | None:
    """Verdicts, by suite and position, on the counts in frames of one row that have to be zero, where all are.

    Contracts are hundreds of them, and an expectation takes as long on one value as on thousands: they are one
    column of one expectation. Where any is not zero, there is no verdict on any.
    """
    rules = [
        {position: rule for position, rule in enumerate(suite.rules) if rule.is_none and len(frame) == 1}
        for suite, frame in read
    ]
    values = [
        frame[column].iloc[0]
        for (_, frame), of_suite in zip(read, rules, strict=True)
        for rule in of_suite.values()
        for column in rule.columns
    ]
    if len(values) < 2:
        return None
    some = next(rule for of_suite in rules for rule in of_suite.values())
    all_none = replace(some, arguments={"column": "count", **NONE})
    result = _ask("counts", {0: all_none}, pd.DataFrame({"count": values}))[0]
    if not result.success or result.result.get("missing_count"):
        return None
    return [{position: Verdict(rule, 1, 0, True) for position, rule in of_suite.items()} for of_suite in rules]


def _ask(name: str, rules: Mapping[int, Rule], frame: pd.DataFrame) -> dict[int, Any]:
    """What Great Expectations finds of each rule, by position; it answers in an order of its own."""
    if not rules:
        return {}
    context = batches()
    import great_expectations as gx

    expectations = [
        getattr(gx.expectations, rule.expectation)(
            **rule.arguments, severity=rule.severity, description=rule.meaning, meta={"position": position}
        )
        for position, rule in rules.items()
    ]
    outcome = context.get_batch({"dataframe": frame}).validate(
        gx.ExpectationSuite(name=name, expectations=expectations),
        # of the format's counts and samples of values, only the counts
        result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
    )
    return {result.expectation_config.meta["position"]: result for result in outcome.results}


def _verdict(suite: Suite, rule: Rule, success: bool, counts: dict, units: int) -> Verdict:
    if not counts:
        # the reason that Great Expectations gives may quote values
        raise DealerLimitsError(
            f"{rule.expectation} cannot be evaluated on {', '.join(rule.columns) or 'the rows'} "
            f"of {suite.table}: is it of another type?"
        )
    if "unexpected_count" not in counts:
        return Verdict(rule, units, None, bool(success))
    checked = counts["element_count"] - counts.get("missing_count", 0)
    return Verdict(rule, int(checked), int(counts["unexpected_count"]), bool(success))


@lru_cache(maxsize=1)
def batches() -> Any:
    """Whole data frames as batches, in a context that lives in memory and sends nothing."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
        store_backend_defaults=InMemoryStoreBackendDefaults(),
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    asset = context.data_sources.add_pandas("warehouse").add_dataframe_asset("selection")
    return asset.add_batch_definition_whole_dataframe("all rows")
