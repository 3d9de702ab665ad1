"""The registry of printed columns: complete, and in agreement with the printed numbers."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pandas as pd
import pytest

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.specifications import (
    Registry,
    build_registry,
    read_specifications,
    seed_file,
)
from dealer_limits.project import SEEDS
from workspace import contract_columns

# what the printed tables call the rows of a column
PRINTED_SAMPLES = {
    ("obs_desk_horizon", "is_prime_treasury_desk"): "",
    ("obs_desk_horizon", "is_prime_treasury_desk_in_2020"): "2020",
    ("obs_desk_horizon", ""): "all_treasury_desks",
    ("obs_dealer_day", ""): "",
    ("obs_soma_sale", ""): "",
    ("obs_soma_sale", "is_match_level_1_or_2"): "match_level_1_2",
    ("obs_market_day", ""): "",
}
# the columns that a file of one's own needs
LEAST = "table,column,observations,dependent,regressors"
EFFECTS = {"desk_id": "desk_fe", "firm_rssd": "dealer_fe", "cusip": "bond_fe", "business_date": "time_fe"}


@pytest.fixture(scope="module")
def columns() -> dict[str, tuple[str, ...]]:
    return contract_columns()


@pytest.fixture(scope="module")
def registry(columns: dict[str, tuple[str, ...]], printed: pd.DataFrame) -> Registry:
    """The columns that the paper prints; the project may have others."""
    keys = set(printed[["table", "panel", "column"]].itertuples(index=False, name=None))
    rows = read_specifications(seed_file("specifications"))
    return build_registry([spec for spec in rows if spec.key in keys], columns)


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
        assert set(rows["sample"]) == {PRINTED_SAMPLES[spec.observations, spec.sample]}
        assert set(rows["term"]) - {""} == set(spec.coefficients)


def test_desk_regressions_absorb_desk_and_time(registry: Registry):
    """The notes to the tables say so, but for Table 8, which has time effects alone."""
    for spec in registry.specifications:
        if spec.observations == "obs_desk_horizon":
            effects = ("business_date",) if spec.table == "8" else ("desk_id", "business_date")
            assert spec.absorb == effects


def test_absorbed_effects_are_those_printed(registry: Registry, printed: pd.DataFrame):
    """Where a table prints a row of fixed effects, the specification absorbs them and no others."""
    effects = printed[printed["statistic"].str.endswith("_fe")]
    yes = effects[effects["value"] == "1"].groupby(["table", "panel", "column"])["statistic"].apply(set)
    assert len(yes) > 0
    for spec in registry.specifications:
        if spec.key in yes.index:
            assert {EFFECTS[effect] for effect in spec.absorb} == yes[spec.key]


def test_estimators_are_those_printed(registry: Registry, printed: pd.DataFrame):
    rows = printed[printed["statistic"] == "estimator"].set_index(["table", "panel", "column"])["value"]
    for spec in registry.of_tables(["15"]):
        name = spec.estimator.replace("quantile:0.", "q")
        assert rows[spec.table, spec.panel, spec.column] == name


def test_columns_of_a_horse_race_keep_the_same_observations(registry: Registry):
    """Table 7 prints the same N with and without VaR usage beside DV01 usage."""
    assert {"log_limit_usage"} <= set.intersection(*(set(spec.variables) for spec in registry.of_tables(["7"])))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"regressors": ("log_limit_usge",)},
            "obs_desk_horizon has no term log_limit_usge, the nearest is log_limit_usage",
        ),
        (
            {"instruments": ("firm_increase",), "estimator": "iv"},
            "has no term firm_increase, the nearest is firm_",
        ),
        ({"dependent": "d_net_position"}, "has no term d_net_position, the nearest is d_log_net_position"),
        (
            {"sample": "is_prime"},
            "obs_desk_horizon has no sample is_prime, the nearest is is_prime_treasury_desk",
        ),
        ({"absorb": ("desk",)}, "obs_desk_horizon has no effect desk, the nearest is desk_id"),
        ({"observations": "obs_desk"}, "there are no observations obs_desk, the nearest is obs_desk_horizon"),
        ({"horizon": None}, "rows of obs_desk_horizon have a horizon, and none is given"),
        ({"horizon": 20}, "has the horizons 1, 5, 10 and not 20: build with --vars"),
        ({"estimator": "magic"}, "unknown estimator magic"),
        ({"covariance": "guess"}, "the ols estimator has robust covariance only"),
        ({"estimator": "quantile:0.50"}, "the quantile estimator has bootstrap covariance only"),
        (
            {"estimator": "quantile:0.50", "covariance": "bootstrap"},
            "the quantile estimator absorbs no effects",
        ),
        ({"transform": "square"}, "unknown transform square"),
        ({"endogenous": ("log_limit_usage",)}, "instruments and instrumented variables together"),
        ({"endogenous": ("log_var",), "instruments": ("firm_limit_increase",)}, "that is no regressor"),
        ({"estimator": "iv"}, "needs instruments for the estimator iv"),
        ({"absorb": ("desk_id", "business_date", "firm_rssd")}, "absorbs 3 effects, at most 2"),
        ({"regressors": ("log_var", "log_limit_usage"), "terms": ("x", "x")}, "names a term twice"),
    ],
)
def test_what_a_specification_names_and_is_not_there_is_said(
    registry: Registry, columns: dict[str, tuple[str, ...]], changes: dict, message: str
):
    wrong = dataclasses.replace(registry.specifications[0], **changes)
    found = build_registry([wrong], columns, {"obs_desk_horizon": (1, 5, 10)})
    assert message in found.problems[wrong]


def test_the_registry_names_nothing_that_is_not_there(registry: Registry, columns: dict[str, tuple[str, ...]]):
    assert not registry.problems
    for seed in ("specifications", "diagnostics", "extensions"):
        assert not build_registry(read_specifications(seed_file(seed)), columns).problems


def test_a_column_given_twice_raises(registry: Registry, columns: dict[str, tuple[str, ...]]):
    with pytest.raises(DealerLimitsError, match=r"specifications, Table 2\(a\) column 1: is there twice"):
        build_registry([registry.specifications[0]] * 2, columns)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("table,column,observations,dependent\n16,1,obs_soma_sale,x\n", "row 1: regressors is missing"),
        (f"{LEAST},horizont\n16,1,o,y,x,5\n", "there is no column horizont, the nearest is horizon"),
        (f"{LEAST},horizon\n16,1,o,y,x,five\n", "row 1: horizon five, expected business days"),
        (f"{LEAST},report_constant\n16,1,o,y,x,yes\n", "report_constant yes, expected true or false"),
        (f"{LEAST}\n../16,1,o,y,x\n", "row 1: table ../16, expected a number or a word"),
        (f"{LEAST}\n16,1,o,y,x,too,many\n", "row 1: there is no column None"),
    ],
)
def test_file_that_is_no_registry_is_refused_in_one_line(text: str, message: str, tmp_path: Path):
    path = tmp_path / "my.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DealerLimitsError, match=message) as caught:
        read_specifications(path)
    assert "\n" not in str(caught.value)


def test_file_with_the_least_columns_has_the_defaults(tmp_path: Path):
    path = tmp_path / "my.csv"
    path.write_text(f"{LEAST}\n16,1,obs_soma_sale,y,x as z; w\n", encoding="utf-8")
    (spec,) = read_specifications(path)
    assert (spec.regressors, spec.terms, spec.estimator, spec.covariance) == (
        ("x", "w"), ("z", "w"), "ols", "robust",
    )  # fmt: skip
    assert (spec.sample, spec.horizon, spec.absorb, spec.report_constant) == ("", None, (), False)


def test_printed_numbers_are_unchanged():
    """1,034 numbers were printed and read twice; the seed keeps every byte of what was read."""
    digest = hashlib.sha256(Path(SEEDS / "printed_tables.csv").read_bytes()).hexdigest()
    assert digest == "031a3c2c427a728ea3eed30a3bc000c65abd55c2c2fe451f2ed790d6ab831dd5"
