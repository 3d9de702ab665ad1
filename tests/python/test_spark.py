"""Spark beside DuckDB, of a small world; left out where `make setup-spark` has made no environment."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest

from dealer_limits.loads import Load
from dealer_limits.parity import compare
from matching_oracle import MODELS, RULES, Award, CusipDay, compile_matching, read_matches, write_inputs
from test_matching_adversarial import AVERAGE_PRICE, DOLLAR, LISTED_TRADES, THOUSAND, nearest_subset, odd_trades
from tiny_raw import write_tiny_raw
from workspace import ROOT, Workspace

SPARK = ROOT / ".venv-spark" / "bin"
# all of staging, and the longest way from it: trades, their messages, the exact search, marts, observations
PART = ("staging", "+fct_soma_award_dealer", "+obs_soma_sale", "+obs_market_day")

pytestmark = pytest.mark.skipif(
    not (SPARK / "dealer-limits").exists() or shutil.which("java") is None,
    reason="Spark is left out: `make setup-spark`, with Java 17, installs what it needs",
)


def on_spark(workspace: Workspace, *command: str) -> subprocess.CompletedProcess[str]:
    """A program of Spark's environment, over the raw files of a workspace and into its folder."""
    program, *arguments = command
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    small = {"SPARK_PARTITIONS": "1", "SPARK_MEMORY": "2g"}
    return subprocess.run(
        [SPARK / program, *arguments],
        cwd=workspace.project,
        env=environment | workspace.environment | small,
        capture_output=True,
        text=True,
        check=False,
    )


def build_part(workspace: Workspace, load: Load) -> None:
    """A part of the tree by Spark: all of it, or what of it follows from a load's tables."""
    followers = [f"source:{table}+,{model}" for table in load.tables for model in PART]
    arguments = [
        "build",
        "--target",
        "spark",
        "--exclude-resource-types",
        "unit_test",
        "--select",
        *(followers or PART),
    ]
    program = (
        "from dbt.cli.main import dbtRunner; from dealer_limits.loads import Load, current;"
        f"from dealer_limits.spark import use_spark; use_spark(); current.load = {load!r};"
        f"result = dbtRunner().invoke(['--log-level', 'none', *{arguments!r}]);"
        "assert result.success, [(node.node.name, node.message) for node in result.result if node.message]"
    )
    finished = on_spark(workspace, "python", "-c", program)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_both_engines_make_the_same_tables_though_spark_loads_some_files_later(small_raw: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(small_raw, raw)
    first, second, *_, last = sorted((raw / "trace").glob("*.parquet"))
    last.rename(tmp_path / last.name)
    # one that goes, whose rows another has too, and one that changes
    shutil.copy(second, raw / "trace" / f"again_{second.name}")
    shutil.copy(first, tmp_path / first.name)
    with duckdb.connect() as connection:
        connection.execute(f"copy (from '{tmp_path / first.name}' limit 100) to '{first}' (format parquet)")
    spark, full = Workspace(tmp_path / "spark", raw), Workspace(tmp_path / "duckdb", raw)

    build_part(spark, Load())
    (tmp_path / last.name).rename(last)
    (tmp_path / first.name).replace(first)
    (raw / "trace" / f"again_{second.name}").unlink()
    build_part(spark, Load("", ("trace.reports",), 2, 2))
    assert full.dbt("build", "--exclude-resource-types", "unit_test", "--select", *PART).success

    found, odd = compare(full.build_file, spark.build_file)
    of_the_load = {"loads.changed_trace__reports", "intermediate.int_trade_cells"}
    assert set(odd) <= of_the_load
    assert [table for table in found if not table.is_near and table.table not in of_the_load] == []
    assert sum(table.rows for table in found) > 10_000


def test_bad_input_is_refused_with_the_same_line(tmp_path: Path) -> None:
    raw = write_tiny_raw(tmp_path / "raw")
    (raw / "reference" / "firms.csv").write_text("no,columns\n1,2\n")

    refused = [
        Workspace(tmp_path / "duckdb", raw).run("dealer-limits", "build"),
        on_spark(Workspace(tmp_path / "spark", raw), "dealer-limits", "build", "--target", "spark"),
    ]

    assert [finished.returncode for finished in refused] == [2, 2]
    lines = [finished.stderr.splitlines()[-1] for finished in refused]
    assert lines[0] == lines[1]
    assert lines[0].startswith("bad input: reference/firms.csv: column")


def test_exact_sums_of_hundreds_of_odd_pars_are_found_on_spark_too(tmp_path: Path) -> None:
    trades = odd_trades(THOUSAND, 501, 2000, seed=300)
    beyond = odd_trades(DOLLAR, 500_001, 2_000_000, seed=2)
    few = odd_trades(THOUSAND, 501, 4000, seed=7, count=20)
    days = [
        # all but the nearest: out of reach until the farthest trade is searched
        CusipDay((Award(0, sum(trade.par for trade in trades[1:]), AVERAGE_PRICE),), trades),
        CusipDay((Award(0, sum(trade.par for trade in beyond[100:250]), AVERAGE_PRICE),), beyond),
        CusipDay((Award(0, sum(trade.par for trade in few[3:11]), AVERAGE_PRICE),), few),
    ]
    workspace = Workspace(tmp_path / "spark", tmp_path / "raw")
    with duckdb.connect() as connection:
        connection.execute("create schema intermediate")
        write_inputs(connection, days)
        for name in ("int_soma_awards", "int_soma_trade_candidates"):
            connection.execute(f"copy intermediate.{name} to '{tmp_path / name}.parquet'")

    finished = on_spark(workspace, "python", str(ROOT / "tests/python/spark_matching.py"), str(tmp_path), *MODELS)
    assert finished.returncode == 0, finished.stdout + finished.stderr

    with workspace.connect_unpublished() as connection:
        found = read_matches(connection, days)
    assert found == compile_matching(LISTED_TRADES).match_all(days)
    assert {trade for _, trade in found[0]["paper"].legs} == nearest_subset(days[0], THOUSAND)
    assert [found[1][rule].exact_subsets for rule in RULES] == [{0: None}, {0: None}]
