"""The registry of printed columns: complete, and in agreement with the printed numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimate.run import lacking
from dealer_limits.estimate.specifications import Registry, build_registry, load_registry
from estimate_warehouse import SEEDS, make_world, write_warehouse


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    path = write_warehouse(tmp_path_factory.mktemp("registry") / "w.duckdb", make_world(days=20))
    with duckdb.connect(str(path), read_only=True) as connection:
        return load_registry(connection)


@pytest.fixture(scope="module")
def printed() -> pd.DataFrame:
    frame = pd.read_csv(SEEDS / "printed_tables.csv", dtype=str, keep_default_na=False)
    return frame[frame["table"] != "1"]


def test_every_printed_column_has_one_specification(registry: Registry, printed: pd.DataFrame):
    keys = [(spec.table, spec.panel, spec.column) for spec in registry.specifications]
    assert len(keys) == 173
    assert len(set(keys)) == 173
    assert set(keys) == set(printed[["table", "panel", "column"]].itertuples(index=False, name=None))


def test_specifications_agree_with_the_printed_tables(registry: Registry, printed: pd.DataFrame):
    """Outcome, horizon, sample and terms of each column are those that the printed numbers name."""
    columns = dict(list(printed.groupby(["table", "panel", "column"])))
    for spec in registry.specifications:
        rows = columns[spec.table, spec.panel, spec.column]
        assert set(rows["outcome"]) == {spec.outcome}
        assert set(rows["horizon"]) == {"" if spec.horizon is None else str(spec.horizon)}
        assert set(rows["sample"]) == {registry.samples[spec.sample].printed_sample}
        terms = {*spec.regressors, *(["constant"] if spec.report_constant else [])}
        assert set(rows["term"]) - {""} == terms


def test_dependent_variables_are_named_after_the_outcome(registry: Registry):
    """The panel holds the change of each outcome as d_<outcome>; other marts hold the outcome itself."""
    for spec in registry.specifications:
        prefix = "d_" if registry.mart(spec) == "panel_desk_horizon" else ""
        assert spec.dependent == f"{prefix}{spec.outcome}"


def test_desk_regressions_absorb_desk_and_time(registry: Registry):
    """The notes to the tables say so, but for Table 8, which has time effects alone."""
    for spec in registry.specifications:
        if registry.mart(spec) == "panel_desk_horizon":
            assert spec.absorb == (("time",) if spec.table == "8" else ("desk", "time"))


def test_absorbed_effects_are_those_printed(registry: Registry, printed: pd.DataFrame):
    """Where a table prints a row of fixed effects, the specification absorbs them and no others."""
    effects = printed[printed["statistic"].str.endswith("_fe")]
    yes = effects[effects["value"] == "1"].groupby(["table", "panel", "column"])["statistic"].apply(set)
    assert len(yes) > 0
    for spec in registry.specifications:
        key = (spec.table, spec.panel, spec.column)
        if key in yes.index:
            assert {f"{effect}_fe" for effect in spec.absorb} == yes[key]


def test_estimators_are_those_printed(registry: Registry, printed: pd.DataFrame):
    rows = printed[printed["statistic"] == "estimator"].set_index(["table", "panel", "column"])["value"]
    for spec in registry.of_tables(["15"]):
        name = spec.estimator.replace("quantile:0.", "q")
        assert rows[spec.table, spec.panel, spec.column] == name


def test_columns_of_a_horse_race_keep_the_same_observations(registry: Registry):
    """Table 7 prints the same N with and without VaR usage beside DV01 usage."""
    assert {"log_limit_usage"} <= set.intersection(*(set(spec.terms) for spec in registry.of_tables(["7"])))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"regressors": ("nonsense",)}, "unknown term nonsense of panel_desk_horizon"),
        ({"instruments": ("nonsense",), "endogenous": ("log_limit_usage",)}, "unknown term nonsense"),
        ({"sample": "nowhere"}, "unknown sample nowhere"),
        ({"absorb": ("planet",)}, "unknown effect planet"),
        ({"estimator": "magic"}, "unknown estimator magic"),
        ({"covariance": "guess"}, "unknown covariance guess"),
        ({"transform": "square"}, "unknown transform square"),
        ({"regressors": ()}, "has no regressors"),
        ({"endogenous": ("log_limit_usage",)}, "instruments and instrumented variables together"),
        ({"endogenous": ("move",), "instruments": ("firm_limit_increase",)}, "that is no regressor"),
        ({"estimator": "iv"}, "needs instruments for the estimator iv"),
        ({"absorb": ("desk", "time", "bond")}, "absorbs 3 effects, at most 2"),
    ],
)
def test_unknown_names_raise(registry: Registry, changes: dict, message: str):
    wrong = dataclasses.replace(registry.specifications[0], **changes)
    with pytest.raises(DealerLimitsError, match=rf"Table 2\(a\) column 1: .*{message}"):
        build_registry([wrong], registry.samples.values(), registry.expressions)


def test_a_column_given_twice_raises(registry: Registry):
    with pytest.raises(DealerLimitsError, match="is there twice"):
        build_registry([registry.specifications[0]] * 2, registry.samples.values(), registry.expressions)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"estimator": "quantile:0.50"}, "the quantile estimator has bootstrap covariance only"),
        ({"covariance": "bootstrap"}, "the ols estimator has robust covariance only"),
        (
            {"estimator": "quantile:0.50", "covariance": "bootstrap"},
            "the quantile estimator absorbs no effects",
        ),
    ],
)
def test_what_estimation_lacks_is_said_and_never_ignored(
    registry: Registry, changes: dict, reason: str | None
):
    assert lacking(dataclasses.replace(registry.specifications[0], **changes), registry) == reason


def test_estimation_lacks_nothing_that_the_registry_has(registry: Registry):
    assert {lacking(spec, registry) for spec in registry.specifications} == {None}


def test_printed_numbers_are_unchanged():
    """1,034 numbers were printed and read twice; the seed keeps every byte of what was read."""
    import hashlib

    digest = hashlib.sha256(Path(SEEDS / "printed_tables.csv").read_bytes()).hexdigest()
    assert digest == "031a3c2c427a728ea3eed30a3bc000c65abd55c2c2fe451f2ed790d6ab831dd5"
