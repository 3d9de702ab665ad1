"""What the commands on inference and diagnostics write, made up: each verdict once, in known places."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection
from itertools import product
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from conftest import made_once
from dealer_limits.estimation.inference import Inference, summarise
from dealer_limits.estimation.known_worlds import NULL_COLUMNS
from dealer_limits.estimation.panel import stars
from dealer_limits.estimation.rules import KEY, draw_rules
from dealer_limits.estimation.specification_curve import CHOICES, Point, draw_curve
from dealer_limits.estimation.specifications import load_registry
from dealer_limits.provenance import sentence_on
from dealer_limits.warehouse import open_warehouse
from report_inputs import KEYS, make_estimates, write_inputs
from report_writing import copy_inputs, write

LABELS = {
    "robust": "robust (the paper's)",
    "driscoll_kraay": "Driscoll-Kraay",
    "wild_desk": "wild bootstrap by desk",
}
# p-values of Table 2 by panel and column: the paper's errors, the recommended, the same after Holm
P_VALUES = {
    ("a", "1"): (0.001, 0.0001, 0.001),
    ("a", "2"): (0.02, 0.04, 0.2),
    ("a", "3"): (0.04, 0.3, 0.9),
    ("b", "1"): (0.2, 0.03, 0.2),
    ("b", "2"): (0.5, 0.6, 1.0),
}
# question, panel, whether corrected, horizon, coefficient, error, rejects, means and rejections in the worlds
DIAGNOSTICS = (
    ("Is Q&A <plain>?", "a", False, 1, -0.2, 0.05, True, (-0.1, -0.2, -0.3), (0.48, 0.99, 1.0)),
    ("Is it corrected?", "b", True, 1, -0.1004, 0.02, True, (0.0, -0.1, -0.3), (0.07, 0.95, 1.0)),
    ("Is it corrected?", "b", True, 5, 0.01, 0.1, False, (-0.0002, -0.2, -0.4), (0.05, 0.9, 1.0)),
)
# shares by printed table and covariance, at 1 and 10 days
COVERAGE = {
    "2": {"robust": (0.99, 0.924), "jackknife_firm": (0.96, 0.934), "driscoll_kraay": (0.97, 0.98)},
    "8": {"robust": (0.95, 0.75), "anderson_rubin_jackknife_firm": (0.94, 0.9)},
}
WORLDS = ("null", "paper", "strong")


def written_reports(factory: pytest.TempPathFactory) -> Path:
    """Folders `base`, inputs without the files of inference and diagnostics, and `everything`, with their reports."""

    def make(folder: Path) -> None:
        for name, write_inputs_of in (("base", write_inputs), ("everything", write_all)):
            (folder / name).mkdir()
            write_inputs_of(folder / name)
            write(folder / name)

    return made_once(factory, "reports", make)


def reports_of_another_process(factory: pytest.TempPathFactory) -> Path:
    """The same inputs in other folders, their reports written by one process that hashes text otherwise."""

    def make(folder: Path) -> None:
        names = ("base", "everything")
        for name in names:
            copy_inputs(written_reports(factory) / name, folder / name)
        program = (
            "import sys; from pathlib import Path; from report_writing import write\n"
            "for folder in sys.argv[1:]: write(Path(folder))"
        )
        subprocess.run(
            [sys.executable, "-c", program, *(str(folder / name) for name in names)],
            cwd=Path(__file__).parent,
            env=os.environ | {"PYTHONHASHSEED": "7"},
            check=True,
        )

    return made_once(factory, "reports_of_another_process", make)


def files_of(report: Path) -> dict[Path, bytes]:
    """Every file of a report by its place in it."""
    return {file.relative_to(report): file.read_bytes() for file in report.rglob("*.*")}


def write_all(folder: Path, weak: bool = True, tables: Collection[str] = ()) -> Path:
    """The inputs of the report with every file of the other commands; returns the folder."""
    write_inputs(folder, tables)
    output = folder / "output"
    rows = inference_rows()
    rows.to_parquet(output / "inference.parquet", index=False)
    with open_warehouse(folder / "w.duckdb") as connection:
        specs = load_registry(connection).of_tables(["2"])
    printed = pd.DataFrame(
        [("2", "a", "1", "log_limit_usage", 3.0), ("2", "a", "3", "log_limit_usage", 2.0)],
        columns=[*KEYS[:4], "printed_stars"],
    )
    summary = summarise(rows, dict.fromkeys(specs, "wild_desk"), printed, null_rows())
    summary.to_parquet(output / "inference_summary.parquet", index=False)
    instrument_rows(weak).to_parquet(output / "instruments.parquet", index=False)
    (output / "figures").mkdir()
    points = curve_points()
    points.to_parquet(output / "figures/specification_curve.parquet", index=False)
    draw_curve(points, output / "figures", sentence_on("paper"))
    rules = rule_rows()
    rules.to_parquet(output / "rules.parquet", index=False)
    draw_rules(rules, output / "figures", sentence_on("paper"))
    diagnostics_rows().to_csv(output / "diagnostics.csv", index=False)
    with duckdb.connect(str(folder / "w.duckdb")) as connection:
        worlds = world_rows()
        connection.execute("create table seeds.montecarlo as from worlds")
        coverage = coverage_rows()
        connection.execute("create table seeds.covariance_coverage as from coverage")
        assert (len(worlds), len(coverage)) == (3, 14)
    return folder


def inference_rows() -> pd.DataFrame:
    """Rows of Table 2 under three kinds of errors; the wild interval of column (a) 3 has no lower end."""
    coefs = make_estimates().set_index(KEYS)["value"]
    rows = []
    for (panel, column), (paper, safe, after_holm) in P_VALUES.items():
        coef = coefs["2", panel, column, "log_limit_usage", "coef"]
        for place, (covariance, p_value) in enumerate(zip(LABELS, (paper, paper, safe), strict=True)):
            low = float("-inf") if (panel, column, covariance) == ("a", "3", "wild_desk") else coef - 1
            row = Inference(
                *("2", panel, column, "log_limit_usage", covariance, LABELS[covariance], coef),
                *(0.011 * (place + 1), -2.0, 100.0, p_value, stars(p_value), low, coef + 1, 18.0, 7.0),
            )
            is_wild = covariance == "wild_desk"
            adjusted = {"p_holm": after_holm, "p_romano_wolf": after_holm / 2 if is_wild else float("nan")}
            rows.append(vars(row) | adjusted)
    return pd.DataFrame(rows)


def null_rows() -> pd.DataFrame:
    """How often tests reject in null: with the paper's errors for two columns of Table 2, with others for one."""
    unknown = float("nan")
    return pd.DataFrame(
        [
            ("2", "a", "1", "log_limit_usage", 0.05, 0.47, 500.0),
            ("2", "a", "2", "log_limit_usage", 0.36, unknown, 500.0),
        ],
        columns=[*KEYS[:4], *NULL_COLUMNS],
    )


def instrument_rows(weak: bool = True) -> pd.DataFrame:
    """Two columns of Table 8: weak instruments with a set of two rays, marginal ones with an interval; or strong."""
    infinity = float("inf")
    facts = {
        "1": {
            "effective_f": 4.21 if weak else 30.0,
            "effective_f_critical": 19.9,
            "effective_f_jackknife_firm": 2.5 if weak else 28.0,
            "effective_f_jackknife_firm_critical": 21.2,
            "effective_f_firm_x_day": 61.0,
            "effective_f_firm_x_day_critical": 19.6,
            "weak": float(weak),
            "marginal": 0.0,
            "anderson_rubin_firm_x_day_p": 0.2261,
            "anderson_rubin_firm_x_day_bounded": 1.0,
            "anderson_rubin_firm_x_day_low_1": -0.9,
            "anderson_rubin_firm_x_day_high_1": 0.2,
            "anderson_rubin_jackknife_firm_p": 0.3127,
            "anderson_rubin_jackknife_firm_bounded": float(not weak),
            "anderson_rubin_jackknife_firm_low_1": -infinity if weak else -1.0,
            "anderson_rubin_jackknife_firm_high_1": -0.5,
            **(
                {
                    "anderson_rubin_jackknife_firm_low_2": 0.25,
                    "anderson_rubin_jackknife_firm_high_2": infinity,
                }
                if weak
                else {}
            ),
            "firms": 10.0,
            "hansen_j": 2.652,
            "hansen_j_p": 0.1034,
        },
        "2": {
            "effective_f": 24.6,
            "effective_f_critical": 21.0,
            "effective_f_jackknife_firm": 16.8 if weak else 28.0,
            "effective_f_jackknife_firm_critical": 21.4,
            "effective_f_firm_x_day": 92.5,
            "effective_f_firm_x_day_critical": 19.7,
            "weak": 0.0,
            "marginal": float(weak),
            "anderson_rubin_firm_x_day_p": 0.0001,
            "anderson_rubin_firm_x_day_bounded": 1.0,
            "anderson_rubin_firm_x_day_low_1": -0.339,
            "anderson_rubin_firm_x_day_high_1": -0.187,
            "anderson_rubin_jackknife_firm_p": 0.0021,
            "anderson_rubin_jackknife_firm_bounded": 1.0,
            "anderson_rubin_jackknife_firm_low_1": -0.402,
            "anderson_rubin_jackknife_firm_high_1": -0.101,
            "firms": 10.0,
            "hansen_j": 0.01,
            "hansen_j_p": 0.907,
        },
    }
    rows = [
        ("8", "", column, "", statistic, value, "")
        for column, of_column in facts.items()
        for statistic, value in of_column.items()
    ]
    for column, stage in product(facts, ("first_stage", "reduced_form")):
        rows.append(("8", "", column, "firm_limit_increase", f"{stage}_coef", -0.1498, ""))
        rows.append(("8", "", column, "firm_limit_increase", f"{stage}_se", 0.1457, ""))
    return pd.DataFrame(rows, columns=[*KEYS, "value", "text"])


def curve_points() -> pd.DataFrame:
    """A point per choice and two covariances: all negative; with robust errors the first is significant."""
    return pd.DataFrame(
        [
            vars(Point(*names, covariance, -0.1 - 0.001 * place, 0.05, p_value, -0.2, 0.0, 100))
            for place, names in enumerate(product(*CHOICES.values()))
            for covariance, p_value in (("robust", 0.01 if place == 0 else 0.2), ("wild_desk", 0.5))
        ]
    )


def rule_rows() -> pd.DataFrame:
    """A rule that moves one of two coefficients by two errors, and one that moves a share alone."""
    coefs = make_estimates().set_index(KEYS)["value"]
    one, other = (coefs["2", "a", column, "log_limit_usage", "coef"] for column in ("1", "2"))
    floor = {"variable": "position_floor_usd", "heading": "Zero", "reading": "0", "other_reading": "1000"}
    level = {"variable": "level_2_trades", "heading": "Lone", "reading": "no_larger", "other_reading": "smaller"}
    usage = ("2", "a", "1", "log_limit_usage")
    rows = [
        (floor, usage, (one, 0.01, 100), (one + 0.02, 0.02, 110), True),
        (floor, ("2", "a", "2", "log_limit_usage"), (other, 0.01, 100), (other, 0.01, 100), False),
        (level, usage, (one, 0.01, 100), (one, 0.01, 100), False),
        (level, ("match", "", "", "lone"), (6.25, None, 406), (0.0, None, 0), True),
    ]
    return pd.DataFrame(
        [
            {
                **dict(zip(KEY, key, strict=True)),
                **dict(zip(("coef", "se", "nobs"), built, strict=True)),
                **dict(zip(("other_coef", "other_se", "other_nobs"), found, strict=True)),
                **of_rule,
                "is_shown": is_shown,
            }
            for of_rule, key, built, found, is_shown in rows
        ]
    )


def diagnostics_rows() -> pd.DataFrame:
    """Tested terms, each followed by a control that the page does not show."""
    rows = []
    for question, panel, corrected, horizon, coef, se, rejects, means, rejections in DIAGNOSTICS:
        row = {
            "table": "asked",
            "panel": panel,
            "column": str(horizon),
            "outcome": "net_position",
            "horizon": horizon,
            "term": "log_limit_usage",
            "coef": coef,
            "se": se,
            "critical_95": 2.5,
            "rejects": rejects,
            "is_corrected": corrected,
            "question": question,
            "is_tested": True,
            **{f"{world}_mean": mean for world, mean in zip(WORLDS, means, strict=True)},
            **{f"{world}_rejection": share for world, share in zip(WORLDS, rejections, strict=True)},
            **{f"{world}_population": mean / 2 for world, mean in zip(WORLDS, means, strict=True)},
            **{f"{world}_effect_lasting": effect for world, effect in zip(WORLDS, (0.0, -0.2, -0.1), strict=True)},
        }
        rows += [row, row | {"term": "log_net_position", "coef": 77.7, "is_tested": False}]
    return pd.DataFrame(rows)


def coverage_rows() -> pd.DataFrame:
    """Coverage at two horizons of one outcome in two tables, laid out as the seed."""
    return pd.DataFrame(
        [
            {
                "world": world,
                "table": table,
                "panel": "a",
                "column": str(place),
                "outcome": "net_position",
                "horizon": horizon,
                "covariance": covariance,
                "reps": 400 if world == "paper" else 100,
                "coverage": shares[place] - (0.02 if world == "strong" else 0),
                "error": 0.01,
            }
            for world in ("paper", "strong")
            for table, of_table in COVERAGE.items()
            for place, horizon in enumerate((1, 10))
            for covariance, shares in of_table.items()
            if world == "paper" or covariance.endswith("jackknife_firm")
        ]
    )


def world_rows() -> pd.DataFrame:
    """Table 2(a), column 1 in the worlds, laid out as the seed."""
    return pd.DataFrame(
        [
            {
                "world": world,
                "table": "2",
                "panel": "a",
                "column": "1",
                "horizon": 1,
                "worlds": 500,
                "dependent": "d_log_net_position",
                "term": "log_limit_usage",
                "population": -0.01 * place,
                "effect_lasting": -0.025 * place,
                "mean": -0.011 * place,
                "coverage_95": 0.9 + 0.05 * place,
                "rejection": 0.05 + 0.3 * place,
            }
            for place, world in enumerate(WORLDS)
        ]
    )
