"""How long the printed regressions take by every engine and by pyfixest, in one run.

An engine is timed from the warehouse file to the fits, reading included; pyfixest gets arrays that have been
read beforehand, one column at a time, so that only its estimation counts. The columns are those of least squares
and of instrumental variables with robust errors, 167 of 173; of those the engine sql has least squares of
variables as they are, and leaves eight to the packages. Quantile regressions are timed apart, once without and
once with their bootstraps, which no package has. Times are only to be compared within a run, so no test does.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from dealer_limits.estimation.engines import ENGINES
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import estimate
from dealer_limits.estimation.specifications import Registry, Specification, load_registry
from dealer_limits.estimation.verify import pyfixest_least_squares, read_observations
from dealer_limits.warehouse import open_warehouse

PROJECT = Path(__file__).resolve().parents[1]


def seconds_of(work: Callable[[], object], runs: int) -> float:
    """The quickest of some runs: others use the machine too."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def estimate_all(
    warehouse: Path, registry: Registry, specs: Sequence[Specification], bootstrap: Bootstrap, engine: str
) -> None:
    """From the warehouse file to all fits."""
    with open_warehouse(warehouse) as connection:
        for spec, fit in estimate(connection, registry, specs, bootstrap, engine):
            if isinstance(fit, str):
                raise SystemExit(f"{spec.label}: {fit}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warehouse", type=Path, default=PROJECT / "warehouse" / "dealer_limits.duckdb")
    parser.add_argument("--runs", type=int, default=2, help="the quickest of so many counts")
    parser.add_argument("--out", type=Path, help="also write the numbers to this JSON file")
    options = parser.parse_args()

    with open_warehouse(options.warehouse) as connection:
        registry = load_registry(connection)
        linear = [spec for spec in registry.specifications if spec.kind != "quantile"]
        quantile = [spec for spec in registry.specifications if spec.kind == "quantile"]
        observations = [read_observations(connection, spec) for spec in linear]

    def engine_on(specs: Sequence[Specification], bootstrap: Bootstrap, engine: str) -> Callable[[], None]:
        return lambda: estimate_all(options.warehouse, registry, specs, bootstrap, engine)

    few, bootstrap = Bootstrap(draws=2), Bootstrap()
    works = {f"{engine}, {len(linear)} columns": engine_on(linear, few, engine) for engine in ENGINES[1:]}
    works["pyfixest, the same columns"] = lambda: [pyfixest_least_squares(rows) for rows in observations]
    works[f"{len(quantile)} quantile columns, 2 draws"] = engine_on(quantile, few, "arrays")
    works[f"the same, {bootstrap.draws:,} draws of pairs and of blocks"] = engine_on(quantile, bootstrap, "arrays")
    # what is compiled or imported at the first call is not counted
    for work in (engine_on(linear[:1], few, "packages"), lambda: pyfixest_least_squares(observations[0])):
        work()
    seconds = {name: seconds_of(work, options.runs) for name, work in works.items()}

    base = seconds[f"arrays, {len(linear)} columns"]
    print(f"{'':<60}{'seconds':>10}{'× arrays':>10}")
    for name, value in seconds.items():
        print(f"{name:<60}{value:>10.2f}{value / base:>10.1f}")
    if options.out:
        options.out.write_text(json.dumps(seconds, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
