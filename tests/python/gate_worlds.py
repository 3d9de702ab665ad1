"""A small world to make implausible or odd, and the changes that do: of files of raw data, as frames."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

# long enough for shifts, gaps and quarters, and the event window in its midst
FIRST, LAST = date(2019, 1, 2), date(2020, 9, 30)
DAILY = ("value_at_risk", "limit_usage", "pnl", "positions", "inventory_aging", "transactions")
HEADS = {"value_at_risk": ["var_99_1d"], "pnl": ["pnl_comprehensive"], "transactions": ["transaction_value"]}


def write_base(world: Path, raw: Path) -> Path:
    """The raw files of a pseudo world, daily tables and bank files cut to FIRST to LAST."""
    shutil.copytree(world / "raw", raw)
    for name in DAILY:
        with desk_table(raw, name) as rows:
            rows.drop(rows.index[~rows.business_date.between(FIRST, LAST)], inplace=True)
    for file in (raw / "fr_y9c").iterdir():
        if not "20180930" <= file.stem[4:] <= "20200930":
            file.unlink()
    return raw


@contextmanager
def desk_table(raw: Path, name: str) -> Iterator[pd.DataFrame]:
    """A table of FR VV-1 to be changed in place."""
    path = raw / f"fr_vv1/{name}.parquet"
    rows = pd.read_parquet(path)
    yield rows
    rows.to_parquet(path, index=False)


def trace_files(raw: Path) -> list[Path]:
    """The files in the item names of FR 2956; few days are in the academic layout."""
    return sorted(path for path in (raw / "trace").iterdir() if path.suffix != ".txt")


@contextmanager
def reports(path: Path) -> Iterator[pd.DataFrame]:
    """A file of trade reports, as text where it is text."""
    is_text = path.suffix == ".psv"
    rows = pd.read_csv(path, sep="|", dtype=str, keep_default_na=False) if is_text else pd.read_parquet(path)
    yield rows
    if is_text:
        rows.to_csv(path, sep="|", index=False)
    else:
        rows.to_parquet(path, index=False)


@contextmanager
def operations(path: Path) -> Iterator[list[dict[str, Any]]]:
    document = json.loads(path.read_text())
    yield document["treasury"]["auctions"]
    path.write_text(json.dumps(document))


def soma_files(raw: Path) -> list[Path]:
    return sorted((raw / "soma").iterdir())


@contextmanager
def series(raw: Path, name: str) -> Iterator[pd.DataFrame]:
    """A csv of the market with its columns as `day` and `value`."""
    path = raw / f"market/{name}.csv"
    rows = pd.read_csv(path)
    header = list(rows.columns)
    rows.columns = ["day", "value"]
    yield rows
    rows.columns = header
    rows.to_csv(path, index=False)


def bank_file(raw: Path, quarter: str) -> Path:
    return raw / f"fr_y9c/BHCF{quarter}.txt"


def firms(raw: Path) -> list[str]:
    """Firms by number of desks that report throughout, most first: their desks' identifiers begin alike."""
    rows = pd.read_parquet(raw / "fr_vv1/value_at_risk.parquet")
    days = rows.business_date.nunique()
    whole = rows.groupby("desk_id").size()
    whole = whole[whole > 0.97 * days].index.str[:4].value_counts()
    return sorted(whole.index, key=lambda firm: (-whole[firm], firm))


def whole_desks(raw: Path, firm: str) -> list[str]:
    rows = pd.read_parquet(raw / "fr_vv1/value_at_risk.parquet")
    sizes = rows[rows.desk_id.str[:4] == firm].groupby("desk_id").size()
    return sorted(sizes[sizes > 0.97 * rows.business_date.nunique()].index)


def scale(rows: pd.DataFrame, which: pd.Series, columns: list[str], factor: str) -> None:
    for column in columns:
        rows.loc[which, column] = rows.loc[which, column].map(
            lambda value: (value * Decimal(factor)).quantize(Decimal("0.01")) if pd.notna(value) else value
        )


def shifted(raw: Path, table: str, columns: list[str], factor: str, since: date, desks: Callable[[str], bool]) -> None:
    """Numbers of some desks in another unit from a day on."""
    with desk_table(raw, table) as rows:
        scale(rows, rows.desk_id.map(desks) & (rows.business_date >= since), columns, factor)


def without(raw: Path, tables: tuple[str, ...], drop: Callable[[pd.DataFrame], pd.Series]) -> None:
    """Rows of daily tables dropped."""
    for table in tables:
        with desk_table(raw, table) as rows:
            rows.drop(rows.index[drop(rows)], inplace=True)


def set_one(raw: Path, table: str, desk: str, day: date, column: str, value: str) -> None:
    with desk_table(raw, table) as rows:
        which = rows.index[(rows.desk_id == desk) & (rows.business_date == day)]
        rows.loc[which[:1], column] = Decimal(value)


def hours_later(stamps: pd.Series, hours: int) -> pd.Series:
    """As stamps of the column are: text or timestamps."""
    if stamps.dtype.kind == "M":
        return stamps + timedelta(hours=hours)
    moved = pd.to_datetime(stamps.where(stamps != "")) + timedelta(hours=hours)
    return moved.dt.strftime("%Y-%m-%d %H:%M:%S").fillna("")


def multiplied(values: pd.Series, factor: str) -> pd.Series:
    """As values of the column are: text or decimals."""
    if isinstance(values.iloc[0], str):
        return values.map(lambda value: f"{Decimal(value) * Decimal(factor):.6f}")
    return values.map(lambda value: (value * Decimal(factor)).quantize(value))
