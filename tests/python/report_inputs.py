"""What the report reads, made up: the project's seeds, marts of the figures, estimates at known distances."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import duckdb
import pandas as pd

from estimate_warehouse import write_registry
from figure_marts import make_marts, write_marts
from workspace import ROOT, contract_columns

# Distances of estimates from the printed coefficients, in combined standard errors, in turn.
DISTANCES = (0.4, -1.5, 2.5, -3.5, -0.4, 1.5, -2.5, 3.5)
NOT_ESTIMATED = ("8", "15")
KEYS = ["table", "panel", "column", "term", "statistic"]
FACTS = ("desk_fe", "dealer_fe", "bond_fe", "time_fe", "estimator")


def read_printed() -> pd.DataFrame:
    """The seed as text, with the variable of Table 1 as its term."""
    printed = pd.read_csv(ROOT / "seeds/printed_tables.csv", dtype=str, keep_default_na=False)
    printed["term"] = printed["term"].where(printed["table"] != "1", printed["outcome"])
    return printed


def make_estimates() -> pd.DataFrame:
    """Estimates whose coefficients differ from the printed ones by `DISTANCES`; errors are as printed.

    Other numbers are as printed. A printed error of 0.000 leaves no distance: ours is 0.0004 there.
    """
    printed = read_printed()
    rows = printed[~printed["statistic"].isin(FACTS) & ~printed["table"].isin(NOT_ESTIMATED)]
    estimates = rows[KEYS].assign(value=rows["value"].astype(float))
    is_error = estimates["statistic"].eq("se")
    estimates.loc[is_error & estimates["value"].eq(0), "value"] = 0.0004
    errors = estimates[is_error].set_index(KEYS[:4])["value"]
    printed_errors = rows[rows["statistic"].eq("se")].set_index(KEYS[:4])["value"].astype(float)
    combined = (errors**2 + printed_errors**2) ** 0.5
    coefficients = estimates["statistic"].eq("coef")
    turns = [DISTANCES[turn % len(DISTANCES)] for turn in range(coefficients.sum())]
    of_term = pd.MultiIndex.from_frame(estimates.loc[coefficients, KEYS[:4]])
    estimates.loc[coefficients, "value"] += turns * combined[of_term].to_numpy()
    return estimates


def write_observations(connection: duckdb.DuckDBPyConnection) -> None:
    """Observation models without a row, with the columns of their contracts."""
    connection.execute("create schema observations")
    for name, columns in contract_columns().items():
        typed = ", ".join(f"{column} double" for column in columns)
        connection.execute(f"create table observations.{name} ({typed})")


def write_inputs(folder: Path, tables: Collection[str] = ()) -> Path:
    """Write warehouse, estimates, truth and results of other commands to a folder; return the warehouse.

    With `tables`, of Table 1 and these alone: laying out all takes most of the time of a report.
    """
    warehouse = write_marts(folder / "w.duckdb", make_marts(), "paper")
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema seeds; create schema quality")
        write_registry(connection)
        write_observations(connection)
        if tables:
            of_others = f'"table" not in {("1", *tables)}'
            connection.execute(f"delete from seeds.specifications where {of_others}")
            connection.execute(f"delete from seeds.printed_tables where {of_others}")
        connection.execute(
            """
            create table quality.qc_match_levels as
            from (values ('paper', 'equal', 30, 30.0), ('paper', 'exact', 70, 70.0))
                as levels (matching_rule, match_kind, awards, awards_pct)
            """
        )
    output = folder / "output"
    (output / "quality").mkdir(parents=True)
    make_estimates().to_parquet(output / "estimates.parquet")
    rule = {"meaning": "x", "passed": False, "severity": "warning"}
    suite = {"suite": "desk-days", "table": "marts.fct_desk_day", "rows": 1234, "rules": [rule]}
    record = {"passed": True, "suites": [suite]}
    (output / "quality/results.json").write_text(json.dumps(record), encoding="utf-8")
    (folder / "truth").mkdir()
    (folder / "truth/world.json").write_text('{"seed": 777, "scale": 0.5}', encoding="utf-8")
    return warehouse
