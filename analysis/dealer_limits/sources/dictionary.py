"""The data dictionary of raw tables: what a file must look like and what becomes of each column."""

from __future__ import annotations

from collections.abc import Iterator

from dealer_limits.sources.contracts import Column, Table, load_contracts

_HEAD = """# Raw tables

Made from the contracts in `models/staging` by `dealer-limits dictionary`. What the types accept, and what
becomes of other values, is in [raw_files.md](raw_files.md)."""


def write_dictionary() -> str:
    """All raw tables as a page of Markdown."""
    return "\n".join([_HEAD, *(line for table in load_contracts().values() for line in _of_table(table))]) + "\n"


def _of_table(table: Table) -> Iterator[str]:
    yield f"\n## {table.full_name}\n"
    yield f"{table.description}\n"
    files = ", ".join(f"`{pattern}`" for pattern in table.files)
    absent = ", may be absent" if table.optional else ""
    yield f"Files: {files}{absent}. Staged as `stg_{table.source}__{table.entity}`."
    yield f"Key: {', '.join(f'`{name}`' for name in table.key)}.\n"
    yield "| raw column | staged as | type | rules | what it is |"
    yield "| --- | --- | --- | --- | --- |"
    for column in table.columns:
        names = ", ".join(f"`{name}`" for name in column.names)
        if column.parts:
            day, clock = (" or ".join(f"`{name}`" for name in part) for part in column.day_and_clock)
            names = f"{names}; else {day}, with {clock}"
        staged = ", ".join(f"`{name}`" for name in (column.as_, column.day_as) if name)
        yield f"| {names} | {staged} | {column.type} | {'; '.join(_rules(column))} | {column.description} |"
    for condition, reason in table.checks:
        yield f"\nRejected: {reason} (`{condition}`)."


def _rules(column: Column) -> Iterator[str]:
    if column.required:
        yield f"required where `{column.required_where}`" if column.required_where else "required"
    if column.optional:
        yield "column may be absent"
    if column.format:
        yield f"as `{column.format}`"
    for bound, words in ((column.minimum, "from"), (column.above, "above"), (column.maximum, "to")):
        if bound is not None:
            yield f"{words} {bound}"
    if column.codes:
        yield " ".join(f"`{code}`" for code in column.codes)
    if column.pattern:
        yield f"`{column.pattern}`".replace("|", "\\|")
    if column.is_number:
        yield "leading zeros say nothing"
    if column.missing:
        yield "missing as " + " ".join(f"`{token}`" for token in column.missing)
