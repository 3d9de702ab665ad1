"""Engines estimate the same: packages, arrays and the database."""

from __future__ import annotations

import io
import re
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation import engines
from dealer_limits.estimation.compare import KEYS, compare, read_printed
from dealer_limits.estimation.engines import SQL_MEASURES
from dealer_limits.estimation.in_database import TOLERANCE
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import run_estimates
from dealer_limits.exhibits.layout import read_numbers
from estimate_warehouse import make_world, write_warehouse

# one table of every mart, with one, two and no effects, the constant, interactions and an instrumented column
TABLES = ["4", "8", "11", "12", "15"]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_warehouse(tmp_path_factory.mktemp("engines") / "w.duckdb", make_world(days=60))


def run(warehouse: Path, engine: str, tables: list[str] | None = None, console: Console | None = None) -> pd.DataFrame:
    output = warehouse.parent / engine
    console = console or Console(file=io.StringIO(), width=160)
    return run_estimates(warehouse, output, tables or TABLES, console, Bootstrap(draws=2), engine)


@pytest.mark.parametrize("engine", ["packages", "sql"])
def test_engines_estimate_the_same(warehouse: Path, engine: str):
    """1e-9 of coefficients and 1e-8 of errors; p-values of 1e-20 magnify the last digits of t."""
    arrays, other = (run(warehouse, name).set_index(KEYS)["value"] for name in ("arrays", engine))
    other = other.drop(index=list(SQL_MEASURES), level="statistic", errors="ignore")
    assert arrays.index.equals(other.index)
    np.testing.assert_allclose(other, arrays, rtol=1e-8, atol=1e-14)
    of_coef = arrays.index.get_level_values("statistic") == "coef"
    np.testing.assert_allclose(other[of_coef], arrays[of_coef], rtol=1e-9)


def test_columns_say_how_well_the_database_did(warehouse: Path):
    """Two effects are iterated, to the tolerance; one effect is exact at once."""
    estimates = run(warehouse, "sql", ["2", "4"])
    measures = estimates[estimates["statistic"].isin(SQL_MEASURES)].pivot(
        index=["table", "panel", "column"], columns="statistic", values="value"
    )
    assert len(measures) == estimates["statistic"].eq("nobs").sum()
    assert (measures["iterations"] >= 1).all()
    assert measures["demeaning_error"].between(0, TOLERANCE).all()
    assert (measures["singletons"] >= 0).all()
    written = pd.read_parquet(warehouse.parent / "sql" / "estimates.parquet")
    assert set(SQL_MEASURES) <= set(written["statistic"])


def test_further_statistics_change_no_comparison(warehouse: Path):
    estimates = run(warehouse, "sql", ["2"])
    fewer = estimates[~estimates["statistic"].isin(SQL_MEASURES)]
    with duckdb.connect(warehouse, read_only=True) as connection:
        pd.testing.assert_frame_equal(
            *(compare(read_printed(connection, ["2"]), frame) for frame in (estimates, fewer))
        )
        assert read_numbers(connection, estimates).distances == read_numbers(connection, fewer).distances


@pytest.mark.parametrize(
    ("engine", "tables", "said"),
    [
        ("arrays", ["2"], r"^engine arrays: 12 columns$"),
        ("packages", ["2"], r"^engine packages: 12 columns$"),
        ("auto", ["2"], r"^engine packages: 12 columns$"),
        (
            "sql",
            ["2"],
            r"^engine sql: 12 columns in up to \d+ iterations, demeaned variables known to \de-1\d, "
            r"up to \d+ singletons kept$",
        ),
        ("sql", ["2", "15"], r"^engine packages: 8 columns\nengine sql: 12 columns in "),
    ],
)
def test_engine_used_is_said(warehouse: Path, engine: str, tables: list[str], said: str):
    console = Console(file=io.StringIO(), width=160)
    run(warehouse, engine, tables, console)
    assert re.search(said, console.file.getvalue(), flags=re.MULTILINE)
    assert ("engine sql" in console.file.getvalue()) == (engine == "sql")


def test_least_squares_was_estimated_in_the_database(warehouse: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []
    original = engines.fit_in_database
    monkeypatch.setattr(
        engines, "fit_in_database", lambda *arguments: asked.append(arguments[1]) or original(*arguments)
    )
    for engine in ("arrays", "packages", "auto"):
        run(warehouse, engine, ["2"])
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
    with pytest.raises(DealerLimitsError, match="no engine spark: choose from auto, packages, arrays, sql"):
        run(warehouse, "spark")
