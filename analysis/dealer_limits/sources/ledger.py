"""The ledger of raw files: what was found in each, kept beside the build, and what the macros ask of it.
 A file that the ledger knows by size, time and contract is not read again just to be checked. Packed files,
and text in another form than its table's, are read from plain copies in a folder of the build that its owner
alone can read; a copy is made when it is asked for.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from dealer_limits.errors import DealerLimitsError
from dealer_limits.sources.contracts import Table, load_contracts
from dealer_limits.sources.control_totals import NAME as MANIFEST
from dealer_limits.sources.control_totals import ControlTotal, read_control_totals
from dealer_limits.sources.files import RawFile, find_files, refusal, source_folder
from dealer_limits.sources.scan import WIDE, Scan, scan_json, scan_parquet, scan_text

# how a macro reads a file: what all files of one scan have in common
_LAYOUT = ("format", "folder", "columns", "width", "encoding", "has_trailer")


@dataclass(frozen=True)
class Entry:
    """One raw file and one table that it holds: `scan` is what was found, `read_path` where its rows are
    read.

    `table` is None for a file that no contract knows, which is left unread, and `name` for a table without a
    file.
    """

    source: str
    table: str | None
    name: str | None
    path: str = ""
    size: int = 0
    modified_ns: int = 0
    contract: str = ""
    read_path: str = ""
    folder: str = ""
    format: str = ""
    member: str | None = None
    scan: Scan | None = None

    @property
    def is_read_in_place(self) -> bool:
        return self.read_path == self.path


class Ledger:
    """What is known of the raw files that a build reads.

    build: the folder of the build, in which the ledger and the plain copies lie. trusts_times: a file of the
    same size and time is taken to be the same; else each is read.
    """

    def __init__(self, build: Path, environment: Mapping[str, str] = os.environ, trusts_times: bool = True) -> None:
        self.build = build
        self.trusts_times = trusts_times
        self._environment = environment
        self._entries: dict[str, list[Entry]] = {}

    @cached_property
    def contracts(self) -> dict[str, Table]:
        return load_contracts()

    @property
    def copies(self) -> Path:
        return self.build / "unpacked"

    @property
    def path(self) -> Path:
        return self.build / "raw_files.json"

    def inspect(self, tables: Iterable[str]) -> None:
        """Find and check the files of these raw tables (`source.table`), and write the ledger.

        Raises DealerLimitsError for the first file that cannot be read, for a table without one, and where
        all tables are inspected for a control total of rows that is another.
        """
        self.remove_copies()
        known = self._known() if self.trusts_times else {}
        wanted = [self.contracts[name] for name in tables]
        self._entries = {}
        try:
            for source in dict.fromkeys(table.source for table in wanted):
                of_source = [table for table in wanted if table.source == source]
                self._entries |= self._inspect_source(source, of_source, known)
        except DealerLimitsError:
            self.remove_copies()
            raise
        finally:
            found = [entry for entries in self._entries.values() for entry in entries]
            inspected = {(entry.source, entry.table) for entry in found}
            self._write(found + [e for e in self._read() if (e.source, e.table) not in inspected])
        self._check_row_totals()

    def entries(self, table: str) -> list[Entry]:
        """The files of a raw table; of one that no run inspects, to compile a model, as they are now.

        None where they cannot be read.
        """
        if table not in self._entries:
            try:
                source = table.partition(".")[0]
                self._entries |= self._inspect_source(source, [self.contracts[table]], self._known())
            except DealerLimitsError:
                self._entries[table] = []
            finally:
                self.remove_copies()
        return self._entries[table]

    def digests(self, table: str) -> dict[str, str]:
        """The files of a raw table, by name, with the digests of their bytes."""
        return {entry.name: entry.scan.digest for entry in self.entries(table) if entry.name and entry.scan}

    def changes(self, table: str, loaded: Mapping[str, str]) -> dict[str, list[str]]:
        """What became of the files of a raw table since they were loaded: `arrived`, to be read, and `gone`.

        loaded: names and digests. A file that changed is both.
        """
        here = self.digests(table)
        return {
            "arrived": sorted(name for name, digest in here.items() if loaded.get(name) != digest),
            "gone": sorted(name for name, digest in loaded.items() if here.get(name) != digest),
        }

    def scans(self, table: str, files: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """How to read a raw table, or some of its files: those with rows, together where one scan can read them."""
        scans: dict[str, dict[str, Any]] = {}
        wanted = None if files is None else set(files)
        for entry in self.entries(table):
            if entry.scan and entry.scan.rows and (wanted is None or entry.name in wanted):
                self._make_readable(entry)
                facts = {"format": entry.format, "folder": entry.folder} | dataclasses.asdict(entry.scan)
                layout = {name: facts[name] for name in _LAYOUT}
                # files whose types differ are read apart: one's would be cast to the other's
                layout["columns"] = {column: facts for column, *facts in layout["columns"]}
                is_wide = layout["width"] > WIDE and not self.contracts[table].quoted
                scan = scans.setdefault(
                    json.dumps(layout, sort_keys=True), {**layout, "files": [], "largest": 0, "is_wide": is_wide}
                )
                scan["files"].append(entry.read_path)
                scan["largest"] = max(scan["largest"], Path(entry.read_path).stat().st_size)
        return list(scans.values())

    def files(self) -> list[dict[str, Any]]:
        """A row per inspected file and table, as `quality.qc_raw_files` shows it."""
        rows = []
        for entry in sorted(self._read(), key=lambda entry: (entry.source, entry.name or "", entry.table or "")):
            contract = self.contracts.get(entry.table or "")
            scan = entry.scan
            absent = [] if scan is None or contract is None else _absent(contract, scan)
            rows.append(
                {
                    "source_table": entry.table,
                    "raw_file": entry.name,
                    "status": _status(entry),
                    "rows_read": scan.rows if scan else 0,
                    "size_bytes": entry.size,
                    "sha256": scan.digest if scan else None,
                    "columns_absent": ", ".join(absent) or None,
                    "warning": _warning(entry, contract, absent),
                }
            )
        return rows

    def control_totals(self) -> list[ControlTotal]:
        """What the manifest says of the files; nothing while only some tables are inspected."""
        if not set(self.contracts) <= set(self._entries):
            return []
        tables: dict[str, tuple[str, ...]] = {}
        for name in self.contracts:
            for entry in self._entries[name]:
                if entry.name:
                    tables[entry.name] = (*tables.get(entry.name, ()), name)
        return read_control_totals(self.contracts, tables, self._environment)

    def _check_row_totals(self) -> None:
        for total in self.control_totals():
            if total.column is None:
                rows = sum(
                    entry.scan.rows
                    for entry in self._entries[total.table]
                    if entry.scan and total.file in (None, entry.name)
                )
                if rows != total.value:
                    self.remove_copies()
                    raise refusal(
                        f"{MANIFEST}, line {total.line}",
                        f"{total.file or total.table} holds {rows} rows",
                        f"expected {total.value:f}",
                    )

    def remove_copies(self) -> None:
        shutil.rmtree(self.copies, ignore_errors=True)

    def _inspect_source(
        self, source: str, tables: list[Table], known: Mapping[tuple[str, str | None, str | None], Entry]
    ) -> dict[str, list[Entry]]:
        folder = source_folder(source, self._environment)
        of_source = [table for table in self.contracts.values() if table.source == source]
        files = find_files(source, folder, of_source)
        unread = [
            Entry(source, None, file.name, str(file.path), file.path.stat().st_size)
            for file in files
            if not file.tables
        ]
        found: dict[str, list[Entry]] = {table.full_name: [] for table in tables} | {f"{source}.": unread}
        for file in files:
            if wanted := [table for table in tables if table.full_name in file.tables]:
                for entry in self._inspect_file(file, folder, wanted, known):
                    found[entry.table].append(entry)
        for table in tables:
            _check_table(table, found[table.full_name], folder)
            if not found[table.full_name]:
                found[table.full_name] = [Entry(source, table.full_name, None)]
        return found

    def _inspect_file(
        self,
        file: RawFile,
        folder: Path,
        tables: list[Table],
        known: Mapping[tuple[str, str | None, str | None], Entry],
    ) -> list[Entry]:
        status = file.path.stat()
        path, root = file.path, folder
        if file.is_packed:
            root = self.copies / ".packed" / tables[0].source
            path = root.parent / file.name
        suffix = Path(file.member or (file.path.stem if file.member == "" else file.path.name)).suffix.lower()
        format_ = {".parquet": "parquet", ".json": "json"}.get(suffix, "text")
        before = [known.get((str(file.path), file.name, table.full_name)) for table in tables]
        is_known = all(
            entry
            and (entry.size, entry.modified_ns, entry.contract) == (status.st_size, status.st_mtime_ns, table.digest)
            and entry.scan
            for entry, table in zip(before, tables, strict=True)
        )
        if is_known:
            scans = {entry.table: entry.scan for entry in before}
        else:
            if file.is_packed:
                file.unpack(path)
            scans = _scan(path, file.name, format_, tables, self._copy_of(file.name))
        entries = []
        for table in tables:
            scan = scans[table.full_name]
            place = (self._copy_of(file.name), self.copies / table.source) if scan.copied else (path, root)
            entries.append(
                Entry(
                    table.source,
                    table.full_name,
                    file.name,
                    str(file.path),
                    status.st_size,
                    status.st_mtime_ns,
                    table.digest,
                    str(place[0]),
                    str(place[1]),
                    format_,
                    file.member,
                    scan,
                )
            )
        return entries

    def _copy_of(self, name: str) -> Path:
        return self.copies / name

    def _make_readable(self, entry: Entry) -> None:
        """Make the plain copy from which a file is read that was checked in an earlier run."""
        if entry.is_read_in_place or Path(entry.read_path).exists():
            return
        path = Path(entry.path)
        if entry.member is not None:
            path = self.copies / ".packed" / entry.name
            if not path.exists():
                RawFile(entry.name, Path(entry.path), entry.member, (entry.table,)).unpack(path)
        if entry.scan.copied:
            holders = (other for entries in self._entries.values() for other in entries if other.name == entry.name)
            tables = [self.contracts[other.table] for other in holders]
            _scan(path, entry.name, entry.format, tables, self._copy_of(entry.name))

    def _known(self) -> dict[tuple[str, str | None, str | None], Entry]:
        return {(entry.path, entry.name, entry.table): entry for entry in self._read()}

    def _read(self) -> list[Entry]:
        try:
            rows = json.loads(self.path.read_text(encoding="utf-8"))
            return [Entry(**{**row, "scan": Scan(**row["scan"]) if row["scan"] else None}) for row in rows]
        except (OSError, ValueError, TypeError, KeyError):
            # a ledger that is not there, or of another version, knows nothing
            return []

    def _write(self, entries: list[Entry]) -> None:
        self.build.mkdir(parents=True, exist_ok=True)
        content = json.dumps([dataclasses.asdict(entry) for entry in entries], indent=1)
        incoming = self.path.with_suffix(".incoming")
        incoming.write_text(content, encoding="utf-8")
        incoming.replace(self.path)


def _scan(path: Path, name: str, format_: str, tables: list[Table], copy: Path) -> dict[str, Scan]:
    if path.stat().st_size == 0:
        raise refusal(name, "the file is empty", tables[0].expectation)
    if format_ == "json":
        return scan_json(path, name, tables, copy)
    if format_ == "parquet":
        return {table.full_name: scan_parquet(path, name, table) for table in tables}
    return {table.full_name: scan_text(path, name, table, copy) for table in tables}


def _check_table(table: Table, entries: list[Entry], folder: Path) -> None:
    if not entries and not table.optional:
        raise refusal(str(folder), f"no file of {table.name}", table.expectation)
    whole = [str(entry.name) for entry in entries if table.is_whole(_base_name(str(entry.name)))]
    if len(whole) > 1:
        raise refusal(" and ".join(whole), f"both hold {table.full_name}", "expected one file")
    # a day without trades or operations is none that is missing, a table without rows is
    if entries and not any(entry.scan.rows for entry in entries):
        raise refusal(str(entries[0].name), "the file has no rows", table.expectation)


def _base_name(name: str) -> str:
    """A file's name as patterns have it: without folders, and packed or not."""
    return name.rpartition("/")[2].removesuffix(".gz").removesuffix(".GZ")


def _absent(contract: Table, scan: Scan) -> list[str]:
    present = {column for column, *_ in scan.columns}
    return [
        column.name
        for column in contract.columns
        if column.name not in present and not (column.parts and set(column.parts) <= present)
    ]


def _status(entry: Entry) -> str:
    if entry.table is None:
        return "left unread"
    if entry.name is None:
        return "no file"
    return "read" if entry.scan.rows else "no rows"


def _warning(entry: Entry, contract: Table | None, absent: list[str]) -> str | None:
    if entry.table is None:
        return "no contract knows a file of this name: it is left unread"
    if entry.name is None:
        return "there is no file of this table: what needs it is empty"
    wanted = [column.name for column in contract.columns if column.as_ in contract.any_of]
    if wanted and set(wanted) <= set(absent):
        return f"it has none of {', '.join(wanted)}"
    return None
