"""How long TRACE cleaning and SOMA matching take at 10, 30 and 100 million reports, beside a floor.

The reports are those of a built warehouse, repeated into the past: the event window and its awards stay the
same and the history around them grows. Each model is run as dbt compiles it, in one process of DuckDB with
two threads and 8 GB. The floor is timed in the same run: reading the columns that cleaning reads, and
writing as many rows as there are candidates. Times are only to be compared within a run, so no test does.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import duckdb

PROJECT = Path(__file__).resolve().parents[1]
SIZES_MN = (10, 30, 100)
THREADS, MEMORY_LIMIT = 2, "8GB"
# each step counts with the quicker of so many runs: others use the machine too
RUNS = 2
# longer than the event window, and whole weeks
DAYS_BACK_PER_COPY = 98

REPORTS = "staging.base_trace__reports"
COPIED = (
    "intermediate.int_soma_awards",
    "intermediate.int_bill_maturities",
    "staging.stg_reference__dealers",
)
COLUMNS_READ = (
    *("raw_file", "reject_reason", "control_date", "control_number", "trade_status", "as_of_code"),
    *("stated_control_date", "previous_control_date", "previous_control_number"),
    *(
        "cusip",
        "executed_on",
        "executed_at",
        "reported_at",
        "settlement_date",
        "report_side",
        "par_usd",
        "entered_price",
        "price_type",
    ),
    *("reporting_mpid", "reporting_give_up_mpid", "contra_mpid", "contra_give_up_mpid"),
    *("when_issued_flag", "reporting_capacity", "buyer_capacity", "seller_capacity"),
    *("market_code", "special_price_flag"),
)
CANDIDATE_COLUMNS = (
    "control_number, cusip, cast(executed_at as date), executed_at, reporting_mpid, par_usd, entered_price"
)

CLEANING = (
    *("int_message_reports", "int_trade_messages", "int_trade_messages_resolved"),
    *("int_trades_undone", "int_trades_classified", "int_trades_cleaned"),
)
CANDIDATES = ("int_soma_trade_candidates",)
SEARCHES = "int_soma_exact_searches"
MATCHING = (
    *("int_soma_pairs", "int_soma_matches_level_1", SEARCHES),
    *("int_soma_matches_level_2_exact", "int_soma_matches_level_2_partial"),
    *("int_soma_matches_level_3", "int_soma_matches"),
)
AUDIT = ("qc_trade_filters",)

# 300 trades of odd thousands, all divisible by three, and an award of thousands that is not
HARDEST_AWARD = """
create table intermediate.int_soma_awards as
select
    'hardest' as award_id,
    '912828000' as cusip,
    date '2020-03-16' as operation_date,
    timestamp '2020-03-16 11:00:00' as closed_at,
    1_999_999_000::decimal(18, 2) as awarded_par_usd,
    100::decimal(20, 6) as average_price,
    1 as award_of_cusip_day;

create table intermediate.int_soma_trade_candidates as
select
    'trade ' || n as trade_id,
    cusip,
    operation_date as trade_date,
    closed_at + interval (n) minutes as executed_at,
    'AAAA' as dealer_mpid,
    (3000 * (167 + 2 * (37 * n % 3000)))::decimal(18, 2) as par_usd,
    100::decimal(20, 6) as price,
from intermediate.int_soma_awards
cross join range(300) as trades (n);
"""


@dataclass(frozen=True)
class Model:
    """A model as dbt compiled it: `relation` is schema.name, `kind` table or view."""

    relation: str
    kind: str
    sql: str


@dataclass(frozen=True)
class Measurement:
    """Seconds per step at a number of reports, candidates found, and GiB of memory at the peak."""

    reports: int
    floor: float
    cleaning: float
    candidates: float
    matching: float
    audit: float
    candidate_rows: int
    peak_gib: float


def main() -> None:
    arguments = _arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.output) as scratch:
        models = compile_models(Path(scratch))
        measurements = []
        for size_mn in arguments.sizes:
            file = Path(scratch) / str(size_mn) / "dealer_limits.duckdb"
            in_own_process(write_reports, file, arguments.warehouse, size_mn * 1_000_000)
            measurements.append(in_own_process(measure, file, models))
            file.unlink()
        hardest = in_own_process(measure_hardest_award, Path(scratch) / "dealer_limits.duckdb", models)
    text = "\n".join([*as_markdown(measurements), "", hardest, ""])
    (arguments.output / "bench_matching.md").write_text(text, encoding="utf-8")
    print(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES_MN, help="millions of reports")
    parser.add_argument("--warehouse", type=Path, default=Path("warehouse/dealer_limits.duckdb"))
    parser.add_argument("--output", type=Path, default=Path("output"), help="needs 6 GB for 100 million")
    arguments = parser.parse_args()
    if not arguments.warehouse.is_file():
        parser.error(f"there is no warehouse {arguments.warehouse}: run `make run` first")
    return arguments


def in_own_process(function, *arguments):
    """The function's result, from a process whose peak memory is its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def compile_models(scratch: Path) -> dict[str, Model]:
    """Every model that is timed and the view that stages reports, by name."""
    names = ["stg_trace__reports", *CLEANING, *CANDIDATES, *MATCHING, *AUDIT]
    subprocess.run(
        [Path(sys.executable).with_name("dbt"), "compile", "--quiet", "--select", *names],
        cwd=PROJECT,
        env=os.environ
        | {
            "WAREHOUSE_DIR": str(scratch.resolve() / "compiled"),
            "DBT_TARGET_PATH": str(scratch.resolve() / "target"),
            "DBT_LOG_PATH": str(scratch.resolve() / "logs"),
        },
        check=True,
        stdout=subprocess.DEVNULL,
    )
    manifest = json.loads((scratch / "target" / "manifest.json").read_text(encoding="utf-8"))
    return {
        node["name"]: Model(f"{node['schema']}.{node['name']}", node["config"]["materialized"], node["compiled_code"])
        for node in manifest["nodes"].values()
        if node["name"] in names
    }


def connect(file: Path) -> duckdb.DuckDBPyConnection:
    """The file's name is the catalog that compiled models name."""
    file.parent.mkdir(exist_ok=True)
    connection = duckdb.connect(
        file,
        config={
            "threads": THREADS,
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": str(file.parent / "spill"),
        },
    )
    connection.execute("set enable_progress_bar = false")
    for schema in ("staging", "intermediate", "quality"):
        connection.execute(f"create schema if not exists {schema}")
    return connection


def write_reports(file: Path, warehouse: Path, reports: int) -> None:
    """A file with `reports` staged reports, oldest first, and the other tables that the models read.

    Copy k of the warehouse's reports lies 98 k days back, and its control numbers begin with k.
    """
    with connect(file) as connection:
        connection.execute(f"attach '{warehouse}' as warehouse (read_only)")
        for table in COPIED:
            connection.execute(f"create table {table} as from warehouse.{table}")
        connection.execute(f"create table {REPORTS} as from warehouse.{REPORTS} limit 0")
        ((in_warehouse,),) = connection.execute(f"select count(*) from warehouse.{REPORTS}").fetchall()
        for copy in reversed(range(-(-reports // in_warehouse))):
            connection.execute(
                f"""
                insert into {REPORTS}
                select * replace (
                    executed_at - interval {copy * DAYS_BACK_PER_COPY} days as executed_at,
                    reported_at - interval {copy * DAYS_BACK_PER_COPY} days as reported_at,
                    executed_on - {copy * DAYS_BACK_PER_COPY} as executed_on,
                    control_date - {copy * DAYS_BACK_PER_COPY} as control_date,
                    stated_control_date - {copy * DAYS_BACK_PER_COPY} as stated_control_date,
                    previous_control_date - {copy * DAYS_BACK_PER_COPY} as previous_control_date,
                    settlement_date - {copy * DAYS_BACK_PER_COPY} as settlement_date,
                    '{copy}' || control_number as control_number,
                    '{copy}' || previous_control_number as previous_control_number,
                )
                from warehouse.{REPORTS}
                limit {min(in_warehouse, reports - copy * in_warehouse)}
                """
            )


def measure(file: Path, models: dict[str, Model]) -> Measurement:
    """Time every step over the reports of a file."""
    with connect(file) as connection:
        create(connection, models, ["stg_trace__reports"])
        runs = [_measure_once(connection, models) for _ in range(RUNS)]
        ((reports,),) = connection.execute(f"select count(*) from {REPORTS}").fetchall()
        ((candidates,),) = connection.execute(f"select count(*) from {models[CANDIDATES[0]].relation}").fetchall()
    return Measurement(reports, *(min(seconds) for seconds in zip(*runs, strict=True)), candidates, peak_memory_gib())


def _measure_once(connection: duckdb.DuckDBPyConnection, models: dict[str, Model]) -> tuple[float, ...]:
    """Seconds of floor, cleaning, candidates, matching and audit."""
    scan = seconds_of(connection, read_all(REPORTS, COLUMNS_READ))
    cleaning = create(connection, models, CLEANING)
    cleaned = models[CLEANING[-1]].relation
    columns = [name for name, *_ in connection.execute(f"describe {cleaned}").fetchall()]
    cleaning += seconds_of(connection, read_all(cleaned, columns))
    candidates = create(connection, models, CANDIDATES)
    ((rows,),) = connection.execute(f"select count(*) from {models[CANDIDATES[0]].relation}").fetchall()
    write = seconds_of(
        connection,
        f"create or replace table main.floor as select {CANDIDATE_COLUMNS} from {REPORTS} limit {rows}",
    )
    return (
        scan + write,
        cleaning,
        candidates,
        create(connection, models, MATCHING),
        create(connection, models, AUDIT),
    )


def create(connection: duckdb.DuckDBPyConnection, models: dict[str, Model], names: Iterable[str]) -> float:
    """Build models one after the other; returns the seconds."""
    return sum(
        seconds_of(connection, f"create or replace {model.kind} {model.relation} as {model.sql}")
        for model in (models[name] for name in names)
    )


def read_all(relation: str, columns: Iterable[str]) -> str:
    """A query that reads every value of the columns."""
    return f"select {', '.join(f'max({column})' for column in columns)} from {relation}"


def seconds_of(connection: duckdb.DuckDBPyConnection, statement: str) -> float:
    start = time.perf_counter()
    connection.execute(statement).fetchall()
    return time.perf_counter() - start


def peak_memory_gib() -> float:
    """Of this process since it started; Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measure_hardest_award(file: Path, models: dict[str, Model]) -> str:
    """The search that takes longest within the bound on states, in words: no trades add up to the award."""
    with connect(file) as connection:
        connection.execute(HARDEST_AWARD)
        create(connection, models, ["int_soma_pairs", "int_soma_matches_level_1"])
        seconds = create(connection, models, [SEARCHES])
    return (
        f"The hardest award, 300 trades of odd thousands that never add up to it: {seconds:.1f} s, "
        f"{peak_memory_gib():.1f} GiB."
    )


def as_markdown(measurements: list[Measurement]) -> list[str]:
    """A row per size, then how each step grows from one size to the next."""
    steps = ("floor", "cleaning", "candidates", "matching", "audit")
    lines = [
        f"| reports | {' | '.join(steps)} | cleaning / floor | candidate rows | peak memory |",
        "| ---: " * (len(steps) + 4) + "|",
    ]
    for found in measurements:
        seconds = " | ".join(f"{getattr(found, step):.1f} s" for step in steps)
        lines.append(
            f"| {found.reports:,} | {seconds} | {found.cleaning / found.floor:.1f} "
            f"| {found.candidate_rows:,} | {found.peak_gib:.1f} GiB |"
        )
    for before, after in pairwise(measurements):
        growth = " | ".join(f"× {getattr(after, step) / getattr(before, step):.1f}" for step in ("reports", *steps))
        lines.append(f"| {growth} | | | |")
    return lines


if __name__ == "__main__":
    main()
