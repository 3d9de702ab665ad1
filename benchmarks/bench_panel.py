"""Two-way effects at 1, 6, 30 and 100 million rows: the sql engine, pyfixest and linearmodels in one run.

Panels of 2,063 days: `unbalanced` (six rows of ten are there; 81,000 units at 100 million rows) and `spells`
(units enter and leave twice, for sixty days each); and `mobility` (workers of ten years with employers, of
whom one in twenty ever moves, and then to a neighbour). Every estimate has errors clustered by
unit and a process of its own. Seconds are those of the estimate: data are in a DuckDB file for the sql engine
and in a data frame for the others. A package is left out where its memory, extrapolated from the size
before, would not fit. Times are only to be compared within a run, so no test does.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from dealer_limits.errors import DealerLimitsError

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES_MN = (1, 6, 30, 100)
# the panels that converge slowly, at these sizes only
SLOW_SIZES_MN = (1, 6)
SETTINGS = {"threads": 2, "memory_limit": "6GB"}
RUNS = 2
MOST_SECONDS = 300

# what ends one measurement and not the run
FAILURES = (ValueError, DealerLimitsError, duckdb.Error, BrokenProcessPool, TimeoutError)

REGRESSORS = ("x1", "x2")
DAYS, SHARE, SPELL, YEARS = 2063, 0.6, 60, 10

# unit and period of row numbers 0 .. n - 1, as SQL
SHAPES = {
    "unbalanced": f"""
        select unit, day as period
        from range({{rows}} // {int(DAYS * SHARE)}) as units (unit), range({DAYS}) as days (day)
        where hash(unit, day) % 1000 < {int(SHARE * 1000)}
    """,
    "spells": f"""
        select
            unit,
            hash(unit) % {DAYS - 4 * SPELL} + day
            + case when day >= {SPELL} then 20 + hash(unit, 1) % {SPELL} else 0 end as period
        from range({{rows}} // {2 * SPELL}) as units (unit), range({2 * SPELL}) as days (day)
    """,
    "mobility": f"""
        select
            unit,
            (
                hash(unit) % ({{rows}} // {50 * YEARS})
                + case
                    when hash(unit, 1) % 20 = 0 and year >= {YEARS} / 2 then 1 + hash(unit, 2) % 3
                    else 0
                end
            ) % ({{rows}} // {50 * YEARS}) as period
        from range({{rows}} // {YEARS}) as units (unit), range({YEARS}) as years (year)
    """,
}


@dataclass(frozen=True)
class Measurement:
    """Seconds of the quickest run, GiB at the peak of the process, coefficients and clustered errors."""

    package: str
    seconds: float
    peak_gib: float
    coef: tuple[float, ...]
    se: tuple[float, ...]
    rows: int
    remark: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES_MN, help="millions of rows")
    parser.add_argument("--panels", nargs="+", choices=SHAPES, default=tuple(SHAPES))
    parser.add_argument("--output", type=Path, default=Path("output"), help="needs 3 GB for 100 million")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    lines = [
        "| panel | rows | package | seconds | × sql | peak memory | largest difference of coef, se | |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    print("\n".join(lines), flush=True)
    for shape in arguments.panels:
        gib_per_row: dict[str, float] = {}
        for size in arguments.sizes:
            if shape != "unbalanced" and size not in SLOW_SIZES_MN:
                continue
            for line in _compare(shape, size * 1_000_000, arguments.output, gib_per_row):
                lines.append(line)
                print(line, flush=True)
    (arguments.output / "bench_panel.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _compare(shape: str, rows: int, output: Path, gib_per_row: dict[str, float]) -> Iterator[str]:
    """A line per package, the sql engine first; of one that fails it says why, and the others go on."""
    with tempfile.TemporaryDirectory(dir=output) as scratch:
        file = Path(scratch) / "panel.duckdb"
        try:
            in_own_process(write_panel, file, shape, rows)
        except FAILURES as error:
            yield _line_without_numbers(shape, rows, "none, the panel was not written", _reason(error))
            return
        sql: Measurement | None = None
        for package in ESTIMATORS:
            needed = gib_per_row.get(package, 0.0) * rows
            # the sql engine keeps within the limit that it is given
            if package != "sql" and needed > available_gib():
                yield _line_without_numbers(shape, rows, package, f"would need {needed:.0f} GiB")
                continue
            try:
                measured = in_own_process(measure, package, file)
            except FAILURES as error:
                yield _line_without_numbers(shape, rows, package, _reason(error))
                continue
            gib_per_row[package] = measured.peak_gib / measured.rows
            if package == "sql":
                sql = measured
            yield _line(shape, measured, sql)


def _reason(error: Exception) -> str:
    """The first line of what an error says; that of a timeout says nothing."""
    return next(iter(str(error).splitlines()), f"more than {MOST_SECONDS} s")


def _line_without_numbers(shape: str, rows: int, package: str, reason: str) -> str:
    return f"| {shape} | {rows:,} | {package} | | | | | {reason} |"


def _line(shape: str, measured: Measurement, sql: Measurement | None) -> str:
    """A line of the table; without a measurement of the sql engine there is nothing to compare with."""
    times, compared = "", ""
    if sql is not None:
        times = f"{measured.seconds / sql.seconds:.1f}"
        differences = [
            max(abs(ours / theirs - 1) for ours, theirs in zip(sql_values, values, strict=True))
            for sql_values, values in ((sql.coef, measured.coef), (sql.se, measured.se))
        ]
        compared = "" if measured is sql else f"{differences[0]:.0e}, {differences[1]:.0e}"
    cells = (
        shape,
        f"{measured.rows:,}",
        measured.package,
        f"{measured.seconds:.2f}",
        times,
        f"{measured.peak_gib:.1f} GiB",
        compared,
        measured.remark,
    )
    return f"| {' | '.join(cells)} |"


def in_own_process(function, *arguments):
    """The function's result, from a process whose peak memory is its own; it is ended after MOST_SECONDS."""
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    try:
        return pool.submit(function, *arguments).result(timeout=MOST_SECONDS)
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True)


def write_panel(file: Path, shape: str, rows: int) -> None:
    """Regressors that go with both effects, and an outcome with the slopes -0.3 and 0.1."""
    noise = "((hash(unit, period, duplicate, {}) % 2000003) / 1000001.5 - 1)"
    with duckdb.connect(file, config=SETTINGS) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(
            f"""
            create table panel as
            with shape as ({SHAPES[shape].format(rows=rows)}),
            numbered as (select unit, period, row_number() over () as duplicate from shape),
            regressors as (
                select
                    cast(unit as integer) as unit,
                    cast(period as integer) as period,
                    duplicate,
                    {noise.format(1)} + (hash(unit, 8) % 100) / 50.0 + sin(period / 300) as x1,
                    {noise.format(2)} - (hash(unit, 9) % 100) / 70.0 + cos(period / 200) as x2
                from numbered
            )
            select
                unit,
                period,
                x1,
                x2,
                -0.3 * x1 + 0.1 * x2 + (hash(unit, 7) % 100) / 10.0 + sin(period / 100)
                + {noise.format(3)} * (0.5 + abs(x1)) as y
            from regressors
            """
        )


def measure(package: str, file: Path) -> Measurement:
    """The quickest of some runs; the data are read before."""
    with duckdb.connect(file, read_only=True, config=SETTINGS) as connection:
        connection.execute("set enable_progress_bar = false")
        data = connection if package == "sql" else connection.execute("from panel").df()
        ((rows,),) = connection.execute("select count(*) from panel").fetchall()
        seconds = []
        for _ in range(RUNS):
            start = time.perf_counter()
            coef, se, remark = ESTIMATORS[package](data)
            seconds.append(time.perf_counter() - start)
            if seconds[-1] > MOST_SECONDS / RUNS / 2:
                break
    return Measurement(package, min(seconds), peak_memory_gib(), tuple(coef), tuple(se), rows, remark)


def estimate_in_database(connection: duckdb.DuckDBPyConnection) -> tuple:
    from dealer_limits.estimation.in_database import PanelQuery, fit_in_database

    query = PanelQuery("panel", "y", REGRESSORS, ("unit", "period"), (("unit",),))
    fit = fit_in_database(connection, query)
    remark = f"{fit.iterations} iterations, to {fit.error:.0e}; {fit.components} components"
    return fit.coef.tolist(), fit.se(("unit",)).tolist(), remark


def estimate_with_pyfixest(frame, demeaner) -> tuple:
    import pyfixest as pf

    fit = pf.feols(
        "y ~ x1 + x2 | unit + period",
        frame,
        vcov={"CRV1": "unit"},
        demeaner=demeaner,
        fixef_rm="none",
        copy_data=False,
        store_data=False,
        lean=True,
    )
    return fit.coef().tolist(), fit.se().tolist(), ""


def estimate_with_pyfixest_map(frame) -> tuple:
    """Alternating projections, as is the default, to a tolerance comparable with ours."""
    import pyfixest as pf

    return estimate_with_pyfixest(frame, pf.MapDemeaner(fixef_tol=1e-10))


def estimate_with_pyfixest_lsmr(frame) -> tuple:
    """The solver for badly connected panels."""
    import pyfixest as pf

    return estimate_with_pyfixest(frame, pf.LsmrDemeaner(fixef_atol=1e-10, fixef_btol=1e-10))


def estimate_with_linearmodels(frame) -> tuple:
    """With the factor that the others use: n - 1 over n - k without the unit effects, and G over G - 1."""
    import numpy as np
    from linearmodels.iv import AbsorbingLS

    fit = AbsorbingLS(frame["y"], frame[list(REGRESSORS)], absorb=frame[["unit", "period"]].astype("category")).fit(
        cov_type="clustered",
        clusters=frame["unit"],
        debiased=False,
        method="lsmr",
        absorb_options={"atol": 1e-12, "btol": 1e-12},
    )
    rows, clusters, periods = len(frame), frame["unit"].nunique(), frame["period"].nunique()
    factor = (rows - 1) / (rows - len(REGRESSORS) - periods) * clusters / (clusters - 1)
    return fit.params.tolist(), (fit.std_errors * np.sqrt(factor)).tolist(), ""


ESTIMATORS = {
    "sql": estimate_in_database,
    "pyfixest": estimate_with_pyfixest_map,
    "pyfixest, lsmr": estimate_with_pyfixest_lsmr,
    "linearmodels": estimate_with_linearmodels,
}


def available_gib() -> float:
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def peak_memory_gib() -> float:
    """Of this process since it started; Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
