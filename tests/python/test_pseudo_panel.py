"""The panel in memory is the panel of the warehouse: the same seed gives the same estimates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from conftest import SCALE
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import estimate, long_rows
from dealer_limits.estimation.specifications import Specification, load_registry
from dealer_limits.montecarlo import calibration_fit, levels_fit
from dealer_limits.montecarlo.desk_panel import DeskPanel, simulate_desk_panel
from dealer_limits.montecarlo.illiquidity_fit import illiquidity_numbers
from dealer_limits.montecarlo.levels_fit import level_moments, level_targets
from dealer_limits.montecarlo.panel_regressions import estimate_on, panel_specifications, panel_variables
from dealer_limits.montecarlo.processes import PACKAGE
from dealer_limits.pseudo.desk_treasury import simulate_treasury_desks
from dealer_limits.pseudo.parameters import parameter_rows, world_parameters
from dealer_limits.pseudo.world import DEFAULT_SEED
from workspace import Workspace

# one column of each table and panel: 1, 5 and 10 days, each kind of regressor
COLUMNS = [row for row in panel_specifications() if row.table != "8" and row.column in ("1", "6", "9")]


@pytest.fixture(scope="module")
def panel() -> DeskPanel:
    return simulate_desk_panel(DEFAULT_SEED, world_parameters(), SCALE)


@pytest.fixture(scope="module")
def connection(warehouse: Workspace) -> duckdb.DuckDBPyConnection:
    with warehouse.connect() as connection:
        yield connection


@pytest.mark.parametrize("row", COLUMNS, ids=lambda row: "-".join(row.key))
def test_panel_in_memory_gives_the_estimates_of_the_warehouse(
    row: Specification, panel: DeskPanel, connection: duckdb.DuckDBPyConnection
) -> None:
    registry = load_registry(connection)
    spec = next(spec for spec in registry.specifications if spec.key == row.key)
    ((_, marts),) = estimate(connection, registry, [spec], Bootstrap())

    memory = estimate_on(panel, row)

    assert memory.nobs == marts.nobs
    # P&L over VaR has ten decimals in the marts; all else differs in the last digits of a double
    assert memory.measures["r2"] == pytest.approx(marts.measures["r2"], abs=1e-9)
    assert memory.coef == pytest.approx(marts.coef, abs=1e-9)
    assert memory.se == pytest.approx(marts.se, abs=1e-9)


def test_instruments_in_memory_are_those_of_the_warehouse(
    panel: DeskPanel, connection: duckdb.DuckDBPyConnection
) -> None:
    rows = connection.execute(
        """
        select firm_limit_increase, firm_limit_decrease
        from marts.fct_desk_day where is_prime_treasury_desk and log_limit_usage is not null
        """
    ).df()
    has_usage = np.isfinite(panel.terms["log_limit_usage"]) & panel.is_prime
    for name in ("firm_limit_increase", "firm_limit_decrease"):
        ours = panel.terms[name][has_usage]
        ours, theirs = np.sort(ours[np.isfinite(ours)]), np.sort(rows[name].dropna())
        assert len(ours) == len(theirs)
        assert (theirs != 0).any()
        assert ours == pytest.approx(theirs, abs=1e-12)


def test_levels_in_memory_are_those_of_the_warehouse(connection: duckdb.DuckDBPyConnection) -> None:
    summary = connection.execute("select outcome, statistic, value from marts.fct_summary_statistics where panel = 'a'")
    marts = {("1", "a", "", outcome, statistic): value for outcome, statistic, value in summary.fetchall()}
    figures = connection.execute("select figure, measure, level from marts.fct_figure_measure")
    marts |= {("figure", figure, "", measure, "level"): level for figure, measure, level in figures.fetchall()}

    memory = level_moments(simulate_treasury_desks(DEFAULT_SEED, world_parameters()))

    assert set(level_targets()) <= set(memory)
    assert memory == pytest.approx({key: marts[key] for key in memory}, rel=1e-6)


def test_table_15_in_memory_is_that_of_the_warehouse(connection: duckdb.DuckDBPyConnection) -> None:
    registry, draws = load_registry(connection), Bootstrap(draws=10)
    specs = [spec for spec in registry.specifications if spec.table == "15"]
    marts = {
        row[:5]: row[5] for spec, fit in estimate(connection, registry, specs, draws) for row in long_rows(spec, fit)
    }

    memory = illiquidity_numbers(DEFAULT_SEED, dict(world_parameters()), draws)

    assert {key[:3] for key in memory} == {spec.key for spec in specs}
    assert memory == pytest.approx({key: marts[key] for key in memory}, abs=1e-8)


def test_sizes_that_are_written_back_unmoved_are_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((levels_fit, "SIZES_FILE"), (calibration_fit, "PARAMETER_FILE")):
        committed = getattr(module, name)
        copy = tmp_path / committed.name
        copy.write_bytes(committed.read_bytes())
        monkeypatch.setattr(module, name, copy)

    levels_fit.write_levels({row.parameter: row.value for row in parameter_rows()}, np.zeros(200))

    assert (tmp_path / "desk_sizes.csv").read_bytes() == (PACKAGE / "pseudo" / "desk_sizes.csv").read_bytes()
    assert (tmp_path / "parameters.csv").read_bytes() == (PACKAGE / "pseudo" / "parameters.csv").read_bytes()


def test_two_stage_least_squares_is_that_of_another_package(panel: DeskPanel) -> None:
    from linearmodels.iv import IV2SLS

    row = next(row for row in panel_specifications() if row.table == "8" and row.column == "2")
    fit = estimate_on(panel, replace(row, covariance="robust"))
    variables, groups = panel_variables(panel, row)
    frame = pd.DataFrame(variables.levels)
    within = frame - frame.groupby(groups["business_date"]).transform("mean")
    reference = IV2SLS(within[row.dependent], None, within[list(row.regressors)], within[list(row.instruments)]).fit()
    # float sums in another order
    assert fit.coef[0] == pytest.approx(reference.params.iloc[0], rel=1e-8)
    # linearmodels has no degrees of freedom in this covariance; ours counts the days
    correction = np.sqrt(fit.nobs / fit.df_resid)
    assert fit.se[0] == pytest.approx(reference.std_errors.iloc[0] * correction, rel=1e-8)


@pytest.mark.parametrize("key", [("2", "a", "5"), ("9", "c", "2"), ("8", "", "2"), ("4", "c", "3")], ids="-".join)
def test_jackknife_errors_are_of_estimates_without_one_firm_each(key: tuple[str, str, str], panel: DeskPanel) -> None:
    row = next(row for row in panel_specifications() if row.key == key)

    fit = estimate_on(panel, replace(row, covariance="jackknife_firm"))

    def without(firm: int) -> np.ndarray:
        outcomes = {name: np.where(panel.firm == firm, np.nan, values) for name, values in panel.outcomes.items()}
        return estimate_on(replace(panel, outcomes=outcomes), row).coef

    # a small world has firms without other desks, and so without instruments
    gaps = np.array([without(firm) for firm in np.unique(panel_variables(panel, row)[1]["firm_rssd"])]) - fit.coef
    count = len(gaps)
    # the same sums in another order
    assert fit.se == pytest.approx(np.sqrt(np.diag(gaps.T @ gaps) * (count - 1) / count), rel=1e-8)
    assert fit.df_resid == count - 1


def test_jackknife_over_a_single_cluster_is_refused(panel: DeskPanel) -> None:
    row = next(row for row in panel_specifications() if row.table == "2")
    with pytest.raises(ValueError, match="one cluster"):
        estimate_on(replace(panel, firm=np.zeros_like(panel.firm)), replace(row, covariance="jackknife_firm"))
