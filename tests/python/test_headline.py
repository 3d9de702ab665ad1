"""Table 2 on the default world. Treasury desks are the same at every scale, so a small one serves."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from dealer_limits.estimation.run import run_estimates
from workspace import Workspace


@pytest.fixture(scope="module")
def comparison(warehouse: Workspace, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    output: Path = tmp_path_factory.mktemp("output")
    run_estimates(warehouse.published, output, ["1", "2"], Console(file=io.StringIO()))
    return pd.read_csv(output / "comparison.csv", dtype={"table": str})


def test_twelve_coefficients_of_table_2_have_the_printed_sign(comparison: pd.DataFrame) -> None:
    coefficients = comparison[(comparison["table"] == "2") & (comparison["statistic"] == "coef")]
    assert len(coefficients) == 12
    assert (coefficients["printed"] < 0).all()
    assert (coefficients["ours"] < 0).all()


def test_n_of_table_2_is_within_five_percent_of_the_printed_n(comparison: pd.DataFrame) -> None:
    counts = comparison[(comparison["table"] == "2") & (comparison["statistic"] == "nobs")]
    assert len(counts) == 12
    assert ((counts["ours"] / counts["printed"] - 1).abs() <= 0.05).all()


def test_counts_of_table_1a_are_within_five_percent_of_the_printed_counts(comparison: pd.DataFrame) -> None:
    counts = comparison[
        (comparison["table"] == "1") & (comparison["panel"] == "a") & (comparison["statistic"] == "count")
    ]
    assert len(counts) == 14
    assert ((counts["ours"] / counts["printed"] - 1).abs() <= 0.05).all()
