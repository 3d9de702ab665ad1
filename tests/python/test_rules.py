"""Rules that can be disputed: other readings are built in SQL, as dbt would, and estimated beside the published one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from rich.console import Console

from dealer_limits.estimation import rules, run_rules
from dealer_limits.estimation.rules import RULES, anchor_of
from dealer_limits.estimation.run_rules import Compiler, read_results, rebuild
from dealer_limits.project import DOCS
from dealer_limits.variables import WORDS, documented
from test_contracts import MODELS, variables_read
from workspace import ROOT, Workspace

DEFAULTS = documented(ROOT)


@pytest.fixture(scope="module")
def folder(warehouse: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published warehouse beside its build, as `dealer-limits build` leaves them."""
    copied = tmp_path_factory.mktemp("rules") / "warehouse"
    shutil.copytree(warehouse.published.parent, copied)
    return copied


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Compiler:
    """The project, parsed once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return Compiler(tmp_path_factory.mktemp("compiling"), DEFAULTS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.variable)
def test_rule_is_built_anew_from_the_models_that_read_its_variable(rule: rules.Rule) -> None:
    readers = {file.stem for file in MODELS if rule.variable in variables_read(file.read_text())}

    assert {*rule.models} == {name for name in readers if not name.startswith("qc_")}
    assert DEFAULTS[rule.variable] == rule.readings[0]
    assert rule.readings == WORDS.get(rule.variable, rule.readings)


def test_every_rule_has_its_heading_in_the_decisions_and_a_page() -> None:
    headings = re.findall(r"^### (.*)$", (DOCS / "decisions.md").read_text(), re.MULTILINE)
    page = (DOCS / "rules.md").read_text()

    assert [rule.heading for rule in RULES if rule.heading not in headings] == []
    assert [rule.variable for rule in RULES if f"## `{rule.variable}`: " not in page] == []
    assert [rule.heading for rule in RULES if f"(decisions.md#{anchor_of(rule.heading)})" not in page] == []


def test_models_made_anew_with_the_same_reading_are_those_of_the_build(
    folder: Path, compiler: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    build_file = folder / "build/dealer_limits.duckdb"
    copy = tmp_path / build_file.name
    shutil.copyfile(build_file, copy)
    statements = compiler.compile({name for rule in RULES for name in rule.models}, {})

    rebuild(copy, statements)

    assert len(statements) > 20
    with duckdb.connect() as connection:
        connection.execute(f"attach '{build_file}' as built (read_only); attach '{copy}' as anew (read_only)")
        for relation in statements:
            name = relation.rpartition(" ")[2]
            described = [connection.sql(f"describe from {side}.{name}").fetchall() for side in ("built", "anew")]
            # a contract puts columns into its own order
            types = [{column: kind for column, kind, *_ in rows} for rows in described]
            assert types[0] == types[1], name
            columns = ", ".join(f'"{column}"' for column in types[0])
            built, anew = (f"select {columns} from {side}.{name}" for side in ("built", "anew"))
            ((different,),) = connection.execute(
                f"select count(*) from (({built} except all {anew}) union all ({anew} except all {built}))"
            ).fetchall()
            assert different == 0, name


def test_other_readings_stand_beside_the_one_that_was_built(
    folder: Path, compiler: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(run_rules, "Compiler", lambda *arguments: compiler)
    monkeypatch.setattr(run_rules, "RULES", [rule for rule in RULES if rule.variable == "position_floor_usd"])
    warehouse = folder / "dealer_limits.duckdb"
    before = (warehouse.read_bytes(), (folder / "build/dealer_limits.duckdb").read_bytes())

    for name in ("one", "two"):
        run_rules.run_rules(warehouse, tmp_path / name, Console(quiet=True))

    rows = pd.read_parquet(tmp_path / "one/rules.parquet")
    floor = rows.set_index([*rules.KEY])
    broad = floor.loc["9", "c", "4", "log_limit_usage"]
    gross = floor.loc["2", "b", "4", "log_limit_usage"]
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        built = read_results(connection).set_index([*rules.KEY])
        ((kept,),) = connection.execute(
            """
            select count(*)
            from observations.obs_desk_horizon as changes
            inner join marts.fct_desk_day as today using (desk_id, business_date)
            inner join marts.fct_desk_day as ahead
                on today.desk_id = ahead.desk_id and today.business_day_index + 1 = ahead.business_day_index
            where changes.horizon = 1 and changes.log_limit_usage is not null
                and today.net_securities_position_usd_mn is not null
                and ahead.net_securities_position_usd_mn is not null
            """
        ).fetchall()
    assert broad["nobs"] < broad["other_nobs"] == kept
    # published tables lie in another order than those of the build
    assert broad["coef"] == pytest.approx(built.loc["9", "c", "4", "log_limit_usage"]["coef"], rel=1e-9)
    assert broad["coef"] != pytest.approx(broad["other_coef"], rel=0.01)
    assert gross["coef"] == pytest.approx(gross["other_coef"], rel=1e-9)
    assert set(rows["reading"]) == {"0"} and set(rows["other_reading"]) == {"1000"}
    assert [*rows.loc[rows["is_shown"], "table"]] == ["2", "9", "9"]
    assert {file.name for file in (tmp_path / "one").rglob("*.*")} == {
        "rules.parquet",
        "rules.md",
        "rules.svg",
        "rules.png",
    }
    for file in (tmp_path / "one").rglob("*.*"):
        assert file.read_bytes() == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes()
    assert before == (warehouse.read_bytes(), (folder / "build/dealer_limits.duckdb").read_bytes())
