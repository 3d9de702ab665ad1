"""What the README shows runs as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workspace import Workspace

README = (Path(__file__).parents[2] / "README.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("query", QUERIES, ids=[query.splitlines()[0].strip("- ") for query in QUERIES])
def test_readme_query_runs_as_printed_and_finds_rows(warehouse: Workspace, query: str) -> None:
    with warehouse.connect() as connection:
        assert connection.execute(query).fetchall()


def test_readme_names_only_make_targets_and_commands_that_exist() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    rules = re.findall(r"^([a-z][a-z -]*):", makefile, flags=re.MULTILINE)
    targets = {target for rule in rules for target in rule.split()}
    assert set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", README, flags=re.MULTILINE)) <= targets
    from typer.main import get_command

    from dealer_limits.cli import app

    commands = set(get_command(app).commands)
    assert set(re.findall(r"`dealer-limits ([a-z][a-z-]*)", README)) <= commands
