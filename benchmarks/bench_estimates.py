"""How long all printed regressions take here, beside linearmodels and pyfixest one column at a time.

Ours is timed from the warehouse file to the fits, reading included; the packages get arrays that have been
read beforehand, so that only their estimation counts. The columns are those of least squares and of
instrumental variables with robust errors, 167 of 173. Quantile regressions are timed apart, once without
and once with their bootstraps, which the two packages do not have. Times are only to be compared within a
run, so no test does.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import estimate
from dealer_limits.estimation.specifications import Registry, Specification, load_registry
from dealer_limits.estimation.verify import (
    Observations,
    Reference,
    absorbing_least_squares,
    linearmodels_two_stages,
    pyfixest_least_squares,
    pyfixest_two_stages,
    read_observations,
)
from dealer_limits.warehouse import open_warehouse

PROJECT = Path(__file__).resolve().parents[1]

PACKAGES: dict[str, dict[str, Callable[[Observations], Reference]]] = {
    "linearmodels": {"ols": absorbing_least_squares, "iv": linearmodels_two_stages},
    "pyfixest": {"ols": pyfixest_least_squares, "iv": pyfixest_two_stages},
}


def seconds_of(work: Callable[[], object], runs: int) -> float:
    """The quickest of some runs: others use the machine too."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def seconds_of_estimates(
    warehouse: Path, specs: Sequence[Specification], registry: Registry, bootstrap: Bootstrap, runs: int
) -> float:
    """From the warehouse file to all fits."""

    def work() -> None:
        with open_warehouse(warehouse) as connection:
            reasons = [fit for _, fit in estimate(connection, registry, specs, bootstrap) if isinstance(fit, str)]
        if reasons:
            raise SystemExit(reasons[0])

    return seconds_of(work, runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warehouse", type=Path, default=PROJECT / "warehouse" / "dealer_limits.duckdb")
    parser.add_argument("--runs", type=int, default=2, help="the quickest of so many counts")
    parser.add_argument("--out", type=Path, help="also write the numbers to this JSON file")
    options = parser.parse_args()

    with open_warehouse(options.warehouse) as connection:
        registry = load_registry(connection)
        linear = [spec for spec in registry.specifications if spec.covariance == "robust"]
        quantile = [spec for spec in registry.specifications if spec.covariance == "bootstrap"]
        observations = {spec: read_observations(connection, spec) for spec in linear}

    bootstrap = Bootstrap()
    seconds = {
        f"here, {len(linear)} columns": seconds_of_estimates(
            options.warehouse, linear, registry, bootstrap, options.runs
        )
    }
    for package, estimators in PACKAGES.items():
        # what a package compiles or imports at its first call is not counted
        for estimator, fit in estimators.items():
            fit(next(observations[spec] for spec in linear if spec.estimator == estimator))

        def work(estimators: dict = estimators) -> None:
            for spec in linear:
                estimators[spec.estimator](observations[spec])

        seconds[f"{package}, the same columns"] = seconds_of(work, options.runs)
    few = Bootstrap(draws=2)
    seconds[f"here, {len(quantile)} quantile columns, 2 draws"] = seconds_of_estimates(
        options.warehouse, quantile, registry, few, options.runs
    )
    seconds[f"here, the same, {bootstrap.draws:,} draws of pairs and of blocks"] = seconds_of_estimates(
        options.warehouse, quantile, registry, bootstrap, options.runs
    )

    base = next(iter(seconds.values()))
    print(f"{'':<60}{'seconds':>10}{'ratio':>8}")
    for name, value in seconds.items():
        print(f"{name:<60}{value:>10.2f}{value / base:>8.1f}")
    if options.out:
        options.out.write_text(json.dumps(seconds, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
