"""Diagnostics on a warehouse: the regressions of the worlds whose truth is known, beside what those give."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from conftest import SCALE
from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation import diagnostics as diagnostics_module
from dealer_limits.estimation.diagnostics import run_diagnostics
from dealer_limits.estimation.specifications import Registry
from dealer_limits.montecarlo.desk_panel import simulate_desk_panel
from dealer_limits.montecarlo.panel_regressions import estimate_on, panel_specifications
from dealer_limits.pseudo.parameters import WORLDS, world_parameters
from dealer_limits.pseudo.world import DEFAULT_SEED
from workspace import Workspace


@pytest.fixture(scope="module")
def diagnostics(warehouse: Workspace, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    output: Path = tmp_path_factory.mktemp("output")
    run_diagnostics(warehouse.published, output, Console(file=io.StringIO()))
    return pd.read_csv(output / "diagnostics.csv", dtype={"column": str}, keep_default_na=False)


def test_diagnostics_on_files_are_those_of_the_panel_in_memory(diagnostics: pd.DataFrame) -> None:
    panel = simulate_desk_panel(DEFAULT_SEED, world_parameters(), SCALE)
    found = diagnostics.set_index(["table", "panel", "column", "term"])
    for row in panel_specifications("diagnostics")[::4]:
        fit = estimate_on(panel, row)
        for place, term in enumerate(row.terms):
            ours = found.loc[(*row.key, term)]
            assert ours["nobs"] == fit.nobs
            # P&L over VaR has ten decimals in the marts
            assert ours["coef"] == pytest.approx(fit.coef[place], abs=1e-9)
            assert ours["se"] == pytest.approx(fit.se[place], rel=1e-6)


def test_every_diagnostic_stands_beside_the_three_worlds(diagnostics: pd.DataFrame) -> None:
    assert diagnostics.groupby(["table", "panel", "column"])["is_tested"].sum().eq(1).all()
    for world in WORLDS:
        assert diagnostics[f"{world}_mean"].notna().all()
        assert diagnostics[f"{world}_rejection"].between(0, 1).all()


def test_usage_matters_in_the_default_world_where_the_position_is_held_fixed(
    diagnostics: pd.DataFrame,
) -> None:
    tested = diagnostics[diagnostics["is_tested"]]
    corrected = tested[tested["table"] == "current_position"]
    assert len(corrected) == 12
    assert (corrected["coef"] < 0).all()
    assert corrected["rejects"].mean() > 0.5


def test_a_regression_that_the_data_do_not_identify_is_named_and_left_out(
    warehouse: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = diagnostics_module.load_registry

    def of_two_kinds(connection, seed):
        first, second, *_ = (spec for spec in read(connection, seed=seed).specifications if spec.column == "1")
        # the same regressor twice
        return Registry((first, replace(second, regressors=("log_limit_usage", "log_limit_usage"))))

    monkeypatch.setattr(diagnostics_module, "load_registry", of_two_kinds)
    printed = io.StringIO()
    found = run_diagnostics(warehouse.published, tmp_path, Console(file=printed, width=200))
    assert set(found["table"]) == {"current_position"}
    assert "is not estimated: " in printed.getvalue()


def test_a_warehouse_without_the_registry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DealerLimitsError):
        run_diagnostics(tmp_path / "none.duckdb", tmp_path, Console(file=io.StringIO()))
