"""The engine of packages: it estimates what the arrays do, on every panel, and hands over the packages' results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from linearmodels.iv.results import AbsorbingLSResults, IVResults
from statsmodels.regression.linear_model import RegressionResultsWrapper
from threadpoolctl import threadpool_info, threadpool_limits

import dealer_limits
from dealer_limits.estimation import packages
from dealer_limits.estimation.absorb import prepare_effects
from dealer_limits.estimation.packages import absorbed, prepare_packages
from dealer_limits.estimation.panel import CollinearError, Fit, Variables, take_out_effects
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import fit_column
from dealer_limits.estimation.specifications import Specification, specification_of
from estimate_warehouse import make_world, write_warehouse
from panels import PANELS, in_two_parts, with_holes

# both effects in either order, each alone, none
EFFECTS = ["unit;period", "period;unit", "unit", "period", ""]


def specification(**columns: str) -> Specification:
    row = {"table": "1", "column": "1", "observations": "panel", "dependent": "y", "regressors": "x1;x2"}
    return specification_of(row | columns, "here")


def variables_in(frame: pd.DataFrame, spec: Specification) -> Variables:
    levels = frame[list(spec.absorb)].to_numpy() if spec.absorb else np.empty((len(frame), 0), dtype=int)
    return take_out_effects({name: frame[name].to_numpy(dtype=float) for name in spec.variables}, levels)


def both(frame: pd.DataFrame, spec: Specification) -> tuple[Fit, Fit]:
    """The fits of the packages and of the arrays."""
    variables, few = variables_in(frame, spec), Bootstrap(draws=2)
    return prepare_packages(variables, few)(spec), fit_column(variables, spec, few)


def assert_equal(ours: Fit, other: Fit) -> None:
    np.testing.assert_allclose(ours.coef, other.coef, rtol=1e-9)
    np.testing.assert_allclose(ours.se, other.se, rtol=1e-8)
    assert ours.measures == pytest.approx(other.measures, rel=1e-8)
    assert (ours.nobs, ours.df_resid) == (other.nobs, other.df_resid)


@pytest.mark.parametrize("constant", ["", "true"], ids=["", "constant"])
@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("name", PANELS)
def test_packages_find_what_the_arrays_find_on_every_panel(name: str, effects: str, constant: str):
    ours, other = both(PANELS[name](), specification(absorb=effects, report_constant=constant))
    assert_equal(ours, other)
    # k is counted by the package itself
    assert ours.results.df_resid == ours.df_resid


@pytest.mark.parametrize("effects", EFFECTS[:-1])
@pytest.mark.parametrize("columns", [{}, {"report_constant": "true"}, {"regressors": "x1"}], ids=str)
def test_two_stages_are_those_of_the_arrays(effects: str, columns: dict[str, str]):
    frame = with_holes()
    draws = np.random.default_rng(3).normal(size=(2, len(frame)))
    frame = frame.assign(z1=frame["x1"] + draws[0], z2=frame["x1"] - frame["x2"] + draws[1])
    named = {"endogenous": "x1", "instruments": "z1;z2", "estimator": "iv", "absorb": effects}
    ours, other = both(frame, specification(**(named | columns)))
    assert_equal(ours, other)
    assert list(ours.measures) == ["first_stage_f"]
    assert isinstance(ours.results, IVResults)


def test_quantile_is_the_exact_one_with_that_of_quantreg_beside_it():
    frame = with_holes().assign(day=0)
    ours, other = both(frame, specification(estimator="quantile:0.75"))
    np.testing.assert_array_equal(ours.coef, other.coef)
    beside = sm.QuantReg(frame["y"], sm.add_constant(frame[["x1", "x2"]], prepend=False)).fit(0.75)
    np.testing.assert_allclose(ours.results.params, beside.params, rtol=1e-12)
    # statsmodels stops at 1e-6
    np.testing.assert_allclose(ours.coef, beside.params.iloc[:2], rtol=1e-3)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_effects_are_handed_over_connected_and_with_the_rank_of_the_dummies(parts: int):
    """linearmodels counts the levels less one: on panels in parts that is too many, unless parts are joined."""
    frame = pd.concat([with_holes(units=5, periods=20, seed=part) + 1000 * part for part in range(parts)])
    effects = prepare_effects(frame[["unit", "period"]].astype(int).to_numpy())
    given = absorbed(effects).cat.apply(lambda level: level.cat.codes)
    dense, joined = (
        np.column_stack([pd.get_dummies(column, dtype=float) for column in columns])
        for columns in (effects.levels, (given[column] for column in given))
    )
    rank = np.linalg.matrix_rank(dense)
    assert rank == effects.rank == joined.shape[1] - 1 == np.linalg.matrix_rank(joined)
    assert np.linalg.matrix_rank(np.column_stack([dense, joined])) == rank


def test_an_effect_that_the_other_spans_is_left_out():
    """Every unit on days of its own: unit effects add nothing, and pyhdfe refuses an effect of one level."""
    frame = with_holes(units=4, periods=30)
    frame["unit"] = frame["period"] // 5
    ours, other = both(frame, specification(absorb="unit;period"))
    assert_equal(ours, other)


def test_collinear_regressors_are_named_as_by_the_arrays():
    frame = with_holes().assign(x2=lambda frame: frame["period"] * 2.0, x3=lambda frame: frame["x1"] * 2)
    for columns in ({"absorb": "period"}, {"regressors": "x1;x3"}):
        spec = specification(**columns)
        variables = variables_in(frame, spec)
        said = []
        for fit in (
            prepare_packages(variables, Bootstrap()),
            lambda spec, of=variables: fit_column(of, spec, Bootstrap()),
        ):
            with pytest.raises(CollinearError) as caught:
                fit(spec)
            said.append((caught.value.terms, caught.value.within_effects))
        assert said[0] == said[1]


def test_what_linearmodels_takes_for_absorbed_is_said_with_the_engine_that_estimates_it():
    frame = with_holes()
    frame["x2"] = frame["period"] + 1e-6 * frame["x2"]
    spec = specification(absorb="period")
    variables = variables_in(frame, spec)
    assert np.isfinite(fit_column(variables, spec, Bootstrap()).se).all()
    with pytest.raises(ValueError, match="linearmodels takes for nothing: the engine arrays estimates it"):
        prepare_packages(variables, Bootstrap())(spec)


def test_blas_has_one_thread_during_a_fit_and_its_own_number_after_it(monkeypatch: pytest.MonkeyPatch):
    seen = []

    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    right = packages.project_regressors
    monkeypatch.setattr(packages, "project_regressors", lambda *named: seen.append(threads()) or right(*named))
    spec = specification(absorb="unit;period")
    with threadpool_limits(limits=2, user_api="blas"):
        prepare_packages(variables_in(in_two_parts(), spec), Bootstrap())(spec)
        assert threads() == {2}
    assert seen == [{1}]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_warehouse(tmp_path_factory.mktemp("packages") / "w.duckdb", make_world(days=40))


def test_results_of_the_packages_come_with_the_frame(warehouse: Path):
    options = {"warehouse": warehouse, "draws": 2}
    frame, results = dealer_limits.estimate(6, 8, 15, **options, results=True)
    pd.testing.assert_frame_equal(frame, dealer_limits.estimate(6, 8, 15, **options))
    assert list(results) == list(dict.fromkeys(frame[["table", "panel", "column"]].itertuples(index=False, name=None)))
    kinds = {"6": AbsorbingLSResults, "8": IVResults, "15": RegressionResultsWrapper}
    assert all(isinstance(found, kinds[table]) for (table, _, _), found in results.items())
    for row in frame[frame["table"] != "15"].itertuples():
        found = results[row.table, row.panel, row.column]
        assert found.params[row.term] == pytest.approx(row.coef, rel=1e-12)
        assert found.std_errors[row.term] == pytest.approx(row.se, rel=1e-12)


def test_engines_of_our_own_have_no_results(warehouse: Path):
    for engine in ("arrays", "sql"):
        _, results = dealer_limits.estimate(6, warehouse=warehouse, engine=engine, results=True)
        assert set(results.values()) == {None}
