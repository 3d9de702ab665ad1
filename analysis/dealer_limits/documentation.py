"""`dealer-limits docs`: dbt's documentation as one page that loads nothing, and a dictionary of what can be queried.

Both come from the project's YAML and SQL; of a warehouse the types of columns are taken, and no row is read.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner
from dbt.task.docs import DOCS_INDEX_FILE_PATH
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.warehouse import open_build_of, open_warehouse

# (schema, table, column) to its type
Types = Mapping[tuple[str, str], Mapping[str, str]]

# what a browser may load for the page: nothing, from nowhere
_POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline' "
    "'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; font-src data:\">"
)
# where dbt's page fetches its two files, and what of it is a tracker
_FETCHED = 'o("manifest","manifest.json"+t),o("catalog","catalog.json"+t)'
_TRACKER = re.compile(r'"(?:https?:)?//[a-z0-9]+\.cloudfront\.net/[^"]*"|"fishtownanalytics\.sinter-collect\.com"')
# what changes from run to run, or names places of the machine
_VOLATILE = (
    *("created_at", "generated_at", "invocation_id", "invocation_started_at", "run_started_at", "user_id"),
    *("root_path", "compiled_path", "build_path"),
)
# the schemas that the dictionary is of, with what they are
_SCHEMAS = {
    "marts": "The public interface: contracts are enforced, keys are tested.",
    "observations": "What regressions are estimated on: each variable is a column.",
    "quality": "What was rejected, counted, judged and found odd.",
    "intermediate": "The steps between, one idea each.",
}
_STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; }
td:first-child { font-family: ui-monospace, monospace; }
"""


def write_docs(warehouse: Path, output: Path, console: Console) -> Path:
    """Write `docs/index.html`, dbt's page, and `docs/dictionary.html` to the folder `output`; returns the former.

    Types of columns that no contract has are those of the published warehouse and of the file of its build, where
    they are there. The same project and types give the same bytes. Raises DealerLimitsError where dbt cannot read
    the project.
    """
    page, manifest = _generate()
    types = _read_types(warehouse)
    folder = output / "docs"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    path.write_text(offline_page(page, manifest, catalog_of(manifest, types)), encoding="utf-8")
    (folder / "dictionary.html").write_text(dictionary_page(manifest, types), encoding="utf-8")
    console.print(f"docs: {path}", highlight=False, soft_wrap=True)
    return path


def offline_page(page: str, manifest: Mapping[str, Any], catalog: Mapping[str, Any]) -> str:
    """dbt's page with its two files in it, that loads nothing and tracks nobody.

    Raises DealerLimitsError where the page is not as this version of dbt writes it.
    """
    if page.count(_FETCHED) != 1 or page.count("<head>") != 1:
        raise DealerLimitsError("dbt's page of documentation is not as expected: this is another version of dbt")
    files = (
        # no `</script>` in a text may end the script that it stands in
        f"{{label:{name!r},data:{json.dumps(content, sort_keys=True).replace('<', chr(92) + 'u003c')}}}"
        for name, content in (("manifest", manifest), ("catalog", catalog))
    )
    page = page.replace(_FETCHED, ",".join(files)).replace("<head>", f"<head>{_POLICY}")
    page = re.sub(r'<link rel="(?:canonical|shortcut icon)"[^>]*>', "", page)
    return _TRACKER.sub('""', page)


def without_runs(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest without times, names of places, and the made-up rows of unit tests."""
    kept = _without_volatile({key: content for key, content in manifest.items() if key != "unit_tests"})
    kept["unit_tests"] = {}
    for links in ("parent_map", "child_map"):
        kept[links] = {
            node: [other for other in others if not other.startswith("unit_test.")]
            for node, others in kept[links].items()
            if not node.startswith("unit_test.")
        }
    kept["metadata"] |= {"send_anonymous_usage_stats": False}
    return kept


def catalog_of(manifest: Mapping[str, Any], types: Types) -> dict[str, Any]:
    """What dbt's page shows beside the manifest: columns with types, and no statistics of rows."""
    nodes = {}
    for identity, node in manifest["nodes"].items():
        if node["resource_type"] not in ("model", "seed"):
            continue
        names = types.get((node["schema"], node["name"])) or dict.fromkeys(node["columns"], "")
        nodes[identity] = {
            "unique_id": identity,
            "metadata": {"type": "table", "schema": node["schema"], "name": node["name"], "owner": None},
            "columns": {
                name: {
                    "name": name,
                    "index": place,
                    "type": type_ or _declared(node, name),
                    "comment": node["columns"].get(name, {}).get("description", ""),
                }
                for place, (name, type_) in enumerate(names.items(), start=1)
            },
            "stats": {},
        }
    return {"metadata": {}, "nodes": nodes, "sources": {}, "errors": None}


def dictionary_page(manifest: Mapping[str, Any], types: Types) -> str:
    """Every table and column of the schemas that are queried, from the contracts, as a page without scripts."""
    lines = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{_POLICY}',
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">',
        f"<title>Dealer Limits: data dictionary</title><style>{_STYLE}</style></head><body>",
        "<h1>Data dictionary</h1>",
        "<p>Made by <code>dealer-limits docs</code> from the contracts of the models. Raw files are in "
        '<code>docs/raw_tables.md</code>; SQL and lineage in <a href="index.html">the documentation</a>.</p>',
    ]
    for schema, meaning in _SCHEMAS.items():
        models = sorted(
            (node for node in manifest["nodes"].values() if _is_model(node) and node["schema"] == schema),
            key=lambda node: node["name"],
        )
        links = ", ".join(f'<a href="#{node["name"]}">{node["name"]}</a>' for node in models)
        lines.append(f"<h2>{schema}</h2><p>{meaning} {links}.</p>")
        for node in models:
            lines += _table_of(node, types.get((schema, node["name"]), {}))
    return "\n".join([*lines, "</body></html>\n"])


def _table_of(node: Mapping[str, Any], types: Mapping[str, str]) -> Iterator[str]:
    yield f'<h3 id="{node["name"]}">{node["schema"]}.{node["name"]}</h3><p>{escape(node["description"])}</p>'
    constraints = node.get("constraints", [])
    keys = [name for each in constraints if each["type"] == "primary_key" for name in each["columns"]]
    if keys:
        yield f"<p>Key: {', '.join(f'<code>{name}</code>' for name in keys)}.</p>"
    yield "<table><thead><tr><th>column</th><th>type</th><th>never absent</th><th>what it is</th></tr></thead><tbody>"
    for name, column in node["columns"].items():
        is_required = any(each["type"] == "not_null" for each in column.get("constraints", [])) or name in keys
        yield (
            f"<tr><td>{name}</td><td>{escape((types.get(name) or _declared(node, name)).lower())}</td>"
            f"<td>{'yes' if is_required else ''}</td><td>{escape(column['description'])}</td></tr>"
        )
    yield "</tbody></table>"


def _is_model(node: Mapping[str, Any]) -> bool:
    return node["resource_type"] == "model"


def _declared(node: Mapping[str, Any], name: str) -> str:
    return node["columns"].get(name, {}).get("data_type") or ""


def _generate() -> tuple[str, dict[str, Any]]:
    """The page of `dbt docs generate --static`, and the manifest that is put into it, of the project as it is parsed.

    Nothing is compiled: no query is asked, and no answer can be in the page. In a folder of its own: among those of a
    build, the record of how long it took would be lost.
    """
    with tempfile.TemporaryDirectory() as folder:
        places = ["--log-path", folder, "--target-path", folder]
        parsed = dbtRunner().invoke(["--log-level", "none", "--no-partial-parse", "parse", *places])
        if not parsed.success:
            reason = str(parsed.exception or "dbt failed").strip().splitlines()[0]
            raise DealerLimitsError(f"no documentation: {reason}")
        manifest = json.loads((Path(folder) / "manifest.json").read_text(encoding="utf-8"))
    return Path(DOCS_INDEX_FILE_PATH).read_text(encoding="utf-8"), without_runs(manifest)


def _read_types(warehouse: Path) -> dict[tuple[str, str], dict[str, str]]:
    if not warehouse.is_file():
        return {}
    types: dict[tuple[str, str], dict[str, str]] = {}
    with open_warehouse(warehouse) as published, open_build_of(warehouse) as build:
        # the build has what is not published too
        for connection in filter(None, (build, published)):
            columns = connection.execute(
                """
                select schema_name, table_name, column_name, data_type from duckdb_columns()
                where not internal
                order by schema_name, table_name, column_index
                """
            ).fetchall()
            for schema, table, column, type_ in columns:
                types.setdefault((schema, table), {})[column] = type_
    return types


def _without_volatile(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_volatile(each) for key, each in content.items() if key not in _VOLATILE}
    if isinstance(content, list):
        return [_without_volatile(each) for each in content]
    return content
