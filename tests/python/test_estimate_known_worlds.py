"""How often a test rejects in null is what the committed seeds say of the same regression with the same errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from dealer_limits.estimation.known_worlds import NULL_COLUMNS, null_rejections, value_over_effect
from dealer_limits.estimation.specifications import read_specifications, seed_file
from dealer_limits.montecarlo.panel_regressions import read_methods

SPECS = read_specifications(seed_file("specifications"))
METHODS = read_methods()
RECOMMENDED = {spec: METHODS.recommended_for(spec.observations, spec.kind) for spec in SPECS}
NULL = pd.read_csv(seed_file("montecarlo"), dtype={"table": str, "column": str}, keep_default_na=False)
NULL = NULL[NULL["world"] == "null"].astype({"rejection": float, "worlds": float})


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("seeds") / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema seeds")
        for name, typed in (
            ("diagnostics", "all_varchar = true"),
            ("montecarlo", "types = {'table': 'varchar', 'column': 'varchar'}"),
        ):
            connection.execute(
                f"create table seeds.{name} as from read_csv('{seed_file(name)}', header = true, {typed})"
            )
    return path


def rejections(path: Path, specs: list = SPECS, recommended: dict = RECOMMENDED) -> pd.DataFrame:
    with duckdb.connect(str(path), read_only=True) as connection:
        return null_rejections(connection, specs, recommended)


def test_papers_errors_have_the_share_of_their_own_row(seeds: Path):
    found = rejections(seeds).set_index(["table", "panel", "column", "term"])
    is_move = found.index.get_level_values("term") == "move"
    assert is_move.sum() == 8 and found.loc[is_move, list(NULL_COLUMNS)].isna().all(axis=None)
    found = found[~is_move].sort_index()
    known = NULL.set_index(["table", "panel", "column", "term"]).loc[found.index]
    np.testing.assert_array_equal(found["null_rejection_paper"], known["rejection"])
    np.testing.assert_array_equal(found["null_worlds"], known["worlds"])
    assert set(found.loc["2", "null_worlds"]) == {500} and set(found.loc["15", "null_worlds"]) == {20}


def test_recommended_errors_have_a_share_in_every_table_that_the_worlds_estimate(seeds: Path):
    found = rejections(seeds).set_index(["table", "panel", "column"])
    found = found[found["term"] != "move"]
    assert set(found.index.get_level_values(0)) == {str(table) for table in range(2, 16)}
    assert found["null_rejection"].notna().all()


def test_the_jackknife_by_firm_rejects_as_the_diagnostic_that_is_the_same_regression(seeds: Path):
    found = rejections(seeds).set_index(["table", "panel", "column"])
    diagnostics = {"2": ("overlap", ""), "14": ("pnl_scale", "a")}
    checked = 0
    for spec in SPECS:
        if spec.table in diagnostics:
            table, panel = diagnostics[spec.table]
            row = NULL[(NULL["table"] == table) & (NULL["panel"] == panel)]
            row = row[(row["dependent"] == spec.dependent) & (row["horizon"].astype(int) == spec.horizon)]
            assert found.loc[spec.key, "null_rejection"] == row["rejection"].item()
            checked += 1
    assert checked == 21


@pytest.mark.parametrize("covariance", ["robust", "desk_day"])
def test_other_errors_than_those_that_were_tried_are_not_measured(covariance: str, seeds: Path):
    assert rejections(seeds, SPECS, dict.fromkeys(SPECS, covariance))["null_rejection"].isna().all()


def test_own_tables_and_warehouses_without_the_seeds_are_not_measured(seeds: Path, tmp_path: Path):
    own = replace(SPECS[0], table="mine", dependent="d_log_var")
    assert rejections(seeds, [own], {own: "jackknife_firm"})[list(NULL_COLUMNS)].isna().all(axis=None)
    # the same column of another outcome is another regression
    other = replace(SPECS[0], dependent="d_log_var")
    assert rejections(seeds, [other], {other: "jackknife_firm"})[list(NULL_COLUMNS)].isna().all(axis=None)
    path = tmp_path / "empty.duckdb"
    duckdb.connect(str(path)).close()
    assert rejections(path)[list(NULL_COLUMNS)].isna().all(axis=None)


@pytest.mark.parametrize(
    ("value", "effect", "text"),
    [
        (-0.03669, -0.05043, "0.73"),
        (0.0246, -0.0294, "-0.84"),
        (0.013, 0.0003, "43"),
        (0.1, 0.0, ""),
        (0.1, np.nan, ""),
    ],
)
def test_value_over_effect_is_nothing_without_an_effect(value: float, effect: float, text: str):
    assert value_over_effect(value, effect) == text
