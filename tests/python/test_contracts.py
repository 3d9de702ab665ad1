"""What the project promises about its models: described, keyed, layered one way, engine kept in macros."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from workspace import ROOT, Workspace

MODELS = sorted((ROOT / "models").rglob("*.sql"))
MACROS = sorted((ROOT / "macros").glob("*.sql"))

# what a layer may read; marts read staging where nothing stands between, and the list of those is kept short
READS = {
    "staging": {"source", "staging"},
    "intermediate": {"staging", "intermediate", "seed"},
    "marts": {"staging", "intermediate", "marts", "seed"},
    "quality": {"source", "staging", "intermediate", "marts", "seed"},
}
MARTS_THAT_READ_STAGING = {"dim_firm", "dim_security", "fct_inventory_day", "fct_market_day"}
# functions that engines write differently: they belong in macros that dispatch
ENGINE_FUNCTIONS = re.compile(
    r"\b(read_csv|read_parquet|read_json\w*|(?:try_)?strptime|strftime|list_\w+|generate_series|asof|exclude|"
    r"regexp_\w+|epoch\w*|struct_\w+)\b"
)


@pytest.fixture(scope="module")
def manifest(warehouse: Workspace) -> dict[str, Any]:
    return json.loads((warehouse.folder / "target/manifest.json").read_text())


@pytest.fixture(scope="module")
def built(warehouse: Workspace) -> duckdb.DuckDBPyConnection:
    with warehouse.connect() as connection:
        yield connection


@cache
def code(file: Path) -> str:
    """A model's SQL without comments."""
    without_blocks = re.sub(r"\{#.*?#\}", "", file.read_text(), flags=re.DOTALL)
    return re.sub(r"--.*", "", without_blocks)


def models_of(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def layer(node: dict[str, Any]) -> str:
    """staging, intermediate, marts or quality by folder; seed or source by kind."""
    return node["fqn"][1] if node["resource_type"] == "model" else node["resource_type"]


def test_every_mart_and_column_carries_its_comment_in_the_warehouse(built: duckdb.DuckDBPyConnection) -> None:
    without = built.execute(
        """
        select table_name, null as column_name from duckdb_tables()
        where schema_name = 'marts' and coalesce(comment, '') = ''
        union all
        select table_name, column_name from duckdb_columns()
        where schema_name = 'marts' and coalesce(comment, '') = ''
        """
    ).fetchall()

    assert without == []


def test_every_mart_has_a_primary_key_in_the_warehouse(built: duckdb.DuckDBPyConnection) -> None:
    without = built.execute(
        """
        select table_name from duckdb_tables() where schema_name = 'marts'
        except
        select table_name from duckdb_constraints()
        where schema_name = 'marts' and constraint_type = 'PRIMARY KEY'
        """
    ).fetchall()

    assert without == []


def test_every_model_and_seed_is_described(manifest: dict[str, Any]) -> None:
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] in ("model", "seed")]

    assert [node["name"] for node in nodes if not node["description"]] == []


def test_every_source_and_its_columns_are_described(manifest: dict[str, Any]) -> None:
    undescribed = [
        (source["name"], column["name"])
        for source in manifest["sources"].values()
        for column in [source, *source["columns"].values()]
        if not column["description"]
    ]

    assert undescribed == []


@pytest.mark.parametrize("prefix", ["stg_", "dim_", "fct_", "panel_"])
def test_every_column_of_staging_and_marts_is_described(
    manifest: dict[str, Any], built: duckdb.DuckDBPyConnection, prefix: str
) -> None:
    described = {
        (node["name"], column["name"])
        for node in models_of(manifest)
        for column in node["columns"].values()
        if column["description"]
    }
    columns = built.execute(
        "select table_name, column_name from duckdb_columns() where starts_with(table_name, ?)", [prefix]
    ).fetchall()

    assert columns
    assert sorted(set(columns) - described) == []


def test_layers_point_one_way(manifest: dict[str, Any]) -> None:
    nodes = manifest["nodes"] | manifest["sources"]
    against = [
        (model["name"], parent["name"])
        for model in models_of(manifest)
        for parent in (nodes[name] for name in model["depends_on"]["nodes"])
        if layer(parent) not in READS[layer(model)]
    ]

    assert against == []


def test_marts_read_staging_only_where_nothing_stands_between(manifest: dict[str, Any]) -> None:
    reading = {
        model["name"]
        for model in models_of(manifest)
        if layer(model) == "marts" and any(".stg_" in name for name in model["depends_on"]["nodes"])
    }

    assert reading == MARTS_THAT_READ_STAGING


def test_base_models_are_read_within_staging_and_by_audits_only(manifest: dict[str, Any]) -> None:
    readers = {
        model["name"]
        for model in models_of(manifest)
        if any(".base_" in name for name in model["depends_on"]["nodes"])
    }

    others = {name for name in readers if not name.startswith(("stg_", "base_"))}
    assert others == {"qc_rejected_rows", "qc_row_counts"}


def test_raw_files_are_read_by_base_models_and_the_row_counts_only() -> None:
    readers = {file.stem for file in MODELS if "read_raw(" in code(file)}

    assert {name for name in readers if not name.startswith("base_")} == {"qc_row_counts"}
    assert readers >= {file.stem for file in MODELS if "source(" in code(file)}


def test_nothing_reads_the_truth() -> None:
    reading = [
        file.name
        for file in MODELS + MACROS
        if re.search(r"truth|soma_fills|planted", file.read_text(), re.IGNORECASE)
    ]

    assert reading == []


def test_every_variable_of_the_project_is_used_and_every_used_one_is_set() -> None:
    variables = set(yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"])
    files = [*MODELS, *MACROS, *(ROOT / "models").rglob("*.yml"), *(ROOT / "tests").rglob("*.sql")]
    used = {name for file in files for name in re.findall(r"\bvar\(\s*['\"](\w+)['\"]", file.read_text())}

    assert used == variables


@pytest.mark.parametrize("file", MODELS, ids=lambda file: file.stem)
def test_functions_of_one_engine_stand_in_macros_only(file: Path) -> None:
    assert ENGINE_FUNCTIONS.findall(code(file)) == []
