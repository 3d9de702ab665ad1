{{ config(materialized='table') }}

-- One row per row of the raw files of trace.reports: renamed, typed, with the reason to reject it, if any.
-- The files are large: repeated keys are looked up, so that only their rows are sorted and numbered.
with

raw_rows as (

    {{ read_raw('trace', 'reports') }}

),

typed as (

    select
        try_cast("MSG_SEQ_NB" as bigint) as message_sequence,
        {{ to_timestamp('"TRD_RPT_TS"') }} as reported_at,
        {{ to_timestamp('"TRD_EXCTN_TS"') }} as executed_at,
        {{ to_date('"TRD_STLMT_DT"') }} as settlement_date,
        {{ to_text('"FINRA_SCRTY_ID"') }} as finra_security_id,
        {{ to_text('"ISSUE_SYM_ID"') }} as issue_symbol,
        upper({{ to_text('"CUSIP_ID"') }}) as cusip,
        upper({{ to_text('"RPT_SIDE_CD"') }}) as report_side,
        {{ to_usd('"ENTRD_VOL_QT"') }} as par_usd,
        {{ to_number('"ENTRD_PR"') }} as entered_price,
        upper({{ to_text('"PR_TYPE_CD"') }}) as price_type,
        {{ to_text('"PR_OVRRD_CD"') }} as price_override,
        upper({{ to_text('"RPTG_PARTY_ID"') }}) as reporting_mpid,
        upper({{ to_text('"RPTG_PARTY_GVP_ID"') }}) as reporting_give_up_mpid,
        upper({{ to_text('"CNTRA_PARTY_ID"') }}) as contra_mpid,
        upper({{ to_text('"CNTRA_PARTY_GVP_ID"') }}) as contra_give_up_mpid,
        upper({{ to_text('"TRC_ST"') }}) as trade_status,
        {{ to_text('"SYSTM_CNTRL_NB"') }} as control_number,
        {{ to_text('"PREV_TRD_CNTRL_NB"') }} as previous_control_number,
        upper({{ to_text('"ASOF_CD"') }}) as as_of_code,
        upper({{ to_text('"WIS_FL"') }}) as when_issued_flag,
        upper({{ to_text('"ATS_FL"') }}) as ats_flag,
        upper({{ to_text('"RPTG_CPCTY_CD"') }}) as reporting_capacity,
        raw_file,
    from raw_rows

),

checked as {{ not_materialized() }} (

    select
        *,
        {{ reject_reason([
            ["control_number is null", 'SYSTM_CNTRL_NB is missing'],
            ["executed_at is null", 'TRD_EXCTN_TS is not a timestamp'],
            ["reported_at is null", 'TRD_RPT_TS is not a timestamp'],
            ["cusip is null", 'CUSIP_ID is missing'],
            ["par_usd is null", 'ENTRD_VOL_QT is not a number'],
            ["par_usd <= 0", 'ENTRD_VOL_QT is not positive'],
            ["entered_price is null", 'ENTRD_PR is not a number'],
            ["coalesce(report_side, '') not in ('B', 'S', 'X')", 'RPT_SIDE_CD is not B, S or X'],
            ["coalesce(trade_status, '') not in ('T', 'X', 'C', 'R', 'Y')", 'TRC_ST is not T, X, C, R or Y'],
            ["reporting_mpid is null", 'RPTG_PARTY_ID is missing'],
        ]) }} as invalid_reason,
    from typed

),

repeated as (

    select * from {{ ref('base_trace__repeated_reports') }}

),

numbered as (

    select
        checked.*,
        1 as copy_number,
    from checked
    left join repeated on checked.control_number = repeated.control_number
    where repeated.control_number is null
    union all
    select
        checked.*,
        -- of valid rows with one key the first is staged; rows equal in every column are interchangeable
        row_number() over (
            partition by checked.control_number, checked.invalid_reason is null
            order by
                checked.raw_file,
                checked.message_sequence,
                checked.trade_status,
                checked.par_usd,
                checked.entered_price,
                checked.reported_at
        ) as copy_number,
    from checked
    inner join repeated on checked.control_number = repeated.control_number

),

final as (

    select
        message_sequence,
        reported_at,
        executed_at,
        settlement_date,
        finra_security_id,
        issue_symbol,
        cusip,
        report_side,
        par_usd,
        entered_price,
        price_type,
        price_override,
        reporting_mpid,
        reporting_give_up_mpid,
        contra_mpid,
        contra_give_up_mpid,
        trade_status,
        control_number,
        previous_control_number,
        as_of_code,
        when_issued_flag,
        ats_flag,
        reporting_capacity,
        raw_file,
        coalesce(invalid_reason, case when copy_number > 1 then 'key repeated' end) as reject_reason,
    from numbered

)

select * from final
