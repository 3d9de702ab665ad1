"""Files that other commands write for the report: which columns each has, and how they are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dealer_limits.errors import DealerLimitsError

_KEYS = ("table", "panel", "column")
_TEXT = (*_KEYS, "term", "covariance", "label", "recommended", "outcome", "question", "statistic", "text")


@dataclass(frozen=True)
class ResultFile:
    """A CSV or Parquet file among the results, the command that writes it, and the columns that are read."""

    name: str
    command: str
    columns: tuple[str, ...]


DIAGNOSTICS = ResultFile(
    "diagnostics.csv",
    "diagnostics",
    ("outcome", "horizon", "coef", "se", "critical_95", "rejects", "is_corrected", "question", "is_tested"),
)
INFERENCE = ResultFile(
    "inference.parquet", "inference", (*_KEYS, "term", "covariance", "label", "se", "stars", "p_romano_wolf")
)
SUMMARY = ResultFile(
    "inference_summary.parquet",
    "inference",
    (
        *_KEYS,
        "term",
        "coef",
        "se_paper",
        "stars_paper",
        "recommended",
        "se",
        "p",
        "stars",
        "ci_low",
        "ci_high",
        "p_holm",
        "printed_stars",
        "significant_too",
        "significant_too_holm",
        "null_rejection_paper",
        "null_rejection",
        "null_worlds",
    ),
)
INSTRUMENTS = ResultFile("instruments.parquet", "inference", ("table", "column", "term", "statistic", "value", "text"))
CURVE = ResultFile("figures/specification_curve.parquet", "inference", ("covariance", "coef", "p"))
LIMIT_EVENTS = ResultFile(
    "limit_events.csv",
    "estimate",
    ("panel", "column", "outcome", "kind", "day", "coef", "se", "p", "ci_low", "ci_high", "events", "firms", "text"),
)
OVER_TIME = ResultFile(
    "shadow_cost_over_time.csv",
    "estimate",
    ("period_kind", "period", "shadow_cost", "se", "ci_low", "ci_high", "relief_pct", "purchases_pct", "text"),
)
REACTION = ResultFile(
    "reaction.csv", "diagnostics", ("kind", "name", "horizon", "estimate", "se", "ci_low", "ci_high", "coefficient")
)
RULES = ResultFile(
    "rules.parquet",
    "rules",
    (
        *_KEYS,
        "term",
        "variable",
        "reading",
        "other_reading",
        "coef",
        "se",
        "nobs",
        "other_coef",
        "other_se",
        "other_nobs",
        "is_shown",
    ),
)
IMPUTED = ResultFile(
    "imputed.parquet",
    "match-weights",
    (*_KEYS, "term", "coef", "se", "imputed_coef", "imputed_se", "imputed_p", "df", "missing", "draws"),
)
IMPUTED_FIGURE_5 = ResultFile("figure_5_imputed.parquet", "match-weights", ("usage_group", "business_date"))
MATCH_WEIGHTS = ResultFile(
    "match_weights.csv", "match-weights", ("match_kind", "awards", "most_likely_weight", "none_weight", "same_kind_pct")
)
MATCH_RELIABILITY = ResultFile(
    "match_reliability.csv", "match-weights", ("of", "low", "high", "count", "mean_weight", "share_right", "se")
)
MATCH_PRECISION = ResultFile("match_precision.csv", "match-weights", ("match_kind", "awards"))


def read_result(folder: Path, file: ResultFile) -> pd.DataFrame | None:
    """The rows of a file, missing text as ""; None where the file is not there.

    Raises DealerLimitsError where the file cannot be read, has no rows or lacks a column.
    """
    path = folder / file.name
    if not path.is_file():
        return None
    again = f"run `dealer-limits {file.command}` again"
    try:
        if path.suffix == ".parquet":
            rows = pd.read_parquet(path)
        else:
            rows = pd.read_csv(path, dtype=dict.fromkeys(_TEXT, str), keep_default_na=True)
    except (ValueError, OSError) as error:
        raise DealerLimitsError(f"{path} cannot be read ({str(error).splitlines()[0]}): {again}") from error
    missing = [name for name in file.columns if name not in rows]
    if missing:
        raise DealerLimitsError(f"{path} has no column {', '.join(missing)}: {again}")
    if rows.empty and file not in (INSTRUMENTS, OVER_TIME):
        raise DealerLimitsError(f"{path} has no rows: {again}")
    texts = [name for name in _TEXT if name in rows]
    return rows.assign(**{name: rows[name].fillna("").astype(str) for name in texts})
