"""The comparison of engines and packages: it passes, and it fails where an estimate is wrong."""

from __future__ import annotations

import importlib.util
import io
import re
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


def test_every_column_agrees_in_every_pair_of_estimators(warehouse: Path):
    agrees, text = run(warehouse, TABLES)
    assert agrees
    pairs = [tuple(line.split()[:4]) for line in text.splitlines() if " yes" in line]
    assert pairs == [
        ("ols", "packages", "arrays", "26"),
        ("ols", "packages", "sql", "24"),
        ("ols", "packages", "pyfixest", "26"),
        ("ols", "arrays", "sql", "24"),
        ("ols", "arrays", "pyfixest", "26"),
        ("ols", "sql", "pyfixest", "24"),
        ("iv", "packages", "arrays", "6"),
        ("iv", "packages", "pyfixest", "6"),
        ("iv", "arrays", "pyfixest", "6"),
        ("quantile", "exact", "scipy", "linprog"),
        ("quantile", "bootstrap", "draws", "scipy"),
    ]
    assert "38 columns verified" in text
    assert "NO" not in text


def test_iterated_quantiles_are_shown_beside_and_not_held_to_the_tolerance(warehouse: Path):
    """QuantReg stops where its steps are small, not where the loss is least."""
    agrees, text = run(warehouse, ["15"])
    (line,) = (line for line in text.splitlines() if "QuantReg" in line)
    assert agrees and "not held" in line
    assert float(line.split()[6]) > verify.COEF_TOLERANCE


def test_wrong_degrees_of_freedom_are_found(warehouse: Path, monkeypatch: pytest.MonkeyPatch):
    """One effect too many in k, as a package has it that overlooks a collinear dummy."""
    right = panel.prepare_effects

    def one_too_many(levels: np.ndarray) -> Effects:
        effects = right(levels)
        return replace(effects, rank=effects.rank + 1)

    monkeypatch.setattr(panel, "prepare_effects", one_too_many)
    agrees, text = run(warehouse, ["6"])
    assert not agrees
    for other in ("packages", "sql", "pyfixest"):
        assert re.search(f"Table 6 column 1: ({other} differs from arrays|arrays differs from {other}): coef", text)
    assert "packages differs from sql" not in text


def test_wrong_quantile_is_found(warehouse: Path, monkeypatch: pytest.MonkeyPatch):
    right = quantile.solve_quantile
    monkeypatch.setattr(
        quantile, "solve_quantile", lambda x, y, weights, tau, basis=None: right(x, y, weights, 0.6, basis)
    )
    agrees, text = run(warehouse, ["15"])
    assert not agrees
    assert "Table 15(a) column 2: exact differs from scipy linprog" in text
    assert "Table 15(a) column 1" not in text


def test_difference_costs_exit_code_1(warehouse: Path, monkeypatch: pytest.MonkeyPatch):
    arguments = ["verify", "--warehouse", str(warehouse), "--table", "6"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    monkeypatch.setattr(verify, "COEF_TOLERANCE", 1e-20)
    assert CliRunner().invoke(app, arguments).exit_code == 1


def test_package_that_is_not_installed_costs_one_line(warehouse: Path, monkeypatch: pytest.MonkeyPatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pyfixest" else found(name))
    with pytest.raises(DealerLimitsError, match="compares with pyfixest, which is not installed"):
        run(warehouse, ["6"])


def test_unknown_table_raises(warehouse: Path):
    with pytest.raises(DealerLimitsError, match="there is no Table 16"):
        run(warehouse, ["16"])
