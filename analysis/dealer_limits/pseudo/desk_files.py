"""Writing raw files whose bytes depend on their contents alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

MONEY = pa.decimal128(18, 2)


def money_array(dollars: np.ndarray) -> pa.Array:
    """Decimals from float dollars: int64 cents laid out as 128-bit integers, no Python object per value."""
    cents = np.rint(dollars * 100).astype(np.int64)
    words = np.empty((len(cents), 2), dtype="<i8")
    words[:, 0], words[:, 1] = cents, cents >> 63
    return pa.Array.from_buffers(MONEY, len(cents), [None, pa.py_buffer(words)])


def to_arrow(table: pd.DataFrame) -> pa.Table:
    """Floats become decimals with two places, dates date32, categories and text string; integers stay."""
    columns = {}
    for name, values in table.items():
        if isinstance(values.dtype, pd.CategoricalDtype):
            codes = pa.array(values.cat.codes.to_numpy(dtype=np.int32))
            labels = pa.array(values.cat.categories.astype(object), pa.string())
            columns[name] = pa.DictionaryArray.from_arrays(codes, labels).cast(pa.string())
        elif values.dtype.kind == "f":
            columns[name] = money_array(values.to_numpy())
        elif values.dtype.kind == "M":
            columns[name] = pa.array(values.to_numpy().astype("datetime64[D]"), pa.date32())
        elif values.dtype.kind == "i":
            columns[name] = pa.array(values.to_numpy())
        else:
            columns[name] = pa.array(values.astype(object), pa.string(), from_pandas=True)
    return pa.table(columns)


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write one table; creates the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(to_arrow(table), path, compression="zstd", compression_level=1, row_group_size=500_000)


def write_csv(table: pd.DataFrame, path: Path, float_format: str | None = None) -> None:
    """Write one table as UTF-8 CSV with ISO dates and blanks for nulls; creates the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, float_format=float_format, date_format="%Y-%m-%d", lineterminator="\n")
