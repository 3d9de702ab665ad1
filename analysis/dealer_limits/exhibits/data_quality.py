"""Tables of the report on the data: the checks' verdicts, and how good the SOMA match is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd

from dealer_limits.exhibits.tables import frame_html
from dealer_limits.quality.match_quality import STATISTICS


@dataclass(frozen=True)
class Warnings:
    """What warned and stopped nothing: violated rules of severity warning, and warnings of gates."""

    rules: int
    gates: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.rules + self.gates

    @property
    def sentence(self) -> str:
        """Such as `1 of rules, 3 of gates`."""
        return f"{self.rules:,} of rules, {self.gates:,} of gates"


def count_warnings(checks: Mapping[str, Any] | None, gates: pd.DataFrame | None) -> Warnings:
    """Warnings of the record that the checks write and of the gates, none of what has not been run."""
    rules = [rule for suite in (checks or {"suites": []})["suites"] for rule in suite["rules"]]
    return Warnings(
        rules=sum(not rule["passed"] and rule["severity"] == "warning" for rule in rules),
        gates=0 if gates is None else int(gates["warnings"].sum()),
    )


def checks_table(checks: Mapping[str, Any] | None) -> str:
    """A row per suite of the record that the checks write; empty where they have not been run."""
    if checks is None:
        return ""
    rows = []
    for suite in checks["suites"]:
        broken = [rule for rule in suite["rules"] if not rule["passed"]]
        warnings = sum(rule["severity"] == "warning" for rule in broken)
        verdict = "✗ failed" if len(broken) > warnings else "! warning" if warnings else "✓ passed"
        rows.append(
            {
                "Suite": suite["suite"],
                "table": f"<code>{suite['table']}</code>",
                "rows": f"{suite['rows']:,}",
                "rules": str(len(suite["rules"])),
                "violated": str(len(broken)),
                "verdict": verdict,
            }
        )
    return frame_html(pd.DataFrame(rows), "checks_table", ["rows", "rules", "violated"], raw=["table"])


def read_gates(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame | None:
    """A row per gate that warned when the build was published; None of a warehouse without gates."""
    try:
        return connection.execute(
            """
            select qc.gate, gates.measures, count(*) as warnings, gates.expected, gates.warns_beyond,
                case max(gates.expected) when 'at most' then max(qc.measured) else min(qc.measured) end
                    as worst
            from quality.qc_gates as qc
            inner join seeds.gates as gates on qc.gate = gates.gate
            where qc.verdict <> 'ok'
            group by all
            order by qc.gate
            """
        ).df()
    except duckdb.CatalogException:
        return None


def gates_table(gates: pd.DataFrame | None) -> str:
    """What is odd in the data and yet published: measures and bounds, no firm, desk or value of a row."""
    if gates is None or gates.empty:
        return ""
    rows = [
        {
            "Gate": gate.gate.replace("_", " "),
            "what is measured": gate.measures,
            "warnings": f"{gate.warnings:,}",
            "worst": f"{gate.worst:g}",
            "expected": gate.expected + ("" if pd.isna(gate.warns_beyond) else f" {gate.warns_beyond:g}"),
        }
        for gate in gates.itertuples()
    ]
    return frame_html(pd.DataFrame(rows), "gates_table", ["warnings", "worst"])


# Appendix B: what is matched, and the share of awards, the paper's "roughly"
MATCH_KINDS = {
    "equal": ("level 1: one trade of the same size, close in time", 25),
    "lone": ("level 2: one trade of the same size at another time; printed with those below", None),
    "exact": ("level 2: trades that add up to the award", 37),
    "partial": ("level 2: trades that add up to less", 30),
    "by_price": ("level 3: from the highest price down", 7),
    "none": ("not matched", None),
}


def read_match_levels(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Awards by matching rule and kind of match."""
    return connection.execute("select matching_rule, match_kind, awards, awards_pct from quality.qc_match_levels").df()


def levels_table(levels: pd.DataFrame) -> str:
    """Share of awards by kind of match under both rules beside the paper's."""
    values = levels.set_index(["matching_rule", "match_kind"])
    rows = []
    for kind, (meaning, printed_pct) in MATCH_KINDS.items():
        row = {"Match": kind.replace("_", " "), "what is matched": meaning}
        for rule in sorted(levels["matching_rule"].unique()):
            has_awards = (rule, kind) in values.index
            row[f"{rule.replace('_', ' ')}, awards"] = (
                f"{values.loc[(rule, kind), 'awards']:,.0f}" if has_awards else "0"
            )
            row[f"{rule.replace('_', ' ')}, %"] = (
                f"{values.loc[(rule, kind), 'awards_pct']:.1f}" if has_awards else "0.0"
            )
        row["printed, %"] = "" if printed_pct is None else str(printed_pct)
        rows.append(row)
    frame = pd.DataFrame(rows)
    return frame_html(frame, "match_levels_table", list(frame.columns[2:]))


def match_tables(quality: pd.DataFrame | None) -> list[tuple[str, str, str]]:
    """Per matching rule: its name, a table by kind of match, and a sentence on dealer-days.

    `quality` is what `show_match_quality` writes; without it the list is empty.
    """
    if quality is None:
        return []
    forms = {"awards": ",.0f"} | STATISTICS
    tables = []
    for rule, of_rule in quality.groupby("matching_rule"):
        values = of_rule.set_index(["match_kind", "statistic"])["value"]
        rows = [
            {
                "Match": kind.replace("_", " "),
                **{
                    name.replace("_pct", ", %").replace("_", " "): format(values[kind, name], form)
                    if (kind, name) in values
                    else ""
                    for name, form in forms.items()
                },
            }
            for kind in (*MATCH_KINDS, "all")
            if (kind, "awards") in values
        ]
        frame = pd.DataFrame(rows)
        html = frame_html(frame, f"match_quality_{rule}", list(frame.columns[1:]))
        tables.append((rule.replace("_", " "), html, _dealer_days(values["all"])))
    return tables


def _dealer_days(of_all: pd.Series) -> str:
    days = (
        f"{of_all['dealer_days_both']:,.0f} dealer-days with both, "
        f"{of_all['dealer_days_true_only']:,.0f} with true sales only, "
        f"{of_all['dealer_days_matched_only']:,.0f} with matched sales only."
    )
    if "slope" not in of_all:
        return days
    return (
        "Log matched on log true sales of a dealer-day: "
        f"slope {of_all['slope']:.3f} ({of_all['slope_se']:.3f}), R² {of_all['r2']:.3f}; {days}"
    )
