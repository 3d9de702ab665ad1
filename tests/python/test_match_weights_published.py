"""`dealer-limits match-weights` on a built warehouse: the marts, and draws that go through the models themselves."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from dealer_limits.cli import app
from dealer_limits.estimation.run_rules import Compiler
from dealer_limits.matching import imputed_estimates
from dealer_limits.matching.comparisons import read_comparisons
from dealer_limits.matching.marts import CANDIDATES, LEGS, LEVEL_SHARES
from dealer_limits.matching.run import FILES
from dealer_limits.variables import documented
from dealer_limits.warehouse import open_build_of, open_warehouse
from workspace import ROOT, Workspace, digest, parsed_checkout


@pytest.fixture(scope="module")
def compiled() -> Any:
    """Of the compiler: parses nothing that is parsed, and compiles the same models once."""
    invoke, compile_, made = Compiler._invoke, Compiler.compile, {}

    def invoke_parsed(self: Compiler, runner: Any, command: str, *arguments: Any) -> Any:
        return parsed_checkout() if command == "parse" else invoke(self, runner, command, *arguments)

    def compile_once(self: Compiler, *arguments: Any) -> dict[str, str]:
        if repr(arguments) not in made:
            made[repr(arguments)] = compile_(self, *arguments)
        return made[repr(arguments)]

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(Compiler, "_invoke", invoke_parsed)
        patch.setattr(Compiler, "compile", compile_once)
        yield


@pytest.fixture(scope="module")
def folder(warehouse: Workspace, tmp_path_factory: pytest.TempPathFactory, compiled: Any) -> Path:
    """A published warehouse beside its build, estimated and weighed with two draws."""
    folder = tmp_path_factory.mktemp("weights")
    shutil.copytree(warehouse.published.parent, folder / "warehouse")
    published = folder / "warehouse/dealer_limits.duckdb"
    for command in (["estimate", "--table", "12", "--engine", "arrays"], ["match-weights", "--draws", "2"]):
        shown = CliRunner().invoke(app, [*command, "--warehouse", str(published), "--output", str(folder / "output")])
        assert shown.exit_code == 0, shown.output
    return folder


@pytest.fixture(scope="module")
def connection(folder: Path) -> Any:
    with open_warehouse(folder / "warehouse/dealer_limits.duckdb") as connection:
        yield connection


def test_weights_of_every_award_of_the_mart_add_up_to_one(connection: duckdb.DuckDBPyConnection) -> None:
    rows = connection.execute(f"""
        select awards.award_id, sum(candidates.weight) = 1 and count(*) filter (where is_most_likely) = 1
        from marts.fct_soma_award as awards
        left join {CANDIDATES} as candidates on awards.award_id = candidates.award_id
        group by awards.award_id
    """).fetchall()

    assert len(rows) > 50
    assert [award for award, holds in rows if not holds] == []


def test_legs_add_up_to_what_their_set_fills_and_no_more_than_the_award(connection: duckdb.DuckDBPyConnection) -> None:
    odd = connection.execute(f"""
        select candidates.award_id, candidates.candidate
        from {CANDIDATES} as candidates
        inner join marts.fct_soma_award as awards on candidates.award_id = awards.award_id
        left join {LEGS} as legs
            on candidates.award_id = legs.award_id and candidates.candidate = legs.candidate
        group by all
        having
            coalesce(sum(legs.leg_par_usd), 0) <> any_value(candidates.filled_par_usd)
            or any_value(candidates.filled_par_usd) > any_value(awards.awarded_par_usd)
            or count(legs.trade_id) <> any_value(candidates.trades)
            or min(legs.weight) <> max(legs.weight)
    """).fetchall()

    assert odd == []


def test_every_table_and_column_of_the_marts_is_told(connection: duckdb.DuckDBPyConnection) -> None:
    names = tuple(name.partition(".")[2] for name in (CANDIDATES, LEGS, LEVEL_SHARES))
    told = connection.execute(
        "select table_name, comment from duckdb_tables() where table_name in ? "
        "union all select column_name, comment from duckdb_columns() where table_name in ?",
        [names, names],
    ).fetchall()

    assert len(told) > 20
    assert [name for name, comment in told if not comment] == []


def test_imputed_estimates_stand_beside_those_that_are_there(
    connection: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    mart = connection.execute("""
        select "table", panel, "column", term, imputed_coefficient, imputed_standard_error, missing_information
        from marts.fct_estimate where imputed_coefficient is not null
    """).df()
    imputed = pd.read_parquet(folder / "output/imputed.parquet")

    # only Table 12 was estimated
    assert set(mart["table"]) == {"12"} < set(imputed["table"]) <= {"11", "12", "13"}
    beside = mart.merge(imputed, on=["table", "panel", "column", "term"])
    assert len(beside) == len(mart)
    assert beside["imputed_coefficient"].to_numpy() == pytest.approx(beside["imputed_coef"].to_numpy())
    assert (beside["missing_information"] == beside["missing"]).all()


def test_the_same_warehouse_and_seed_give_the_same_bytes(folder: Path, tmp_path: Path, compiled: Any) -> None:
    shutil.copytree(folder / "warehouse", tmp_path / "warehouse")
    published = tmp_path / "warehouse/dealer_limits.duckdb"
    arguments = ["match-weights", "--draws", "2", "--warehouse", str(published), "--output", str(tmp_path / "output")]
    shown = CliRunner().invoke(app, arguments)

    assert shown.exit_code == 0, shown.output
    for name in FILES:
        assert digest(folder / "output" / name) == digest(tmp_path / "output" / name), name
    with duckdb.connect() as connection:
        connection.execute(f"attach '{folder}/warehouse/dealer_limits.duckdb' as one (read_only)")
        connection.execute(f"attach '{published}' as other (read_only)")
        for name in (CANDIDATES, LEGS, LEVEL_SHARES):
            one, other = (connection.execute(f"from {side}.{name}").fetchall() for side in ("one", "other"))
            assert one == other


def test_draws_of_what_the_rule_matched_give_the_estimates_of_the_build(
    folder: Path, compiled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way from a draw to estimates is that of the build: nothing but the match may differ."""
    published = folder / "warehouse/dealer_limits.duckdb"
    with open_build_of(published) as build:
        matched = build.execute("""
            select
                matching_rule, award_id, trade_id, match_level, match_kind,
                cast(100 * leg_par_usd as bigint) as leg_cents
            from intermediate.int_soma_matches where matching_rule = 'paper'
        """).df()
        comparisons = read_comparisons(build)
    monkeypatch.setattr(imputed_estimates, "legs_of", lambda *arguments: matched)

    build_file = published.parent / "build" / published.name
    drawn = [np.full(len(comparisons.awards), -1)] * 2
    imputed, bands = imputed_estimates.estimate_draws(
        build_file, documented(ROOT), comparisons, drawn, 2, Console(quiet=True)
    )

    assert len(imputed) > 20
    assert imputed["imputed_coef"].to_numpy() == pytest.approx(imputed["coef"].to_numpy(), abs=1e-9)
    assert imputed["between"].to_numpy() == pytest.approx(np.zeros(len(imputed)), abs=1e-12)
    for measure in ("cumulative_soma_sales_usd_bn", "mean_soma_fraction"):
        for end in ("mean", "low", "high"):
            assert bands[f"{measure}_{end}"].to_numpy() == pytest.approx(bands[f"{measure}_matched"].to_numpy())


def test_build_that_is_not_beside_its_warehouse_is_said_in_one_line(folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "dealer_limits.duckdb"
    shutil.copyfile(folder / "warehouse/dealer_limits.duckdb", alone)

    shown = CliRunner().invoke(app, ["match-weights", "--warehouse", str(alone), "--output", str(tmp_path)])

    assert shown.exit_code == 2
    assert "is not beside it: run `dealer-limits build --full` first" in shown.stderr.replace("\n", " ")
