"""What a raw file is, found by reading it through once, before the engine does.
 Rows are counted by something other than the reader that stages them: lines where nothing is quoted, Python's
csv module where something may be, the records of JSON, the metadata of Parquet. What a file may not hold
(bytes that are no text, lines of another width, pages that cannot be read) is refused here, by the file's
name and without a value.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq

from dealer_limits.errors import DealerLimitsError
from dealer_limits.sources.contracts import Table
from dealer_limits.sources.files import refusal

_CHUNK = 1 << 26
_NEWLINE, _RETURN = 10, 13
# that the engine's reader takes
_LONGEST_LINE = 2_000_000
# stands in no text; a wide file is read line by line, and columns are cut out of the lines
LINE_ONLY = "\x1f"
# files with more columns are wide: the reader's work grows with all of them, though a few are wanted
WIDE = 100

# of DuckDB's types, what staging tells apart
_KINDS = {
    "VARCHAR": "text",
    "BLOB": "blob",
    "DATE": "date",
    "BOOLEAN": "boolean",
    "FLOAT": "float",
    "DOUBLE": "float",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
}
_INTEGERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?")


@dataclass(frozen=True)
class Scan:
    """What was found in one file.

    rows: its data rows. columns: the columns of the contract that it has, as (name in the contract, name in
    the file, place from 1, kind of type and, of Parquet, the type); a part of one is called as in
    `Column.parts`. width, encoding: of a text file, its
    number of columns and its encoding. has_trailer: its last line says how many rows there are. digest:
    SHA-256 of its bytes. copied: it is read from a copy that holds the same rows in plain form.
    """

    rows: int
    digest: str
    columns: list[list[Any]] = field(default_factory=list)
    width: int = 0
    encoding: str = "utf-8"
    has_trailer: bool = False
    copied: bool = False


def scan_parquet(path: Path, name: str, table: Table) -> Scan:
    """Read a Parquet file through. Raises DealerLimitsError where it cannot be read or lacks a column."""
    unreadable = refusal(name, "the file cannot be read", "expected a well-formed file")
    try:
        rows = pq.read_metadata(path).num_rows
        described = duckdb.sql(f"describe from read_parquet({_literal(path)}, hive_partitioning = false)").fetchall()
    except (OSError, ValueError, duckdb.Error) as error:
        raise unreadable from error
    header = [column for column, *_ in described]
    types = [type_ for _, type_, *_ in described]
    matched = match_columns(header, name, table)
    columns = [[*column, _kind(types[column[2] - 1]), types[column[2] - 1]] for column in matched]
    values = ", ".join(
        f'bit_xor(hash({"decode" if kind == "blob" else ""}("{raw.replace(chr(34), chr(34) * 2)}")))'
        for _, raw, _, kind, _ in columns
    )
    try:
        duckdb.sql(f"select {values} from read_parquet({_literal(path)}, hive_partitioning = false)").fetchall()
    except duckdb.Error as error:
        raise unreadable from error
    return Scan(rows, _digest(path), columns)


def scan_text(path: Path, name: str, table: Table, copy: Path) -> Scan:
    """Read a delimited text file through; one that is not plain is written to `copy` as it should have been.

    Plain is: the contract's encoding without a byte-order mark, lines that all end alike. Raises
    DealerLimitsError for bytes that are no text, lines with more or fewer columns than the header, quotes
    that never end, and a trailer that counts other rows.
    """
    digest = _digest(path)
    with path.open("rb") as file:
        start = file.read(4)
    encoding, mark = _encoding(start, table.encoding)
    copied = bool(mark) or encoding.startswith("utf-16") or not _ends_alike(path)
    if copied:
        _write_plain(path, name, table, encoding, copy)
        path, encoding = copy, "utf-8" if encoding.startswith("utf-16") else encoding
    scan = _scan_quoted if table.quoted else _scan_lines
    header, rows, has_trailer = scan(path, name, table, encoding)
    columns = [[*column, "text"] for column in match_columns(header, name, table)]
    return Scan(rows, digest, columns, len(header), encoding, has_trailer, copied)


def scan_json(path: Path, name: str, tables: list[Table], copy: Path) -> dict[str, Scan]:
    """Read a JSON file through; the scan of each table that it holds.

    A file with a byte-order mark, in UTF-16 or with field names in another case is written to `copy` as it
    should have been. Raises DealerLimitsError where it is not well-formed, is of another shape or lacks a
    field.
    """
    content = path.read_bytes()
    encoding, mark = _encoding(content[:4], "utf-8")
    names = {name.lower(): name for table in tables for name in (*table.records, *(c.name for c in table.columns))}
    renamed = False

    def as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal renamed
        fields = [(names.get(key.strip().lower(), key), value) for key, value in pairs]
        renamed = renamed or any(key != was for (key, _), (was, _) in zip(fields, pairs, strict=True))
        if len({key for key, _ in fields}) < len(fields):
            raise ValueError("a field stands twice")
        return dict(fields)

    try:
        # numbers stay as they are written
        document = json.loads(
            content.decode(encoding)[mark:], object_pairs_hook=as_object, parse_float=str, parse_int=str
        )
    except (ValueError, RecursionError) as error:
        raise refusal(name, "the file is not well-formed JSON", tables[0].expectation) from error
    digest = hashlib.sha256(content).hexdigest()
    copied = bool(mark) or renamed or encoding != "utf-8"
    if not isinstance(document, dict):
        raise refusal(name, "the file is of another shape", tables[0].expectation)
    scans = {}
    for table in tables:
        records = _records([document], table.records, name, table)
        for column in table.columns:
            if not column.optional and records and not any(column.name in record for record in records):
                raise refusal(name, f"field {column.name} is missing", table.expectation)
        present = [[column.name, column.name, 0, "text"] for column in table.columns]
        scans[table.full_name] = Scan(len(records), digest, present, copied=copied)
    if copied:
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(json.dumps(document), encoding="utf-8")
    return scans


def match_columns(header: list[str], name: str, table: Table) -> list[list[Any]]:
    """The columns of the contract that a header has: [name in the contract, in the file, place from 1].

    A column may go by any name of the contract, in any case, or be there in parts. Raises
    DealerLimitsError where one that must be there is missing and where a name stands twice.
    """
    places: dict[str, list[int]] = {}
    for place, raw in enumerate(header, start=1):
        places.setdefault(" ".join(raw.split()).lower(), []).append(place)
    found = []
    for column in table.columns:
        wanted = {column.name: column.names}
        if not any(name.lower() in places for name in column.names) and column.parts:
            wanted = column.parts
        for part, known in wanted.items():
            names = [name for name in known if name.lower() in places]
            if not names and not column.optional:
                missing = column.name if len(wanted) == 1 or not _has_any(column.parts, places) else known[0]
                raise refusal(name, f"column {missing} is missing", table.expectation)
            if len(names) > 1 or (names and len(places[names[0].lower()]) > 1):
                raise refusal(name, f"column {known[0]} stands twice", table.expectation)
            if names:
                place = places[names[0].lower()][0]
                found.append([part, header[place - 1], place])
    return found


def _has_any(parts: dict[str, tuple[str, ...]], places: dict[str, list[int]]) -> bool:
    return any(name.lower() in places for names in parts.values() for name in names)


def _records(parents: list[dict[str, Any]], path: tuple[str, ...], name: str, table: Table) -> list[dict[str, Any]]:
    """The records at a path, each with the fields of the record that holds it."""
    shape = refusal(name, "the file is of another shape", table.expectation)
    for depth, step in enumerate(path):
        found = []
        for parent in parents:
            child = parent.get(step)
            if child is None and depth < 2:
                raise refusal(name, f"field {step} is missing", table.expectation)
            # the first step leads to an object, later ones to lists of them
            children = [child] if depth == 0 else child or []
            if not isinstance(children, list) or not all(isinstance(record, dict) for record in children):
                raise shape
            found += [{**parent, **record} for record in children]
        parents = found
    return parents


def _scan_lines(path: Path, name: str, table: Table, encoding: str) -> tuple[list[str], int, bool]:
    """Header, rows and whether there is a trailer, of a file in which nothing is quoted: a line is a row."""
    delimiter = ord(table.delimiter)
    decoder = codecs.getincrementaldecoder(encoding)()
    header: list[str] | None = None
    lines = rows = 0
    odd: tuple[int, bytes] | None = None
    for chunk in _chunks_of_lines(path):
        _check_text(decoder, chunk, name, table)
        if LINE_ONLY.encode() in chunk:
            raise refusal(name, "the file holds control characters", table.expectation)
        content = np.frombuffer(chunk, np.uint8)
        ends = np.flatnonzero(content == _NEWLINE)
        starts = np.concatenate(([0], ends[:-1] + 1))
        delimiters = np.searchsorted(np.flatnonzero(content == delimiter), ends)
        counts = np.diff(delimiters, prepend=0)
        # a line without a character is no row, for the engine's reader neither
        blank = (ends == starts) | ((ends == starts + 1) & (content[starts] == _RETURN))
        if header is None:
            if blank[0]:
                raise refusal(name, "line 1 is malformed, the header is blank", table.expectation)
            header = chunk[: ends[0]].decode(encoding).rstrip("\r").split(table.delimiter)
            blank[0] = True
        if odd and not blank.all():
            raise _malformed(name, odd[0], len(header), odd[1], table)
        if (ends - starts).max() > _LONGEST_LINE:
            raise refusal(name, f"a line has more than {_LONGEST_LINE:,} bytes", table.expectation)
        wrong = np.flatnonzero((counts != len(header) - 1) & ~blank)
        wrong = wrong[wrong > 0] if lines == 0 else wrong
        if len(wrong):
            first = int(wrong[0])
            odd = (lines + first + 1, chunk[starts[first] : ends[first]])
            is_last = not (~blank)[first + 1 :].any()
            if len(wrong) > 1 or not is_last:
                raise _malformed(name, odd[0], len(header), odd[1], table)
        rows += int((~blank).sum()) - len(wrong)
        lines += len(ends)
    if header is None:
        raise refusal(name, "the file is empty", table.expectation)
    if odd is None:
        return header, rows, False
    counted = _trailer_count(odd[1].decode(encoding), table)
    if counted is None:
        raise _malformed(name, odd[0], len(header), odd[1], table)
    if counted != rows:
        raise refusal(name, f"its trailer counts {counted:,} rows and it holds {rows:,}", table.expectation)
    return header, rows, True


def _scan_quoted(path: Path, name: str, table: Table, encoding: str) -> tuple[list[str], int, bool]:
    """The same of a file in which quotes may hold delimiters and line ends."""
    with path.open("rb") as raw:
        decoder = codecs.getincrementaldecoder(encoding)()
        for chunk in iter(lambda: raw.read(_CHUNK), b""):
            _check_text(decoder, chunk, name, table)
    csv.field_size_limit(1 << 30)
    header, rows = None, 0
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=table.delimiter, strict=True)
        try:
            for fields in reader:
                if header is None:
                    header = fields
                elif fields:
                    rows += 1
                    if len(fields) != len(header):
                        more = "too many columns" if len(fields) > len(header) else "missing columns"
                        raise refusal(name, f"line {reader.line_num} is malformed, {more}", table.expectation)
        except csv.Error as error:
            problem = f"line {reader.line_num} is malformed, a quote that never ends or is not alone"
            raise refusal(name, problem, table.expectation) from error
    if header is None:
        raise refusal(name, "the file is empty", table.expectation)
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(1, len(header) + 1))
    reading = (
        f"select count(*) from read_csv([{_literal(path)}], columns = {{{columns}}}, auto_detect = false, "
        f"delim = '{table.delimiter}', quote = '\"', escape = '\"', header = false, skip = 1, "
        f"encoding = '{encoding}', compression = 'none')"
    )
    try:
        read = duckdb.sql(reading).fetchall()[0][0]
    except duckdb.Error as error:
        raise refusal(name, "the file cannot be read", "expected a well-formed file") from error
    if read != rows:
        raise refusal(name, "two readers find different rows in it", table.expectation)
    return header, rows, False


def _chunks_of_lines(path: Path) -> Iterator[bytes]:
    """A file in chunks of whole lines; the last line gets an end where it has none."""
    rest = b""
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            block = rest + block
            cut = block.rfind(b"\n") + 1
            rest = block[cut:]
            if cut:
                yield block[:cut]
    if rest:
        yield rest + b"\n"


def _check_text(decoder: codecs.IncrementalDecoder, chunk: bytes, name: str, table: Table) -> None:
    try:
        decoder.decode(chunk)
    except UnicodeDecodeError as error:
        raise refusal(name, f"the file is not {table.encoding.upper()} text", table.expectation) from error
    if b"\0" in chunk:
        raise refusal(name, "the file holds null bytes", table.expectation)


def _malformed(name: str, line: int, width: int, content: bytes, table: Table) -> DealerLimitsError:
    more = content.count(table.delimiter.encode()) + 1 > width
    return refusal(
        name, f"line {line} is malformed, {'too many columns' if more else 'missing columns'}", table.expectation
    )


def _trailer_count(line: str, table: Table) -> int | None:
    """How many rows a trailer counts: a date and time, then the count in ten digits. None if it is none."""
    if not table.trailer:
        return None
    *stamp, last = [part.strip() for part in line.split(table.delimiter) if part.strip()]
    if stamp:
        digits = re.sub(r"[-:./ T]", "", "".join(stamp))
        return int(last) if digits.isdigit() and len(digits) >= 8 and re.fullmatch(r"\d{1,10}", last) else None
    digits = re.sub(r"[-:./ T]", "", last)
    return int(digits[-10:]) if re.fullmatch(r"(19|20)\d{16,24}", digits) else None


def _encoding(start: bytes, usual: str) -> tuple[str, int]:
    """Encoding by the byte-order mark at the start, and how many characters the mark is."""
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8", 1
    if start.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le", 1
    if start.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be", 1
    # without a mark, ASCII in UTF-16 shows in its null bytes
    if len(start) == 4 and start[1::2] == b"\0\0" and 0 not in start[::2]:
        return "utf-16-le", 0
    if len(start) == 4 and start[::2] == b"\0\0" and 0 not in start[1::2]:
        return "utf-16-be", 0
    return usual, 0


def _ends_alike(path: Path) -> bool:
    """Whether all lines end with a line feed, or all with a carriage return and one."""
    feeds = pairs = returns = 0
    with path.open("rb") as file:
        last = b""
        while chunk := file.read(_CHUNK):
            pairs += chunk.count(b"\r\n") + (last == b"\r" and chunk[:1] == b"\n")
            feeds += chunk.count(b"\n")
            returns += chunk.count(b"\r")
            last = chunk[-1:]
    return returns == 0 or pairs == feeds == returns


def _write_plain(path: Path, name: str, table: Table, encoding: str, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    target = "utf-8" if encoding.startswith("utf-16") else encoding
    try:
        with path.open(encoding=encoding, newline=None) as raw, copy.open("w", encoding=target, newline="\n") as plain:
            first = raw.read(1)
            plain.write(first.lstrip("\ufeff"))
            shutil.copyfileobj(raw, plain, 1 << 20)
    except UnicodeDecodeError as error:
        raise refusal(name, f"the file is not {encoding.upper()} text", table.expectation) from error


def _kind(type_: str) -> str:
    if type_.startswith("TIMESTAMP") and "TIME ZONE" not in type_:
        return "timestamp"
    if type_.startswith("DECIMAL"):
        return "decimal"
    if _INTEGERS.fullmatch(type_):
        return "integer"
    return _KINDS.get(type_, "other")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _literal(path: Path) -> str:
    """A path in SQL, where brackets and braces are no pattern and an apostrophe ends nothing."""
    return "'" + re.sub(r"([\[\]*?{}])", r"[\1]", str(path)).replace("'", "''") + "'"
