"""The engine in memory and the one in the database estimate the same."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimate import engines
from dealer_limits.estimate.compare import KEYS
from dealer_limits.estimate.quantile import Bootstrap
from dealer_limits.estimate.run import run_estimates
from estimate_warehouse import make_world, write_warehouse

# one table of every mart, with one, two and no effects, the constant, interactions and an instrumented column
TABLES = ["4", "8", "11", "12", "15"]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_warehouse(tmp_path_factory.mktemp("engines") / "w.duckdb", make_world(days=60))


def run(warehouse: Path, engine: str, tables: list[str] | None = None) -> pd.DataFrame:
    output = warehouse.parent / engine
    console = Console(file=io.StringIO(), width=120)
    return run_estimates(warehouse, output, tables or TABLES, console, Bootstrap(draws=2), engine)


def test_both_engines_estimate_the_same(warehouse: Path):
    """1e-8 is asked for; p-values of 1e-20 magnify the last digits of t, hence their absolute tolerance."""
    memory, database = (run(warehouse, engine).set_index(KEYS)["value"] for engine in ("memory", "sql"))
    assert memory.index.equals(database.index)
    np.testing.assert_allclose(database, memory, rtol=1e-8, atol=1e-14)


def test_least_squares_was_estimated_in_the_database(warehouse: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []
    original = engines.fit_in_database
    monkeypatch.setattr(
        engines, "fit_in_database", lambda *arguments: asked.append(arguments[1]) or original(*arguments)
    )
    run(warehouse, "memory", ["2"])
    run(warehouse, "auto", ["2"])
    assert asked == []
    run(warehouse, "sql", ["2"])
    assert len(asked) == 12
    monkeypatch.setattr(engines, "ROWS_FOR_SQL", 100)
    run(warehouse, "auto", ["2", "8", "15"])
    assert len(asked) == 24


def test_small_marts_give_the_same_bytes_in_the_database(warehouse: Path):
    written = []
    for _ in range(2):
        run(warehouse, "sql", ["2"])
        written.append((warehouse.parent / "sql" / "estimates.parquet").read_bytes())
    assert written[0] == written[1]


def test_unknown_engine_is_named(warehouse: Path):
    with pytest.raises(DealerLimitsError, match="no engine spark: choose from auto, memory, sql"):
        run(warehouse, "spark")
