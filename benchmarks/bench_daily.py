"""What a day of trade reports costs on histories of 10, 30 and 100 million, beside a full build of each.

A pseudo world is built, and its reports are written again into the past as files of a day of a million reports
each, with their cancels, corrections and reversals, some of them of reports of the day before. Then, for each size:
a full build with the history, one more day, the load of it, and, once, whether the load left what a full build
leaves. Each build is a process of its own, as a scheduler starts it, with publishing; seconds by the clock and of
processors, and memory at the peak. Times are only to be compared within a run, so no test does.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from dealer_limits.sources.contracts import load_contracts

PROJECT = Path(__file__).resolve().parents[1]
SIZES_MN = (10, 30, 100)
# days of the world that make one of the history
MERGED_DAYS = 25
LAST_DAY = date(2020, 3, 12)
# the days of the history are larger than those of the world, and end before its first
OPENED_GATES = {"reports_of_day": 0, "trade_days_missing": 10**6, "level_of_day": 100}
# tables that say when a build was and what it was compared with
NOT_COMPARED = ("build", "raw_file", "qc_build", "qc_gates", "int_trade_cells", "state", "file")


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock and of processors, and GiB at the peak, of one build."""

    seconds: float
    processor: float
    gib: float

    def __str__(self) -> str:
        return f"{self.seconds:.1f} | {self.processor:.1f} | {self.gib:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES_MN, help="Millions of reports.")
    parser.add_argument("--scale", type=float, default=1.0, help="Size of the pseudo world that is multiplied.")
    parser.add_argument("--memory", default="8GiB", help="Memory that DuckDB may take.")
    parser.add_argument("--folder", type=Path, help="Where files go that are large; else a temporary folder.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        environment = os.environ | {
            "RAW_DATA": str(folder / "raw"),
            "WAREHOUSE_DIR": str(folder / "warehouse"),
            "WAREHOUSE_KEPT": "0",
            "WAREHOUSE_MEMORY": options.memory,
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        }
        program = Path(sys.executable).with_name("dealer-limits")
        subprocess.run([program, "pseudo", "--out", folder, "--scale", str(options.scale)], check=True)
        build(environment, "--full")
        source = folder / "reports.parquet"
        in_world = apart(write_source, folder / "warehouse/build/dealer_limits.duckdb", source)
        print("| million reports | build | seconds | of processors | GiB | build file, GiB |")
        print("| --- | --- | --- | --- | --- | --- |", flush=True)
        days = iter(days_back())
        there = in_world
        for size in options.sizes:
            while there < size * 1_000_000:
                there += apart(write_day, source, folder / "raw/trace", next(days))
            file = folder / "warehouse/build/dealer_limits.duckdb"
            report(there, "full", build(environment, "--full"), file)
            there += apart(write_day, source, folder / "raw/trace", next(days))
            report(there, "load of a day", build(environment), file)
            if size == options.sizes[0]:
                check_load(environment, file)


def apart(work: Callable[..., int], *arguments: object) -> int:
    """What `work` returns, from a process of its own: a build that is started from a large process counts as large."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def report(reports: int, kind: str, cost: Cost, file: Path) -> None:
    print(f"| {reports / 1e6:.1f} | {kind} | {cost} | {file.stat().st_size / 2**30:.1f} |", flush=True)


def build(environment: dict[str, str], *arguments: str) -> Cost:
    """One `dealer-limits build` in a process of its own; ends the benchmark where it is not published."""
    variables = ["--vars", json.dumps({"gate_bounds": OPENED_GATES})]
    command = [Path(sys.executable).with_name("dealer-limits"), "build", *variables, *arguments]
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        said.seek(0)
        if status or "Published" not in (text := said.read()):
            raise SystemExit(text)
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20)


def days_back() -> Iterator[date]:
    """Business days, as far as weekends go, from the last one back."""
    for back in range(10_000):
        day = LAST_DAY - timedelta(back)
        if day.weekday() < 5:
            yield day


def write_source(build_file: Path, source: Path) -> int:
    """The world's reports with the places of their days, and which half of the days they are of; how many there are."""
    with duckdb.connect(str(build_file), read_only=True) as connection:
        connection.execute(
            f"""
            copy (
                with days as (
                    select control_date, row_number() over (order by control_date) - 1 as place
                    from (select distinct control_date from staging.base_trace__reports)
                )
                select
                    reports.* exclude (raw_file, reject_reason, key_spelling),
                    days.place as place,
                    coalesce(of_previous.place, of_execution.place, days.place) as previous_place
                from staging.base_trace__reports as reports
                inner join days using (control_date)
                left join days as of_previous on reports.previous_control_date = of_previous.control_date
                left join days as of_execution on reports.executed_on = of_execution.control_date
                where days.place < {2 * MERGED_DAYS}
            ) to '{source}' (format parquet)
            """
        )
        return connection.execute("select count(*) from staging.base_trace__reports").fetchone()[0]


def write_day(source: Path, folder: Path, day: date) -> int:
    """A file of the reports of half of the world's days, as if they were of one day; how many there are.

    Numbers get their day's place before them, so that they stay unique. What was executed or is named days before is
    so by as many days.
    """
    half = (LAST_DAY - day).days // 7 * 5 + (LAST_DAY - day).days % 7
    first = half % 2 * MERGED_DAYS
    moved = {
        "reported_at": "date '{day}' + (reported_at - cast(cast(reported_at as date) as timestamp))",
        "executed_at": "date '{day}' - cast(least(cast(reported_at as date) - executed_on, 30) as integer)"
        " + (executed_at - cast(cast(executed_at as date) as timestamp))",
        "settlement_date": "date '{day}' + 1",
        "stated_control_date": "case when stated_control_date is not null then date '{day}' end",
        "previous_control_date": "case when previous_control_date is not null then date '{day}' - case when"
        " previous_place < {first} then 1 else 0 end end",
        "control_number": "(100 + place) || lpad(control_number, 12, '0')",
        "previous_control_number": "(100 + previous_place) || lpad(previous_control_number, 12, '0')",
    }
    columns = []
    for column in load_contracts(PROJECT)["trace.reports"].columns:
        value = moved.get(column.as_, column.as_).format(day=day, first=first)
        columns.append(f'{value} as "{column.name}"')
    path = folder / f"history_{day}.parquet"
    with duckdb.connect() as connection:
        (rows,) = connection.execute(
            f"""
            copy (
                select {", ".join(columns)} from '{source}'
                where place between {first} and {first + MERGED_DAYS - 1}
                order by "TRD_RPT_TS", "SYSTM_CNTRL_NB", "TRC_ST"
            ) to '{path}' (format parquet)
            """
        ).fetchone()
    return rows


def check_load(environment: dict[str, str], file: Path) -> None:
    """Build all anew and compare every table; ends the benchmark where one differs."""
    loaded = file.with_name("loaded.duckdb")
    shutil.copy(file, loaded)
    build(environment, "--full")
    compared = apart(compare_tables, loaded, file)
    loaded.unlink()
    print(f"{compared} tables are as a full build leaves them", file=sys.stderr)


def compare_tables(loaded: Path, file: Path) -> int:
    """How many tables two files have alike, but for those of NOT_COMPARED. Raises ValueError where one differs."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'America/New_York'; set enable_progress_bar = false")
        connection.execute(f"attach '{loaded}' as a (read_only); attach '{file}' as b (read_only)")
        tables = connection.execute(
            "select schema_name || '.' || table_name, table_name from duckdb_tables() where database_name = 'b'"
        ).fetchall()
        compared = [table for table, name in tables if name not in NOT_COMPARED]
        for table in compared:
            both_ways = (
                f"(from a.{table} except all from b.{table}) union all (from b.{table} except all from a.{table})"
            )
            if connection.execute(f"select count(*) from ({both_ways})").fetchone()[0]:
                raise ValueError(f"the load left another {table} than a full build")
    return len(compared)


if __name__ == "__main__":
    main()
