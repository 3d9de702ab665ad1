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

from dealer_limits.sources.contracts import Table, load_contracts
from workspace import ROOT, Workspace

MODELS = sorted((ROOT / "models").rglob("*.sql"))
MACROS = sorted((ROOT / "macros").rglob("*.sql"))

# what a layer may read; marts read staging where nothing stands between, and the list of those is kept short
READS = {
    "staging": {"source", "staging"},
    "intermediate": {"staging", "intermediate", "seed"},
    # an exhibit's mart may count what is estimated
    "marts": {"staging", "intermediate", "marts", "observations", "seed"},
    "observations": {"intermediate", "marts"},
    "quality": {"staging", "intermediate", "marts", "observations", "quality", "seed"},
}
# how names of models begin, by layer
BEGINNINGS = {
    "staging": ("base_", "stg_"),
    "intermediate": ("int_",),
    "marts": ("dim_", "fct_"),
    "observations": ("obs_",),
    "quality": ("qc_",),
}
MARTS_THAT_READ_STAGING = {"dim_dealer", "dim_firm", "dim_security", "fct_inventory_day", "fct_market_day"}


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


@cache
def macros() -> dict[str, str]:
    """The project's macros: name and text."""
    macro = re.compile(r"\{%-?\s*macro (\w+)(.*?)\{%-?\s*endmacro", re.DOTALL)
    return dict(pair for file in MACROS for pair in macro.findall(file.read_text()))


def variables_read(text: str) -> set[str]:
    """Variables that a model's text reads, and the macros that it calls."""
    texts, called = [text], set()
    for known in texts:
        names = set(re.findall(r"(\w+)\(", known))
        names |= {f"duckdb__{name}" for name in re.findall(r"dispatch\('(\w+)'\)", known)}
        texts += [macros()[name] for name in sorted(names & macros().keys() - called)]
        called |= names
    return {name for known in texts for name in re.findall(r"\bvar\(\s*['\"](\w+)['\"]", known)}


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


def test_every_mart_and_observation_model_has_a_primary_key_in_the_warehouse(built: duckdb.DuckDBPyConnection) -> None:
    """The engine holds it against every row that is written: a key that is repeated or missing fails the model."""
    without = built.execute(
        """
        select table_name from duckdb_tables() where schema_name in ('marts', 'observations')
        except
        select table_name from duckdb_constraints()
        where schema_name in ('marts', 'observations') and constraint_type = 'PRIMARY KEY'
        """
    ).fetchall()

    assert without == []


def test_what_another_project_may_read_are_marts_and_observations(manifest: dict[str, Any]) -> None:
    access = {"marts": "public", "observations": "public", "quality": "protected"}

    found = {(layer(node), node["access"], node["group"]) for node in models_of(manifest)}

    assert found == {(name, access.get(name, "private"), "warehouse") for name in READS}


def test_every_model_and_seed_is_described(manifest: dict[str, Any]) -> None:
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] in ("model", "seed")]

    # staged tables are described in the warehouse, by their contracts
    without = [node["name"] for node in nodes if not node["description"] and layer(node) != "staging"]
    assert without == []


def test_every_staged_table_and_every_column_of_staging_and_between_carries_its_comment_in_the_warehouse(
    warehouse: Workspace,
) -> None:
    with warehouse.connect_unpublished() as connection:
        without = connection.execute(
            """
            select table_name, null from duckdb_tables()
            where schema_name = 'staging' and coalesce(comment, '') = ''
            union all
            select view_name, null from duckdb_views()
            where schema_name = 'staging' and coalesce(comment, '') = ''
            union all
            select table_name, column_name from duckdb_columns()
            where schema_name in ('staging', 'intermediate') and coalesce(comment, '') = ''
            """
        ).fetchall()

    assert without == []


def test_every_source_and_its_columns_are_described(manifest: dict[str, Any]) -> None:
    undescribed = [
        (source["name"], column["name"])
        for source in manifest["sources"].values()
        for column in [source, *source["columns"].values()]
        if not column["description"]
    ]

    assert undescribed == []


@pytest.mark.parametrize("prefix", ["dim_", "fct_", "obs_"])
def test_every_column_of_marts_is_described(
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


def test_every_column_that_is_read_is_weighed_by_the_gates(built: duckdb.DuckDBPyConnection) -> None:
    weighed = built.execute("select mart, column_name from quality.qc_mart_columns").fetchall()
    read = built.execute(
        "select table_name, column_name from duckdb_columns() where schema_name in ('marts', 'observations')"
    ).fetchall()

    assert sorted(weighed) == sorted(read)


def test_name_of_a_model_begins_as_its_layer_says(manifest: dict[str, Any]) -> None:
    other = [node["name"] for node in models_of(manifest) if not node["name"].startswith(BEGINNINGS[layer(node)])]

    assert other == []


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


def test_base_models_are_read_within_staging_only(manifest: dict[str, Any]) -> None:
    readers = {
        model["name"] for model in models_of(manifest) if any(".base_" in name for name in model["depends_on"]["nodes"])
    }

    # a message that is rejected still undoes its report
    messages = {"int_message_reports", "int_trade_messages_resolved", "int_trade_cells"}
    assert {name for name in readers if not name.startswith("stg_")} == messages


@pytest.mark.parametrize("table", load_contracts().values(), ids=lambda table: table.full_name)
def test_models_of_a_raw_table_are_a_line_each(table: Table) -> None:
    folder = ROOT / "models/staging" / table.source

    for prefix, macro in [("base", "stage"), ("stg", "accepted")]:
        model = folder / f"{prefix}_{table.source}__{table.entity}.sql"
        assert model.read_text() == f"{{{{ {macro}('{table.source}', '{table.name}') }}}}\n"


def test_raw_files_are_read_by_base_models_only() -> None:
    contracts = load_contracts().values()
    staging = {f"{prefix}_{t.source}__{t.entity}" for prefix in ("base", "stg") for t in contracts}

    assert {file.stem for file in (ROOT / "models/staging").rglob("*.sql")} == staging
    assert [file.name for file in MODELS if file.stem not in staging and "source(" in code(file)] == []


def test_nothing_reads_the_truth_but_what_judges_the_match(manifest: dict[str, Any]) -> None:
    folder = ROOT / "models/quality/match_quality"
    judges = {file.stem for file in folder.glob("*.sql")}
    reading = {
        str(file.relative_to(ROOT))
        for file in MODELS + MACROS
        if folder not in file.parents and re.search(r"truth|soma_fills|planted", file.read_text(), re.IGNORECASE)
    }
    readers = [
        model["name"]
        for model in models_of(manifest)
        if model["name"] not in judges and judges & {name.rpartition(".")[2] for name in model["depends_on"]["nodes"]}
    ]

    assert reading == {"macros/truth.sql", "macros/duckdb/truth.sql", "macros/spark/truth.sql"}
    assert readers == []


def test_every_variable_of_the_project_is_used_and_every_used_one_is_set() -> None:
    variables = set(yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"])
    files = [*MODELS, *MACROS, *(ROOT / "models").rglob("*.yml"), *(ROOT / "tests").rglob("*.sql")]
    used = {name for file in files for name in re.findall(r"\bvar\(\s*['\"](\w+)['\"]", file.read_text())}

    assert used == variables


def test_unit_test_pins_every_variable_that_its_model_reads() -> None:
    models = {file.stem: file.read_text() for file in MODELS}
    tests = [
        test
        for file in sorted((ROOT / "models").rglob("*.yml"))
        for test in yaml.safe_load(file.read_text()).get("unit_tests", [])
    ]

    missing = {
        test["name"]: names
        for test in tests
        if (names := variables_read(models[test["model"]]) - {*test.get("overrides", {}).get("vars", {})})
    }
    assert len(tests) > 100
    assert missing == {}


class Strict(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping; what `<<` merges may be said anew."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        repeated = {key for key in keys if keys.count(key) > 1}
        if repeated and not getattr(node, "is_merged", False):
            raise yaml.constructor.ConstructorError(None, None, f"{repeated} stands twice", node.start_mark)
        node.is_merged = True
        return super().construct_mapping(node, deep)


@pytest.mark.parametrize("file", sorted((ROOT / "models").rglob("*.yml")), ids=lambda file: file.stem)
def test_no_key_stands_twice(file: Path) -> None:
    yaml.load(file.read_text(encoding="utf-8"), Strict)


def test_a_key_that_stands_twice_is_found() -> None:
    yaml.load("{a: &a {x: 1, y: 2}, b: {<<: *a, x: 3}}", Strict)
    with pytest.raises(yaml.constructor.ConstructorError, match="'x'"):
        yaml.load("{a: {x: 1, x: 2}}", Strict)
