"""Spark beside DuckDB, of a tiny world; left out where `make setup-spark` has made no environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from dealer_limits.parity import compare
from matching_oracle import MODELS, RULES, Award, CusipDay, compile_matching, read_matches, write_inputs
from test_loads import LAST_MODELS, LOAD, Delivery, deliver, deliveries
from test_matching_adversarial import AVERAGE_PRICE, DOLLAR, LISTED_TRADES, THOUSAND, nearest_subset, odd_trades
from tiny_raw import write_tiny_raw
from workspace import ROOT, Workspace

SPARK = ROOT / ".venv-spark" / "bin"
# whatever reads trade reports in parts: three minutes are what a check may take
PART = [f"+{model}" for model in LAST_MODELS]

pytestmark = pytest.mark.skipif(
    not (SPARK / "dealer-limits").exists() or shutil.which("java") is None,
    reason="Spark is left out: `make setup-spark`, with Java 17, installs what it needs",
)


def on_spark(workspace: Workspace, *command: str) -> subprocess.CompletedProcess[str]:
    """A program of Spark's environment, over the raw files of a workspace and into its folder."""
    program, *arguments = command
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # to compile code for a handful of rows takes longer than to go through them without
    without_code = (f"--conf spark.sql.codegen.{name}" for name in ("wholeStage=false", "factoryMode=NO_CODEGEN"))
    small = {
        "SPARK_PARTITIONS": "1",
        "SPARK_MEMORY": "2g",
        "PYSPARK_SUBMIT_ARGS": " ".join((*without_code, "pyspark-shell")),
    }
    return subprocess.run(
        [SPARK / program, *arguments],
        cwd=workspace.project,
        env=environment | workspace.environment | small,
        capture_output=True,
        text=True,
        check=False,
    )


def is_of_all_kinds(states: list[Delivery]) -> bool:
    """Whether of TRACE files came, changed and went from the first state to the last."""
    before, after = ({name: text for name, text in states[place].files.items() if "trace" in name} for place in (0, -1))
    is_changed = any(before[name] != after[name] for name in before.keys() & after.keys())
    return bool(after.keys() - before.keys() and before.keys() - after.keys() and is_changed)


# one world, always the same: a build by Spark takes minutes
@seed(5)
@settings(
    max_examples=1, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None
)
@given(states=deliveries().filter(is_of_all_kinds))
def test_a_load_on_spark_leaves_what_a_full_build_by_duckdb_leaves(
    tmp_path_factory: pytest.TempPathFactory, states: list[Delivery]
) -> None:
    raw, later = (write_tiny_raw(tmp_path_factory.mktemp(name)) for name in ("raw", "later"))
    spark, full = Workspace(tmp_path_factory.mktemp("spark"), raw), Workspace(tmp_path_factory.mktemp("duckdb"), later)
    deliver(raw, states[0])
    deliver(later, states[-1])
    program = ROOT / "tests/python/spark_loads.py"
    loaded = on_spark(spark, "python", str(program), str(later), json.dumps(LOAD.tables), json.dumps(PART))
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    done = full.dbt("build", "--exclude-resource-types", "unit_test", "test", "--select", *PART)
    assert done.success

    found, odd = compare(full.build_file, spark.build_file)
    assert {table for table in odd if not table.startswith("loads.changed_")} == set()
    # cells that a load touches are none of a full build; a load looks at all files, a part of a full build at its own
    of_loads = ("intermediate.int_trade_cells", "quality.qc_raw_files")
    assert [table for table in found if not table.is_near and table.table not in of_loads] == []
    assert sum(table.rows for table in found) > 500


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
