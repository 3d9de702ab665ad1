"""The comparison of estimates with other packages: it passes, and it fails where an estimate is wrong."""

from __future__ import annotations

import importlib.util
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from dealer_limits.cli import app
from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation import panel, quantile, verify
from dealer_limits.estimation.absorb import Effects
from estimate_warehouse import make_world, write_warehouse

# every estimator, one and two effects, a constant, several regressors
TABLES = ["6", "8", "11", "12", "15"]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_warehouse(tmp_path_factory.mktemp("verify") / "w.duckdb", make_world(days=40))


def run(warehouse: Path, tables: list[str]) -> tuple[bool, str]:
    console = Console(file=io.StringIO(), width=150)
    return verify.run_verification(warehouse, console, tables), console.file.getvalue()


def test_columns_agree_with_every_reference(warehouse: Path):
    agrees, text = run(warehouse, TABLES)
    assert agrees
    for reference in ("AbsorbingLS", "IV2SLS", "pyfixest feols", "dummy variables", "scipy linprog"):
        assert reference in text
    assert "38 columns verified" in text
    assert "NO" not in text


def test_wrong_degrees_of_freedom_are_found(warehouse: Path, monkeypatch: pytest.MonkeyPatch):
    """One effect too many in k, as a package has it that overlooks a collinear dummy."""
    right = panel.prepare_effects

    def one_too_many(levels: np.ndarray) -> Effects:
        effects = right(levels)
        return replace(effects, rank=effects.rank + 1)

    monkeypatch.setattr(panel, "prepare_effects", one_too_many)
    agrees, text = run(warehouse, ["6"])
    assert not agrees
    assert "Table 6 column 1 differs from dummy variables: coef" in text


def test_wrong_quantile_is_found(warehouse: Path, monkeypatch: pytest.MonkeyPatch):
    right = quantile.solve_quantile
    monkeypatch.setattr(
        quantile, "solve_quantile", lambda x, y, weights, tau, basis=None: right(x, y, weights, 0.6, basis)
    )
    agrees, text = run(warehouse, ["15"])
    assert not agrees
    assert "Table 15(a) column 2 differs from scipy linprog" in text
    assert "Table 15(a) column 1" not in text


def test_difference_costs_exit_code_1(warehouse: Path, monkeypatch: pytest.MonkeyPatch):
    arguments = ["verify", "--warehouse", str(warehouse), "--table", "6"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    monkeypatch.setattr(verify, "TOLERANCE", 1e-20)
    assert CliRunner().invoke(app, arguments).exit_code == 1


def test_package_that_is_not_installed_costs_one_line(warehouse: Path, monkeypatch: pytest.MonkeyPatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pyfixest" else found(name))
    with pytest.raises(DealerLimitsError, match="compares with pyfixest, which is not installed"):
        run(warehouse, ["6"])


def test_unknown_table_raises(warehouse: Path):
    with pytest.raises(DealerLimitsError, match="there is no Table 16"):
        run(warehouse, ["16"])


def test_dummies_that_others_add_up_to_are_left_out_on_a_disconnected_panel():
    """Three components of two effects: as many dummies as their rank."""
    levels = np.array([[0, 0], [0, 1], [1, 1], [2, 2], [3, 2], [4, 3]])
    dense = np.column_stack([np.equal.outer(column, np.unique(column)) for column in levels.T]).astype(float)
    kept, means = verify.independent_dummies(levels)
    assert kept.shape[1] == np.linalg.matrix_rank(dense) == np.linalg.matrix_rank(kept.toarray()) == 6
    np.testing.assert_allclose(means, kept.toarray().mean(axis=0))
