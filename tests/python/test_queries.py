"""The questions of analysis/queries run on the published warehouse, and their page shows them as they are."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from dealer_limits import queries
from workspace import ROOT, Workspace

# nothing needs to be odd in a build
MAY_BE_EMPTY = {"warnings_of_a_build", "rejected_rows"}


@pytest.mark.parametrize("name", queries.queries())
def test_query_has_an_answer_in_the_published_warehouse(warehouse: Workspace, name: str) -> None:
    rows = queries.answer(name, warehouse.published)

    assert len({*rows.column_names}) == rows.num_columns
    assert rows.num_rows or name in MAY_BE_EMPTY


def test_there_is_a_query_for_each_of_ten_questions_and_its_page_is_true() -> None:
    assert len(queries.queries()) >= 10
    assert all(re.fullmatch(r"[A-Z].*[?.]", query.question) for query in queries.queries().values())
    assert (ROOT / "docs/queries.md").read_text(encoding="utf-8") == queries.page()


def test_dbt_compiles_each_query_to_the_same_relations(warehouse: Workspace) -> None:
    compiled = warehouse.dbt("compile", "--select", "resource_type:analysis", "--write-json")

    assert compiled.success
    by_name = {result.node.name: result.node.compiled_code for result in compiled.result}
    assert by_name.keys() == queries.queries().keys()
    for name, query in queries.queries().items():
        asked = set(re.findall(r'"dealer_limits"\."(\w+)"\."(\w+)"', by_name[name]))
        assert asked <= {tuple(each.split(".")) for each in re.findall(r"\b\w+\.\w+\b", query.sql)}, name


def test_shares_of_sellers_add_up_to_what_the_fed_bought(warehouse: Workspace) -> None:
    shares = queries.answer("sales_without_limits", warehouse.published).to_pandas()

    with duckdb.connect(warehouse.published, read_only=True) as connection:
        (bought,) = connection.execute("select sum(awarded_par_usd) / 1e9 from marts.fct_soma_award").fetchone()
    assert float(shares["share_pct"].sum()) == pytest.approx(100, abs=0.3)
    assert float(shares["sold_usd_bn"].sum()) == pytest.approx(float(bought), abs=0.03)


def test_command_prints_a_list_an_answer_and_a_file(warehouse: Workspace, tmp_path: Path) -> None:
    listed = warehouse.run_here("dealer-limits", "query")
    printed = warehouse.run_here("dealer-limits", "query", "match_by_level", "--warehouse", str(warehouse.published))
    filed = tmp_path / "answer.csv"
    written = warehouse.run_here(
        "dealer-limits", "query", "match_by_level", "--warehouse", str(warehouse.published), "--csv", str(filed)
    )
    refused = warehouse.run_here("dealer-limits", "query", "match_by_levels", "--warehouse", str(warehouse.published))

    assert (listed.returncode, printed.returncode, written.returncode, refused.returncode) == (0, 0, 0, 2)
    assert "largest_sellers" in listed.stdout
    assert "by_price" in printed.stdout
    answer = queries.answer("match_by_level", warehouse.published).to_pandas()
    assert pd.read_csv(filed)["pseudo_data"].str.startswith("Pseudo data, world paper").all()
    assert pd.read_csv(filed)["awards"].sum() == answer["awards"].sum()
    assert "match_by_levels is no query; the nearest is match_by_level" in refused.stderr
