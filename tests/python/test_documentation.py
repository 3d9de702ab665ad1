"""The documentation: one page that loads nothing and holds no row, the same bytes each time, and a dictionary."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
from rich.console import Console

from browser import BROWSER, NO_BROWSER, look_at
from dealer_limits import documentation
from dealer_limits.documentation import offline_page, without_runs, write_docs
from dealer_limits.errors import DealerLimitsError
from workspace import ROOT

SECRET = "S3CRET"


@pytest.fixture(scope="module")
def generated() -> tuple[str, dict[str, Any]]:
    """dbt's page and the manifest of the project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.delenv("DBT_PROJECT_DIR", raising=False)
        return documentation._generate()


@pytest.fixture(scope="module")
def docs(generated: tuple[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the documentation, of a warehouse with one mart whose row has a secret."""
    folder = tmp_path_factory.mktemp("docs")
    with duckdb.connect(str(folder / "w.duckdb")) as connection:
        connection.execute("create schema marts; create table marts.fct_desk_day (desk_id text, limit_usage float)")
        connection.execute("insert into marts.fct_desk_day values (?, 1.5)", [SECRET])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documentation, "_generate", lambda: generated)
        write_docs(folder / "w.duckdb", folder / "output", Console(file=io.StringIO()))
        write_docs(folder / "w.duckdb", folder / "again", Console(file=io.StringIO()))
    return folder / "output/docs"


def test_the_same_project_gives_the_same_bytes(docs: Path, generated: tuple[str, dict[str, Any]]) -> None:
    again = docs.parents[1] / "again/docs"
    files = sorted(file.name for file in docs.iterdir())
    assert files == ["dictionary.html", "index.html"]
    assert all((docs / name).read_bytes() == (again / name).read_bytes() for name in files)
    text = json.dumps(generated[1])
    assert not re.search(r'"(created_at|generated_at|invocation_id|run_started_at)":', text)


def test_nothing_is_loaded_and_no_place_or_row_is_named(docs: Path) -> None:
    for file in docs.iterdir():
        page = file.read_text(encoding="utf-8")
        assert "default-src 'none'" in page
        assert "connect-src" not in page
        assert not re.search(r"cloudfront|sinter-collect|<link[^>]*href=\"(?!data:)|<script[^>]*\bsrc=", page)
        assert SECRET not in page
        assert str(ROOT) not in page
        assert str(docs.parents[1]) not in page
    index = (docs / "index.html").read_text(encoding="utf-8")
    assert '"send_anonymous_usage_stats": false' in index
    # rows of unit tests, made up as they are
    assert "given_rows" not in index
    assert '"unit_tests": {}' in index
    assert '"num_rows"' not in index


def test_dictionary_has_every_column_of_the_contracts(docs: Path, generated: tuple[str, dict[str, Any]]) -> None:
    page = (docs / "dictionary.html").read_text(encoding="utf-8")
    nodes = [node for node in generated[1]["nodes"].values() if node["resource_type"] == "model"]
    told = [node for node in nodes if node["schema"] in ("marts", "observations", "quality", "intermediate")]
    assert len(told) > 80
    # every column says what it is
    assert "<td></td></tr>" not in page
    assert page.count("<h3 id=") == len(told)
    assert page.count("<tr><td>") == sum(len(node["columns"]) for node in told)
    (desk_day,) = re.findall(r'<h3 id="fct_desk_day">.*?</table>', page, flags=re.DOTALL)
    assert "Key: <code>desk_id</code>, <code>business_date</code>." in desk_day
    # the type of the warehouse where there is one, else that of the contract
    assert re.search(r"<td>limit_usage</td><td>float</td><td></td><td>VaR over the VaR limit", desk_day)
    assert re.search(r"<td>business_date</td><td>date</td><td>yes</td>", desk_day)


def test_page_of_another_version_of_dbt_is_refused(generated: tuple[str, dict[str, Any]]) -> None:
    with pytest.raises(DealerLimitsError, match="another version of dbt"):
        offline_page("<html><head></head></html>", generated[1], {})


def test_runs_and_unit_tests_are_left_out() -> None:
    manifest = {
        "metadata": {"invocation_id": "x", "send_anonymous_usage_stats": True},
        "nodes": {"model.a": {"created_at": 1, "name": "a", "columns": [{"root_path": "/", "name": "b"}]}},
        "unit_tests": {"unit_test.a": {"given": [1]}},
        "parent_map": {"model.a": [], "unit_test.a": ["model.a"]},
        "child_map": {"model.a": ["unit_test.a", "model.b"]},
    }
    assert without_runs(manifest) == {
        "metadata": {"send_anonymous_usage_stats": False},
        "nodes": {"model.a": {"name": "a", "columns": [{"name": "b"}]}},
        "unit_tests": {},
        "parent_map": {"model.a": []},
        "child_map": {"model.a": ["model.b"]},
    }


# the page is drawn from its own data, and asks for nothing
SHOWN = """(() => {
  const asked = performance.getEntriesByType("resource").filter(entry => /^(https?|wss?):/.test(entry.name));
  const links = document.querySelectorAll("a").length;
  return `${links > 20} ${asked.length} ${document.body.innerText.includes("dealer_limits")}`;
})()"""


@pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
def test_browser_draws_the_page_and_asks_for_nothing(docs: Path, tmp_path: Path) -> None:
    page = (docs / "index.html").read_text(encoding="utf-8")
    # the last `</body>` is the page's, others are in its scripts
    head, _, tail = page.rpartition("</body>")
    look = look_at(head.replace("</body>", "<\\/body>") + "</body>" + tail, [(1440, SHOWN)], tmp_path)
    assert look.posted == ("true 0 true",)
    assert not [line for line in look.console if "Refused" in line or "violates" in line]
