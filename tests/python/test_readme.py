"""What the README shows runs as printed; links of the README and of the pages lead somewhere."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from workspace import Workspace

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
QUERIES = re.findall(r"```sql\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("query", QUERIES, ids=[query.splitlines()[0].strip("- ") for query in QUERIES])
def test_readme_query_runs_as_printed_and_finds_rows(warehouse: Workspace, query: str) -> None:
    with warehouse.connect() as connection:
        assert connection.execute(query).fetchall()


def test_readme_names_only_make_targets_and_commands_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    rules = re.findall(r"^([a-z][a-z -]*):", makefile, flags=re.MULTILINE)
    targets = {target for rule in rules for target in rule.split()}
    assert set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", README, flags=re.MULTILINE)) <= targets
    from typer.main import get_command

    from dealer_limits.cli import app

    commands = set(get_command(app).commands)
    assert set(re.findall(r"`dealer-limits ([a-z][a-z-]*)", README)) <= commands


def test_citation_is_of_the_version_that_is_installed() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version("dealer-limits")


def anchors(page: Path) -> list[str]:
    """What links to the headings of a page are called."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_links_lead_to_files_and_headings_that_are_there(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_index_of_decisions_names_every_one() -> None:
    page = ROOT / "docs/decisions.md"
    index = re.findall(r"^ *- \[.*\]\(#(.*)\)$", page.read_text(), flags=re.MULTILINE)
    assert index == anchors(page)[1:]


def test_readme_names_every_page() -> None:
    pages = {f"docs/{page.name}" for page in PAGES if page.parent.name == "docs"}
    assert pages <= set(re.findall(r"\]\((docs/[a-z_]+\.md)", README))
