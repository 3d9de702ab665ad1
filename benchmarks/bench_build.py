"""What `dbt build` takes beyond the database: the same compiled statements, by DuckDB alone, in the same run.

Builds into a temporary folder, with imports and parsing, as a user does after a change; then a fresh database file runs
every statement that dbt ran, one after the other, in the order in which dbt began them. Hooks (the check of raw files,
the account of their rows, gates, rules, publishing) are reported apart: they are no compiled statements. Raw files are
those of RAW_DATA, else a pseudo world is written first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

PROJECT = Path(__file__).resolve().parents[1]


def build(folder: Path, raw: Path) -> float:
    """Seconds of `dbt build`."""
    environment = os.environ | {
        "RAW_DATA": str(raw),
        "WAREHOUSE_DIR": str(folder / "warehouse"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    started = time.perf_counter()
    subprocess.run(
        [Path(sys.executable).with_name("dbt"), "--log-level", "none", "build"],
        cwd=PROJECT,
        env=environment,
        check=True,
    )
    return time.perf_counter() - started


def statements(folder: Path) -> tuple[list[str], float]:
    """What dbt ran of models and tests, in its order, and the seconds that its hooks took."""
    results = json.loads((folder / "target/run_results.json").read_text(encoding="utf-8"))["results"]
    hooks = sum(result["execution_time"] for result in results if result["unique_id"].startswith("operation."))
    began = {
        result["unique_id"]: next(step["started_at"] for step in result["timing"] if step["name"] == "execute")
        for result in results
        if result["unique_id"].startswith(("model.", "test."))
    }
    nodes = json.loads((folder / "target/manifest.json").read_text(encoding="utf-8"))["nodes"]
    ran = []
    for name in sorted(began, key=began.get):
        node = nodes[name]
        path = folder / "target/run/dealer_limits" / node["original_file_path"]
        if node["resource_type"] == "test" and path.suffix != ".sql":
            path = path / node["path"]
        ran.append(path.read_text(encoding="utf-8"))
    return ran, hooks


def alone(folder: Path, ran: list[str]) -> float:
    """Seconds of the statements in a database of their own, in which the seeds are loaded."""
    file = folder / "alone.duckdb"
    with duckdb.connect(file, config={"storage_compatibility_version": "v1.1.0"}) as connection:
        connection.execute("set TimeZone = 'America/New_York'")
        connection.execute(f"attach '{folder}/warehouse/build/dealer_limits.duckdb' as built (read_only)")
        for (schema,) in connection.execute(
            "select schema_name from duckdb_schemas() where database_name = 'built' and not internal"
        ).fetchall():
            connection.execute(f"create schema if not exists {schema}")
        for (seed,) in connection.execute(
            "select table_name from duckdb_tables() where database_name = 'built' and schema_name = 'seeds'"
        ).fetchall():
            connection.execute(f"create table seeds.{seed} as from built.seeds.{seed}")
        started = time.perf_counter()
        for statement in ran:
            connection.execute(statement.replace('"dealer_limits".', ""))
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw = Path(os.environ.get("RAW_DATA", folder / "raw"))
        if not raw.exists():
            subprocess.run([Path(sys.executable).with_name("dealer-limits"), "pseudo", "--out", folder], check=True)
        print(f"{'dbt build':>10}{'of it hooks':>13}{'DuckDB alone':>14}{'ratio':>7}{'without hooks':>15}")
        for run in range(options.runs):
            place = folder / str(run)
            place.mkdir()
            whole = build(place, raw)
            ran, hooks = statements(place)
            floor = alone(place, ran)
            print(f"{whole:>9.1f}s{hooks:>12.1f}s{floor:>13.1f}s{whole / floor:>7.1f}{(whole - hooks) / floor:>15.1f}")


if __name__ == "__main__":
    main()
