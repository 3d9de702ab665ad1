"""What is significant with other errors: tables of the report on inference, instruments and the many choices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import pandas as pd

from dealer_limits.estimation.inference import LEVEL
from dealer_limits.estimation.instruments import RECOMMENDED_SET, SETS
from dealer_limits.exhibits.credibility import number, share_range
from dealer_limits.exhibits.definitions import Definitions
from dealer_limits.exhibits.tables import frame_html

_KEYS = ["table", "panel", "column", "term"]
_VERDICTS = {
    "after_holm": '<span class="pass">✓ yes</span>',
    "alone": '<span class="warn">! alone, not after Holm</span>',
    "lost": '<span class="fail">✗ no</span>',
    "gained": '<span class="soft">only with these</span>',
    "never": '<span class="soft">·</span>',
}
# effective F of the instruments, by how the first stage is clustered
_STRENGTHS = {
    "effective_f": "by firm",
    "effective_f_jackknife_firm": "jackknife by firm",
    "effective_f_firm_x_day": "by firm-day",
}
_MARKED = {
    "weak": '<span class="fail">✗ weak</span>',
    "marginal": '<span class="warn">! marginal</span>',
    "strong": '<span class="pass">✓ strong</span>',
}


@dataclass(frozen=True)
class OtherErrors:
    """The section: counts of coefficients, a table by table of the paper, and a table per table in full.

    `tables` are (identity, title, what happens in it, HTML). `lost` lists the results that are not significant with
    other errors, `alone` those that are, but not after Holm's correction. `in_null` says how often the tests of those
    that are reject where there is no effect, `null_share` on average ("not measured" where for none).
    """

    coefficients: int
    significant: int
    significant_too: int
    after_holm: int
    in_null: str
    null_share: str
    overview: str
    lost: str
    alone: str
    tables: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True)
class Instruments:
    """Under an instrumented table: a warning ("" where all instruments are strong) and tests per column."""

    warning: str
    table: str


def make_other_errors(
    definitions: Definitions, summary: pd.DataFrame | None, inference: pd.DataFrame | None
) -> OtherErrors | None:
    """Lay out the two files of `dealer-limits inference`; None where one is not there."""
    if summary is None or inference is None:
        return None
    verdicts = summary.assign(verdict=[_verdict(row) for row in summary.to_dict("records")])
    labels = dict(zip(inference["covariance"], inference["label"], strict=True))
    counts = verdicts["verdict"].value_counts()
    is_significant = verdicts["verdict"].isin(["after_holm", "alone", "lost"])
    too = verdicts[verdicts["verdict"].isin(["after_holm", "alone"])]
    return OtherErrors(
        coefficients=len(verdicts),
        significant=int(is_significant.sum()),
        significant_too=len(too),
        after_holm=int(counts.get("after_holm", 0)),
        in_null=_in_null(too),
        null_share=_null_share(too["null_rejection"].mean()),
        overview=_overview(definitions, verdicts, labels),
        lost=_results(definitions, verdicts[verdicts["verdict"] == "lost"], "lost_table"),
        alone=_results(definitions, verdicts[verdicts["verdict"] == "alone"], "alone_table"),
        tables=tuple(
            _table(definitions, str(table), of_table, inference[inference["table"] == table], labels)
            for table, of_table in verdicts.groupby("table", sort=False)
        ),
    )


def same_estimates(summary: pd.DataFrame, estimates: Mapping[tuple[str, str, str, str, str], float]) -> bool:
    """Whether the coefficients beside which errors stand are those of the page, to five digits."""
    pairs = [
        (coef, estimates[(*key, "coef")])
        for *key, coef in summary[[*_KEYS, "coef"]].itertuples(index=False, name=None)
        if (*key, "coef") in estimates
    ]
    return all(math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-7) for one, other in pairs)


def make_instruments(tests: pd.DataFrame | None, table: str) -> Instruments | None:
    """Tests of a table's instruments: strength, sets that hold whatever the strength, J, both stages."""
    of_table = None if tests is None else tests[tests["table"] == table]
    if of_table is None or of_table.empty:
        return None
    columns = list(dict.fromkeys(of_table["column"]))
    values = of_table.set_index(["column", "term", "statistic"])["value"]
    texts = of_table.set_index(["column", "term", "statistic"])["text"]

    def line(label: str, cells: list[str]) -> dict[str, str]:
        return {"Column": label, **{f"({name})": cell for name, cell in zip(columns, cells, strict=True)}}

    def each(statistic: str, form: str, term: str = "") -> list[str]:
        found = [values.get((name, term, statistic), math.nan) for name in columns]
        return ["" if value != value else format(value, form).replace("-", "−") for value in found]

    def p_values(statistic: str) -> list[str]:
        return [_p_value(values.get((name, "", statistic), math.nan)) for name in columns]

    words = {
        name: next((word for word in ("weak", "marginal") if values.get((name, "", word), 0.0)), "strong")
        for name in columns
        if (name, "", "weak") in values
    }
    rows = [
        *(
            made
            for kind, label in _STRENGTHS.items()
            for made in (
                line(f"Effective F, {label}", each(kind, ".1f")),
                line("needed for a bias under 10% of the worst", each(f"{kind}_critical", ".1f")),
            )
        ),
        line("instruments", [_MARKED.get(words.get(name, ""), "") for name in columns]),
        *(
            made
            for kind, label in SETS.items()
            if f"{kind}_p" in set(of_table["statistic"])
            for made in (
                line(
                    f"{label}: 95% set",
                    [_set(values, name, kind, str(texts.get((name, "", f"{kind}_bounded"), ""))) for name in columns],
                ),
                line(f"{label}: p of no effect", p_values(f"{kind}_p")),
            )
        ),
        line("Hansen J, by firm", each("hansen_j", ".2f")),
        line("p of J", p_values("hansen_j_p")),
    ]
    for stage, title in (("first_stage", "first stage"), ("reduced_form", "reduced form")):
        for term in dict.fromkeys(of_table.loc[of_table["statistic"] == f"{stage}_coef", "term"]):
            rows.append(line(f"{title}: {term.replace('_', ' ')}", each(f"{stage}_coef", ".3f", term)))
            errors = each(f"{stage}_se", ".3f", term)
            rows.append(line("", [f"({error})" if error else "" for error in errors]))
    rows.append(line("firms (clusters)", each("firms", ",.0f")))
    rows.append(line("firm-days", each("firm_days", ",.0f")))
    frame = pd.DataFrame(rows)
    names = list(frame.columns[1:])
    return Instruments(
        warning=_warning(values, words, columns), table=frame_html(frame, "instruments_table", names, raw=names)
    )


def curve_lines(points: pd.DataFrame, labels: Mapping[str, str]) -> tuple[str, ...]:
    """What the specification curve shows, in a line per covariance: signs, and how many are significant."""
    lines = []
    for covariance, rows in points.groupby("covariance", sort=False):
        significant = rows["p"] < LEVEL
        below, above = rows["coef"] < 0, rows["coef"] > 0
        lines.append(
            f"{labels.get(covariance, covariance)}: of {len(rows)} estimates {below.sum()} are negative, "
            f"{(significant & below).sum()} significantly at 5%; {(significant & above).sum()} are "
            "significantly positive."
        )
    return tuple(lines)


def _verdict(row: dict[str, object]) -> str:
    if pd.isna(row["significant_too"]):
        return "gained" if row["p"] < LEVEL else "never"
    if not row["significant_too"]:
        return "lost"
    return "after_holm" if row["significant_too_holm"] else "alone"


def _overview(definitions: Definitions, verdicts: pd.DataFrame, labels: Mapping[str, str]) -> str:
    titles = {table.number: table.title for table in definitions.tables}
    rows = []
    for table, of_table in verdicts.groupby("table", sort=False):
        counts = of_table["verdict"].value_counts()
        kept, alone, lost = (int(counts.get(name, 0)) for name in ("after_holm", "alone", "lost"))
        recommended = ", ".join(labels.get(name, name) for name in dict.fromkeys(of_table["recommended"]))
        rows.append(
            {
                "Table": f'<a href="#errors_{escape(str(table))}">{escape(str(table))}</a> '
                f"{escape(titles.get(str(table), ''))}",
                "coefficients": str(len(of_table)),
                "significant, paper’s errors": str(kept + alone + lost),
                "with other errors": str(kept + alone),
                "also after Holm": str(kept),
                "lost": str(lost) if lost else "·",
                "significant only with these": str(int(counts.get("gained", 0)) or "·"),
                "rejects in null, paper’s errors": _null_range(of_table["null_rejection_paper"]),
                "rejects in null, other errors": _null_range(of_table["null_rejection"]),
                "other errors": escape(recommended),
            }
        )
    frame = pd.DataFrame(rows)
    return frame_html(frame, "errors_overview", list(frame.columns[1:-1]), raw=["Table"])


def _results(definitions: Definitions, rows: pd.DataFrame, identity: str) -> str:
    """A row per coefficient: where it stands, both errors with their stars, p-values."""
    if rows.empty:
        return ""
    frame = pd.DataFrame(
        [
            {
                "Result": f"{row['table']}{_in_parentheses(row['panel'])}, column {row['column']}: "
                f"{_term(definitions, row)}",
                "coef": number(row["coef"]),
                "printed": "*" * _whole(row["printed_stars"]),
                "paper’s errors": _error(row["se_paper"], row["stars_paper"]),
                "recommended": _error(row["se"], row["stars"]),
                "p": _p_value(row["p"]),
                "p, Holm": _p_value(row["p_holm"]),
                "rejects in null": _null_share(row["null_rejection"]),
            }
            for row in rows.to_dict("records")
        ]
    )
    names = list(frame.columns[1:])
    return frame_html(frame, identity, names, raw=names)


def _table(
    definitions: Definitions, table: str, verdicts: pd.DataFrame, inference: pd.DataFrame, labels: Mapping[str, str]
) -> tuple[str, str, str, str]:
    """A row per coefficient: the paper's errors, the recommended ones, what they find in null, all others."""
    found = {
        (*key, covariance): row
        for row in inference.to_dict("records")
        for key, covariance in [(tuple(row[name] for name in _KEYS), row["covariance"])]
    }
    paper = inference["covariance"].iloc[0]
    shown_already = {paper, *verdicts["recommended"]}
    others = [name for name in dict.fromkeys(inference["covariance"]) if name not in shown_already]
    recommended = ", ".join(labels.get(name, name) for name in dict.fromkeys(verdicts["recommended"]))
    lines = []
    for row in verdicts.to_dict("records"):
        key = tuple(row[name] for name in _KEYS)
        place = f"{_in_parentheses(row['panel'])} {row['column']}".strip()
        lines.append(
            {
                "Coefficient": f"{place} {_term(definitions, row)}",
                "ours|ours": number(row["coef"]),
                "ours|printed stars": "*" * _whole(row["printed_stars"]),
                "paper|se": _error(row["se_paper"], row["stars_paper"]),
                "safe|se": _error(row["se"], row["stars"]),
                "safe|95% interval": f"{_end(row['ci_low'])} to {_end(row['ci_high'])}",
                "safe|Holm p": _p_value(row["p_holm"]),
                "safe|Romano–Wolf p": _p_value(_romano_wolf(found, key, row["recommended"])),
                "safe|significant too": _VERDICTS[row["verdict"]],
                "safe|rejects in null": _null_share(row["null_rejection"]),
                **{
                    f"other|{labels.get(name, name)}": _error(
                        found.get((*key, name), {}).get("se", math.nan), found.get((*key, name), {}).get("stars", 0)
                    )
                    for name in others
                },
            }
        )
    frame = pd.DataFrame(lines)
    groups = {
        "ours": "coefficient",
        "paper": labels.get(paper, paper),
        "safe": f"{recommended} (recommended)",
        "other": "other errors",
    }
    spanners = {
        title: [name for name in frame if name.startswith(f"{group}|")]
        for group, title in groups.items()
        if any(name.startswith(f"{group}|") for name in frame)
    }
    numeric = [name for name in frame.columns[1:] if not name.endswith("significant too")]
    html = frame_html(frame, f"errors_{table}_table", numeric, raw=list(frame.columns[1:]), spanners=spanners)
    counts = verdicts["verdict"].value_counts()
    alone, kept, lost = (int(counts.get(name, 0)) for name in ("alone", "after_holm", "lost"))
    significant = alone + kept + lost
    sentence = (
        f"{alone + kept} of {significant} significant results are so with other errors, {kept} also after Holm"
        if significant
        else "no coefficient is significant with the paper’s errors"
    )
    return f"errors_{table}", f"Table {table}", sentence, html


def _in_null(too: pd.DataFrame) -> str:
    """How often the tests of results that are significant with other errors reject where there is nothing to find."""
    measured = too[too["null_rejection"].notna()]
    if measured.empty:
        return "How often these tests reject in the world null, where limits change nothing, has not been measured."
    left = len(too) - len(measured)
    rest = f" For the other {left} that has not been measured." if left else ""
    worlds = " or ".join(f"{count:.0f}" for count in sorted(set(measured["null_worlds"])))
    return (
        "In the world null, where limits change nothing, the same test with the same errors rejects in "
        f"{_null_range(measured['null_rejection'])} of {worlds} worlds for "
        f"{len(measured)} of these {len(too)}, {measured['null_rejection'].mean():.0%} on average.{rest}"
    )


def _null_range(shares: pd.Series) -> str:
    return share_range(shares) or "not measured"


def _null_share(share: float) -> str:
    return "not measured" if share != share else f"{share:.0%}"


def _romano_wolf(found: Mapping[tuple[str, ...], Mapping[str, float]], key: tuple[str, ...], recommended: str) -> float:
    """Of the recommended errors where they have joint draws, else of the widest clusters that have some."""
    own = found.get((*key, recommended), {}).get("p_romano_wolf", math.nan)
    if own == own:
        return own
    drawn = [row["p_romano_wolf"] for place, row in found.items() if place[:-1] == key]
    return next((value for value in reversed(drawn) if value == value), math.nan)


def _in_parentheses(panel: str) -> str:
    return f"({panel})" if panel else ""


def _term(definitions: Definitions, row: Mapping[str, str]) -> str:
    return definitions.term(row["table"], row["term"])


def _error(value: float, stars: float) -> str:
    if value != value:
        return ""
    return f"<span>({value:.3f})<b>{'*' * _whole(stars)}</b></span>"


def _p_value(value: float) -> str:
    if value != value:
        return ""
    return "&lt;0.001" if value < 0.0005 else f"{value:.3f}"


def _end(value: float) -> str:
    if math.isinf(value):
        return "−∞" if value < 0 else "∞"
    return number(value)


def _whole(value: float) -> int:
    return 0 if value != value else int(value)


def _set(values: pd.Series, column: str, kind: str, text: str) -> str:
    """An Anderson-Rubin set, with a word on what has no end."""
    intervals = []
    while (column, "", f"{kind}_low_{len(intervals) + 1}") in values:
        place = len(intervals) + 1
        low, high = (values[column, "", f"{kind}_{end}_{place}"] for end in ("low", "high"))
        intervals.append(f"{_end(low)} to {_end(high)}")
    if not intervals:
        return escape(text)
    bounded = bool(values.get((column, "", f"{kind}_bounded"), 1.0))
    written = "<br>or ".join(intervals)
    return written if bounded else f'{written}<br><span class="fail">unbounded</span>'


def _warning(values: pd.Series, words: Mapping[str, str], columns: list[str]) -> str:
    doubtful = [name for name, word in words.items() if word != "strong"]
    if not doubtful:
        return ""
    said = " and ".join(word for word in ("weak", "marginal") if word in words.values())
    safe = f"{RECOMMENDED_SET}_bounded"
    unbounded = [name for name in columns if values.get((name, "", safe), 1.0) == 0.0]
    ending = (
        f" The set has no bound in {_columns(unbounded)}: there the data do not say how large the effect is."
        if unbounded
        else ""
    )
    where = "all columns" if doubtful == columns else _columns(doubtful)
    clustered, jackknife = (
        f"{_span(values, doubtful, kind)} where {_span(values, doubtful, f'{kind}_critical')} is needed"
        for kind in ("effective_f", "effective_f_jackknife_firm")
    )
    trust = (
        "Estimates, errors and stars of the table are not to be relied on"
        if "weak" in words.values()
        else "Estimates, errors and stars of the table may be relied on or not: so few firms do not say"
    )
    return (
        f"{said.capitalize()} instruments in {where}: effective F by firm of {clustered}, by the jackknife of "
        f"{jackknife}, for a bias under 10% of the worst. {trust}. The Anderson–Rubin sets need no strong instruments, "
        f"the jackknife’s no independent firm-days either.{ending}"
    )


def _span(values: pd.Series, columns: list[str], statistic: str) -> str:
    found = sorted({f"{values[name, '', statistic]:.1f}" for name in columns}, key=float)
    return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"


def _columns(names: list[str]) -> str:
    return f"column{'s' if len(names) > 1 else ''} {', '.join(names)}"
