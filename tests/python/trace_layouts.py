"""The trade reports of a world in one layout of TRACE, on all days, with other control numbers."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

# the reports of all files of a world in the item names of FR 2956; `own_date` and `named_date` are the days
# within which their own numbers and those that they name are unique
REPORTS = """
select
    *,
    coalesce(strptime(SYSTM_CNTRL_DT, '%Y%m%d'), TRD_RPT_TS::timestamp)::date as own_date,
    strptime(PREV_TRD_CNTRL_DT, '%Y%m%d')::date as named_date
from (
    select * from read_csv('{raw}/*.psv', delim = '|', header = true, all_varchar = true)
    union all by name
    select columns(*)::varchar from read_parquet('{raw}/*.parquet')
    union all by name
    select
        * exclude (REC_CT_NB, TRD_ST_CD, RPTD_PR, PRDCT_SBTP_CD) replace (
            strptime(TRD_STLMT_DT, '%Y%m%d')::date::varchar as TRD_STLMT_DT
        ),
        REC_CT_NB as MSG_SEQ_NB,
        TRD_ST_CD as TRC_ST,
        RPTD_PR as ENTRD_PR,
        strptime(TRD_EXCTN_DT || TRD_EXCTN_TM, '%Y%m%d%H%M%S')::varchar as TRD_EXCTN_TS,
        strptime(TRD_RPT_DT || TRD_RPT_TM, '%Y%m%d%H%M%S')::varchar as TRD_RPT_TS,
        coalesce(BUYER_CPCTY_CD, SLLR_CPCTY_CD) as RPTG_CPCTY_CD
    from read_csv('{raw}/*.txt', delim = '|', header = true, all_varchar = true, ignore_errors = true)
)
"""
_RENUMBERED = """
create table entries as
with

numbered as (

    select
        *,
        row_number() over () as entry,
        TRD_RPT_TS::timestamp::date as report_date,
        coalesce(TRC_ST in ('X', 'C') and SYSTM_CNTRL_DT is not null, false) as carries,
        coalesce(TRC_ST in ('T', 'R') and coalesce(ASOF_CD, '') <> 'R', false) as is_report
    from ({reports})

),

-- numbers that begin anew each day, in no order of the reports
renumbered as (

    select
        *,
        1 + row_number() over (partition by report_date order by md5(entry::varchar)) as number
    from numbered

),

named as (

    select
        acting.entry,
        first(undone.report_date order by undone.entry) as undone_date,
        first(undone.number order by undone.entry) as undone_number
    from renumbered as acting
    inner join renumbered as undone
        on
            undone.is_report
            and undone.SYSTM_CNTRL_NB = case
                when acting.carries then acting.SYSTM_CNTRL_NB else acting.PREV_TRD_CNTRL_NB
            end
            and undone.own_date = coalesce(
                case when acting.carries then acting.own_date else acting.named_date end, undone.own_date
            )
            and undone.CUSIP_ID = acting.CUSIP_ID
            and undone.TRD_EXCTN_TS = acting.TRD_EXCTN_TS
    group by acting.entry

)

select renumbered.*, named.undone_date, named.undone_number
from renumbered
left join named using (entry)
order by report_date, TRD_RPT_TS, entry
"""
_ACADEMIC = """
select
    row_number() over (order by TRD_RPT_TS, entry) as REC_CT_NB,
    TRC_ST as TRD_ST_CD, ISSUE_SYM_ID, CUSIP_ID, RPTG_PARTY_ID, RPTG_PARTY_GVP_ID,
    coalesce(WIS_FL, WIS_DSTRD_CD) as WIS_DSTRD_CD, ENTRD_VOL_QT,
    -- the layout has no type of price: a negative yield is one
    case when PR_TYPE_CD = 'N' then '-' else '' end || ENTRD_PR as RPTD_PR,
    ASOF_CD,
    strftime(TRD_EXCTN_TS::timestamp, '%Y%m%d') as TRD_EXCTN_DT,
    ltrim(strftime(TRD_EXCTN_TS::timestamp, '%H%M%S'), '0') as TRD_EXCTN_TM,
    strftime(TRD_RPT_TS::timestamp, '%Y%m%d') as TRD_RPT_DT,
    ltrim(strftime(TRD_RPT_TS::timestamp, '%H%M%S'), '0') as TRD_RPT_TM,
    strftime(TRD_STLMT_DT::date, '%Y%m%d') as TRD_STLMT_DT,
    RPT_SIDE_CD,
    case when RPT_SIDE_CD = 'B' then RPTG_CPCTY_CD end as BUYER_CPCTY_CD,
    case when RPT_SIDE_CD = 'S' then RPTG_CPCTY_CD end as SLLR_CPCTY_CD,
    CNTRA_PARTY_ID, CNTRA_PARTY_GVP_ID, ATS_FL, 'S1' as TRDG_MKT_CD,
    strftime(case when is_own then undone_date else report_date end, '%Y%m%d') as SYSTM_CNTRL_DT,
    lpad((case when is_own then undone_number else number end)::varchar, 7, '0') as SYSTM_CNTRL_NB,
    case when not is_own then strftime(undone_date, '%Y%m%d') end as PREV_TRD_CNTRL_DT,
    case when not is_own then lpad(undone_number::varchar, 7, '0') end as PREV_TRD_CNTRL_NB
from (
    select *, coalesce(TRC_ST in ('X', 'C') and undone_number is not null, false) as is_own from entries
)
where report_date = '{day}'
order by REC_CT_NB
"""
_FR_2956 = """
select
    row_number() over (order by TRD_RPT_TS, entry) as MSG_SEQ_NB,
    TRD_RPT_TS, TRD_EXCTN_TS, TRD_STLMT_DT, ISSUE_SYM_ID, CUSIP_ID, RPT_SIDE_CD, ENTRD_VOL_QT, ENTRD_PR,
    PR_TYPE_CD, RPTG_PARTY_ID, RPTG_PARTY_GVP_ID, CNTRA_PARTY_ID, CNTRA_PARTY_GVP_ID, TRC_ST,
    number as SYSTM_CNTRL_NB, undone_number as PREV_TRD_CNTRL_NB, ASOF_CD,
    coalesce(WIS_FL, WIS_DSTRD_CD) as WIS_FL, ATS_FL, RPTG_CPCTY_CD
from entries
where report_date = '{day}'
order by MSG_SEQ_NB
"""


_WITHOUT_PARTIES = """
select
    row_number() over (order by TRD_RPT_TS, entry) as "Record Count Num",
    lpad(number::varchar, 7, '0') as "Reference Number",
    TRC_ST as "Trade Status",
    ISSUE_SYM_ID as "TRACE Symbol",
    CUSIP_ID as "CUSIP",
    coalesce(WIS_FL, WIS_DSTRD_CD) as "When Issued Indicator",
    ENTRD_VOL_QT as "Quantity",
    case when PR_TYPE_CD = 'N' then '-' else '' end || ENTRD_PR as "Price",
    ASOF_CD as "As Of Indicator",
    strftime(TRD_EXCTN_TS::timestamp, '%Y%m%d') as "Execution Date",
    strftime(TRD_EXCTN_TS::timestamp, '%H%M%S') as "Execution Time",
    strftime(TRD_RPT_TS::timestamp, '%Y%m%d') as "Trade Report Date",
    strftime(TRD_RPT_TS::timestamp, '%H%M%S') as "Trade Report Time",
    strftime(TRD_STLMT_DT::date, '%Y%m%d') as "Settlement Date",
    RPT_SIDE_CD as "Buy/Sell Indicator",
    case when RPT_SIDE_CD = 'B' then RPTG_CPCTY_CD end as "Buyer Capacity",
    case when RPT_SIDE_CD = 'S' then RPTG_CPCTY_CD end as "Seller Capacity",
    'D' as "Reporting Party Type",
    -- of a dealer for whom another reports, too
    case
        when CNTRA_PARTY_GVP_ID is null and trim(upper(CNTRA_PARTY_ID)) in ('C', 'A')
            then trim(upper(CNTRA_PARTY_ID))
        else 'D'
    end as "Contra Party Indicator",
    ATS_FL as "ATS Indicator",
    'S1' as "Trading Market Indicator",
    strftime(undone_date, '%Y%m%d') as "Prior Trade Report Date",
    lpad(undone_number::varchar, 7, '0') as "Prior Reference Number"
from entries
where report_date = '{day}'
order by "Record Count Num"
"""
_PARTIES = ("RPTG_PARTY_ID", "RPTG_PARTY_GVP_ID", "CNTRA_PARTY_ID", "CNTRA_PARTY_GVP_ID")


def write_without_parties(raw: Path, target: Path) -> None:
    """All days in the enhanced historical layout, which says of parties only whether they are dealers."""
    for day, text in _days(raw, _WITHOUT_PARTIES):
        (target / f"enhanced-time-and-sales-cusip-{day}.txt").write_text(text)


def write_hashed(raw: Path, target: Path) -> None:
    """All days in the item names of FR 2956, with hashes for parties."""
    party = "case when trim(upper({0})) in ('C', 'A') then {0} else sha1(trim(upper({0}))) end as {0}"
    hashed = ", ".join(party.format(name) for name in _PARTIES)
    for day, text in _days(raw, f"select * replace ({hashed}) from ({_FR_2956})"):
        (target / f"trace_{day}.psv").write_text(text)


def write_academic(raw: Path, target: Path) -> None:
    """All days in the academic layout, zipped, with trailers: numbers begin anew each day, and a cancel
    carries that of its report."""
    for day, text in _days(raw, _ACADEMIC):
        count = text.count("\n") - 1
        with zipfile.ZipFile(target / f"academic-trace-data-{day}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"academic-trace-data-{day}.txt", f"{text}{day} 20:00:00|{count:010d}\n")


def write_undated(raw: Path, target: Path) -> None:
    """All days in the item names of FR 2956, with numbers that begin anew each day and no control dates."""
    for day, text in _days(raw, _FR_2956):
        (target / f"trace_{day}.psv").write_text(text)


def _days(raw: Path, layout: str) -> Iterator[tuple[str, str]]:
    with duckdb.connect() as connection:
        connection.execute(_RENUMBERED.format(reports=REPORTS.format(raw=raw)))
        for (day,) in connection.execute("select distinct report_date from entries order by all").fetchall():
            frame = connection.execute(layout.format(day=day)).df()
            text = io.StringIO()
            frame.to_csv(text, sep="|", index=False, lineterminator="\n", quoting=csv.QUOTE_NONE)
            yield str(day), text.getvalue()
