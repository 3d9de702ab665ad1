"""Files of transaction reports in two of the layouts of TRACE (docs/raw_files.md).

Most days have the item names of Form FR 2956, with numbers that are unique throughout. The days of
ACADEMIC_DAYS have the academic layout: day and clock apart, numbers that begin anew each day, cancels that
carry the number of their report, capacities by side, a trailer.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

PSV_FILES = 5
# among days without yields below zero, which this layout cannot tell from others
ACADEMIC_DAYS = range(44, 49)
# numbers of FR 2956: the execution day times this, and a position
DAY_OF_NUMBER = 10**9
_FIRST_OF_DAY = 2 * 10**9
# reports of one execution day that enter on a later one lie apart
_APART = 10**7

# parties beyond the roster
_CUSTOMER, _AFFILIATE = "C", "A"
_SIDES, _PRICE_TYPES, _STATUSES = ("B", "S", "Z"), ("D", "Y", "N"), ("T", "X", "C", "R", "Y", "Q")
BUY, SELL, BAD_SIDE = range(3)
DECIMAL_PRICE, YIELD_PRICE, NEGATIVE_YIELD = range(3)
TRADE, CANCEL, CORRECTED, NEW_VERSION, REVERSAL, BAD_STATUS = range(6)
AS_OF, AS_OF_REVERSAL = range(2)


def number_in_file(number: np.ndarray, report_day: np.ndarray) -> np.ndarray:
    """The control number under which a report stands in the file of its report day."""
    executed_day = number // DAY_OF_NUMBER - 100
    restarted = _FIRST_OF_DAY + (report_day - executed_day) * _APART + number % DAY_OF_NUMBER
    return np.where(np.isin(report_day, ACADEMIC_DAYS), restarted, number)


class Encoder:
    """Turns positions and codes into the columns of a raw layout."""

    def __init__(self, roster: pd.DataFrame, securities: pd.DataFrame, calendar: pd.DatetimeIndex) -> None:
        names = [*roster["mpid"], _CUSTOMER, _AFFILIATE]
        # a party now and then types its identifier in lower case or with a blank behind it
        self.parties = pa.array([*names, *(name.lower() for name in names), *(name + " " for name in names)])
        self.names = len(names)
        self.cusips = pa.array(securities["cusip"])
        self.finra_ids = pa.array([f"TS{number:07d}" for number in range(len(securities))])
        self.symbols = pa.array("T" + securities["cusip"].str[4:8])
        self.kinds = pa.array(securities["kind"].str.upper())
        self.calendar = calendar.to_numpy().astype("datetime64[s]").astype(np.int64)
        self.issue_day = securities["issue_date"].to_numpy().astype("datetime64[D]").astype(np.int32)

    def table(self, rng: np.random.Generator, reports: pd.DataFrame, day: int) -> pa.Table:
        """The reports of a report day, in the layout of that day."""
        size = len(reports)
        overridden = np.where(rng.random(size) < 0.002, 0, -1)
        parties = {
            name: self._party(rng, reports[column])
            for name, column in [
                ("RPTG_PARTY_ID", "reporter"),
                ("RPTG_PARTY_GVP_ID", "reporter_give_up"),
                ("CNTRA_PARTY_ID", "contra"),
                ("CNTRA_PARTY_GVP_ID", "contra_give_up"),
            ]
        }
        layout = self._academic if day in ACADEMIC_DAYS else self._fr_2956
        return pa.table(layout(reports, overridden, parties))

    def _fr_2956(
        self, reports: pd.DataFrame, overridden: np.ndarray, parties: dict[str, pa.Array]
    ) -> dict[str, pa.Array]:
        security = reports["security"].to_numpy()
        executed_day = self.calendar[reports["day"]]
        reported_day = self.calendar[reports["report_day"]]
        number, previous = _numbers(reports)
        return {
            "MSG_SEQ_NB": pa.array(np.arange(1, len(reports) + 1)),
            "TRD_RPT_TS": _timestamp(reported_day + reports["report_second"].to_numpy()),
            "TRD_EXCTN_TS": _timestamp(executed_day + reports["second"].to_numpy()),
            "TRD_STLMT_DT": pa.array(self._settles(reports), pa.int32()).cast(pa.date32()),
            "FINRA_SCRTY_ID": _coded(security, self.finra_ids),
            "ISSUE_SYM_ID": _coded(security, self.symbols),
            "CUSIP_ID": _coded(security, self.cusips),
            "RPT_SIDE_CD": _coded(reports["side"], _SIDES),
            "ENTRD_VOL_QT": _decimal(reports["par_usd"].to_numpy() * 100, pa.decimal128(18, 2)),
            "ENTRD_PR": _decimal(reports["price"].to_numpy(), pa.decimal128(12, 6)),
            "PR_TYPE_CD": _coded(reports["price_type"], _PRICE_TYPES),
            "PR_OVRRD_CD": _coded(overridden, ("O",)),
            **parties,
            "TRC_ST": _coded(reports["status"], _STATUSES),
            "SYSTM_CNTRL_NB": pa.array(number).cast(pa.string()),
            "PREV_TRD_CNTRL_NB": pa.array(previous, mask=previous == 0).cast(pa.string()),
            "ASOF_CD": _coded(reports["as_of"], ("A", "R")),
            "WIS_FL": _coded(reports["is_when_issued"].astype(np.int8), ("N", "Y")),
            "ATS_FL": _coded(np.where(reports["is_platform"], 0, -1), ("Y",)),
            "RPTG_CPCTY_CD": _coded(reports["is_agency"].astype(np.int8), ("P", "A")),
        }

    def _academic(
        self, reports: pd.DataFrame, _overridden: np.ndarray, parties: dict[str, pa.Array]
    ) -> dict[str, pa.Array]:
        """As FINRA's academic data have it; a cancel and the old half of a correction carry the date and
        number of their report."""
        security = reports["security"].to_numpy()
        number, previous = _numbers(reports)
        report_day, previous_day = (reports[name].to_numpy() for name in ("report_day", "previous_day"))
        is_own = reports["status"].isin([CANCEL, CORRECTED]).to_numpy()
        points_back = ~is_own & (previous > 0)
        control_day = np.where(is_own, previous_day, report_day)
        control_number = np.where(is_own, previous, number)
        # a chain of corrections goes back to its first report, which is the one before
        first_day = np.where(points_back, previous_day, control_day)
        first_number = np.where(points_back, previous, control_number)
        capacity = reports["is_agency"].to_numpy().astype(np.int8)
        is_seller = (reports["side"] == SELL).to_numpy()
        blank = pa.nulls(len(reports), pa.string())
        return {
            "REC_CT_NB": pa.array(np.arange(1, len(reports) + 1)),
            "TRD_ST_CD": _coded(reports["status"], _STATUSES),
            "ISSUE_SYM_ID": _coded(security, self.symbols),
            "CUSIP_ID": _coded(security, self.cusips),
            **{name: parties[name] for name in ("RPTG_PARTY_ID", "RPTG_PARTY_GVP_ID")},
            "PRDCT_SBTP_CD": _coded(security, self.kinds),
            "WIS_DSTRD_CD": _coded(reports["is_when_issued"].astype(np.int8), ("N", "Y")),
            "NO_RMNRN_CD": blank,
            "ENTRD_VOL_QT": _decimal(reports["par_usd"].to_numpy() * 100, pa.decimal128(18, 2)),
            "RPTD_PR": _decimal(reports["price"].to_numpy(), pa.decimal128(12, 6)),
            "YLD_DRCTN_CD": blank,
            "CALCD_YLD_PT": blank,
            "ASOF_CD": _coded(reports["as_of"], ("A", "R")),
            "TRD_EXCTN_DT": self._day_digits(reports["day"].to_numpy()),
            "TRD_EXCTN_TM": _clock_digits(reports["second"].to_numpy()),
            "TRD_RPT_DT": self._day_digits(report_day),
            "TRD_RPT_TM": _clock_digits(reports["report_second"].to_numpy()),
            "TRD_STLMT_DT": _digits(self._settles(reports)),
            "TRD_MDFR_LATE_CD": blank,
            "TRD_MDFR_SRO_CD": blank,
            "RPT_SIDE_CD": _coded(reports["side"], _SIDES),
            "BUYER_CMSN_AMT": blank,
            "BUYER_CPCTY_CD": _coded(np.where(is_seller, -1, capacity), ("P", "A")),
            "SLLR_CMSN_AMT": blank,
            "SLLR_CPCTY_CD": _coded(np.where(is_seller, capacity, -1), ("P", "A")),
            **{name: parties[name] for name in ("CNTRA_PARTY_ID", "CNTRA_PARTY_GVP_ID")},
            "LCKD_IN_FL": blank,
            "ATS_FL": _coded(np.where(reports["is_platform"], 0, -1), ("Y",)),
            "SPCL_PR_FL": blank,
            "TRDG_MKT_CD": _coded(np.zeros(len(reports)), ("S1",)),
            "PBLSH_FL": blank,
            "SYSTM_CNTRL_DT": self._day_digits(control_day),
            "SYSTM_CNTRL_NB": pa.array(control_number).cast(pa.string()),
            "PREV_TRD_CNTRL_DT": self._day_digits(previous_day, blank=~points_back),
            "PREV_TRD_CNTRL_NB": pa.array(previous, mask=~points_back).cast(pa.string()),
            "FIRST_TRD_CNTRL_DT": self._day_digits(first_day),
            "FIRST_TRD_CNTRL_NB": pa.array(first_number).cast(pa.string()),
        }

    def _settles(self, reports: pd.DataFrame) -> np.ndarray:
        """Settlement in days since 1970: the next business day, of a when-issued trade the day of issue."""
        settles = (self.calendar[reports["day"].to_numpy() + 1] // 86_400).astype(np.int32)
        return np.where(reports["is_when_issued"], self.issue_day[reports["security"].to_numpy()], settles)

    def _day_digits(self, day: np.ndarray, blank: np.ndarray | None = None) -> pa.Array:
        return _digits(self.calendar[day] // 86_400, blank)

    def _party(self, rng: np.random.Generator, code: pd.Series) -> pa.DictionaryArray:
        code = code.to_numpy()
        variant = np.searchsorted([0.999, 0.9995], rng.random(len(code)), side="right")
        is_dealer = (code >= 0) & (code < self.names - 2)
        return _coded(np.where(is_dealer, code + variant * self.names, code), self.parties)


def _coded(code: np.ndarray | pd.Series, values: pa.Array | tuple[str, ...]) -> pa.DictionaryArray:
    """Text column from positions in `values`; -1 is null."""
    code = np.asarray(code).astype(np.int16)
    return pa.DictionaryArray.from_arrays(pa.array(code, mask=code < 0), pa.array(values, pa.string()))


def _timestamp(seconds: np.ndarray) -> pa.Array:
    return pa.array(seconds.astype("datetime64[s]"))


def _decimal(units: np.ndarray, to: pa.Decimal128Type) -> pa.Array:
    """Decimals from integers in units of the last digit: two's complement in sixteen bytes, little-endian."""
    words = np.empty((len(units), 2), dtype="<i8")
    words[:, 0], words[:, 1] = units, units >> 63
    return pa.Array.from_buffers(to, len(units), [None, pa.py_buffer(words)])


def _numbers(reports: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Control numbers and, zero where there is none, those of the reports that are acted on."""
    number, previous = reports["control_number"].to_numpy(), reports["previous"].to_numpy()
    own = number_in_file(number, reports["report_day"].to_numpy())
    named = number_in_file(previous, reports["previous_day"].to_numpy())
    return own, np.where(previous == 0, 0, named)


def _digits(days: np.ndarray, blank: np.ndarray | None = None) -> pa.Array:
    """Days since 1970 as YYYYMMDD."""
    days, place = np.unique(days, return_inverse=True)
    texts = np.char.replace(days.astype("datetime64[D]").astype(str), "-", "")
    return pa.array(texts[place], pa.string(), mask=blank)


def _clock_digits(seconds: np.ndarray) -> pa.Array:
    """Seconds of a day as HHMMSS."""
    number = seconds // 3600 * 10_000 + seconds // 60 % 60 * 100 + seconds % 60
    return pa.array(np.char.zfill(number.astype(str), 6), pa.string())


def write_report_file(table: pa.Table, date: pd.Timestamp, folder: Path, as_text: bool) -> Path:
    """`trace_YYYY-MM-DD`: `.txt` of the academic layout, else `.psv` or `.parquet`; returns the path.

    Text is pipe-delimited with a header and, of the academic layout, ends with a trailer that counts rows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"trace_{date.date().isoformat()}"
    if "REC_CT_NB" in table.column_names:
        path = stem.with_suffix(".txt")
        trailer = f"{date:%Y%m%d} 235959|{table.num_rows:010d}\n"
        path.write_bytes(_text(table) + trailer.encode())
    elif as_text:
        path = stem.with_suffix(".psv")
        path.write_bytes(_text(table))
    else:
        path = stem.with_suffix(".parquet")
        pyarrow.parquet.write_table(
            table, path, compression="zstd", store_schema=False, coerce_timestamps="us", version="2.6"
        )
    return path


def _text(table: pa.Table) -> bytes:
    written = io.BytesIO()
    written.write(("|".join(table.column_names) + "\n").encode())
    options = pyarrow.csv.WriteOptions(delimiter="|", quoting_style="none", include_header=False)
    pyarrow.csv.write_csv(table, written, options)
    return written.getvalue()
