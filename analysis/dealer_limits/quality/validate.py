"""Great Expectations on data frames: counts in, counts out, never a value."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from dealer_limits.errors import DealerLimitsError
from dealer_limits.quality.suites import CRITICAL, ROW_COUNT, Rule, Suite


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
    """Check a frame, as `suite.query` reads it, against the rules of a suite.

    Raises DealerLimitsError where a rule cannot be evaluated, such as on a column of another type.
    """
    batches = _batches()
    import great_expectations as gx

    expectations = [
        getattr(gx.expectations, rule.expectation)(
            **rule.arguments, severity=rule.severity, description=rule.meaning, meta={"position": position}
        )
        for position, rule in enumerate(suite.rules)
    ]
    outcome = batches.get_batch({"dataframe": frame}).validate(
        gx.ExpectationSuite(name=suite.name, expectations=expectations),
        # of the format's counts and samples of values, only the counts
        result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
    )
    # Great Expectations answers in an order of its own
    by_position = {result.expectation_config.meta["position"]: result for result in outcome.results}
    verdicts = tuple(
        _verdict(suite, rule, by_position[position].success, by_position[position].result, len(frame))
        for position, rule in enumerate(suite.rules)
    )
    rows = int(frame[ROW_COUNT].sum()) if suite.grouped else len(frame)
    return SuiteResult(suite, rows, len(frame), verdicts)


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
def _batches() -> Any:
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
