"""The same rows in other files: zoned stamps, numbers as doubles, trailers, packed, under other names."""

from __future__ import annotations

import gzip
import io
import shutil
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dealer_limits.provenance import MARKER


def write_other_forms(raw: Path, target: Path) -> Path:
    """Every raw file of a world in another form that holds the same rows; returns the folder `target`."""
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(raw / MARKER, target)
    for path in sorted(path for path in raw.glob("*/*") if path.is_file()):
        source, name = path.parent.name, path.name.upper()
        folder = target / source
        if source == "trace":
            # a folder per day, an archive per file
            folder = folder / f"report_date={path.stem.removeprefix('trace_')}"
            content = zoned(path) if path.suffix == ".parquet" else path.read_bytes()
            if path.suffix == ".psv":
                content = with_trailer(content)
            _write_zip(folder / f"{path.stem}.ZIP", name, content)
        elif source == "fr_y9c":
            _write_zip(folder / f"{path.stem}.zip", name, path.read_bytes())
        elif source == "soma":
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.GZ").write_bytes(gzip.compress(path.read_bytes()))
        elif source == "fr_vv1":
            _write_zip(folder / "schedules" / f"{path.stem}.zip", name, path.read_bytes())
        else:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    return target


def zoned(path: Path) -> bytes:
    """Trade reports with stamps in UTC, and the numbers of the reports that they act on as doubles."""
    table = pq.read_table(path)
    for name in ("TRD_RPT_TS", "TRD_EXCTN_TS"):
        stamps = pc.assume_timezone(table[name].cast(pa.timestamp("us")), "America/New_York")
        table = table.set_column(table.schema.get_field_index(name), name, stamps.cast(pa.timestamp("us", "UTC")))
    name = "PREV_TRD_CNTRL_NB"
    table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(pa.float64()))
    written = io.BytesIO()
    pq.write_table(table, written, compression="zstd")
    return written.getvalue()


def with_trailer(content: bytes) -> bytes:
    rows = content.count(b"\n") - 1
    return content + f"20200316 183000|{rows:010d}\n".encode()


def _write_zip(path: Path, member: str, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(member, content)
