{{ config(materialized='table') }}

-- One row per row of the raw files of soma.operations: renamed, typed, with the reason to reject it, if any.
with

raw_rows as (

    {{ read_raw('soma', 'operations') }}

),

typed as (

    select
        {{ to_text('"operationId"') }} as operation_id,
        {{ to_text('"auctionStatus"') }} as auction_status,
        {{ to_text('"operationType"') }} as operation_type,
        {{ to_date('"operationDate"') }} as operation_date,
        {{ to_date('"settlementDate"') }} as settlement_date,
        {{ to_date('"maturityRangeStart"') }} as maturity_range_start,
        {{ to_date('"maturityRangeEnd"') }} as maturity_range_end,
        {{ to_text('"operationDirection"') }} as operation_direction,
        {{ to_text('"auctionMethod"') }} as auction_method,
        {{ to_text('"releaseTime"') }} as release_time,
        {{ to_text('"closeTime"') }} as close_time,
        {{ to_usd('"totalParAmtSubmitted"') }} as submitted_par_usd,
        {{ to_usd('"totalParAmtAccepted"') }} as accepted_par_usd,
        {{ to_text('note') }} as note,
        {{ to_text('"lastUpdated"') }} as last_updated,
        raw_file,
    from raw_rows

),

checked as (

    select
        *,
        {{ reject_reason([
            ["operation_id is null", 'operationId is missing'],
            ["operation_date is null", 'operationDate is not a date'],
            ["coalesce(operation_direction, '') not in ('P', 'S')", 'operationDirection is neither P nor S'],
        ]) }} as invalid_reason,
    from typed

),

numbered as (

    select
        *,
        -- of valid rows with one key the first is staged; rows equal in every column are interchangeable
        row_number() over (
            partition by operation_id, raw_file, invalid_reason is null
            order by
                auction_status,
                operation_type,
                operation_date,
                settlement_date,
                maturity_range_start,
                maturity_range_end,
                operation_direction,
                auction_method,
                release_time,
                close_time,
                submitted_par_usd,
                accepted_par_usd,
                note,
                last_updated
        ) as copy_number,
    from checked

),

final as (

    select
        operation_id,
        auction_status,
        operation_type,
        operation_date,
        settlement_date,
        maturity_range_start,
        maturity_range_end,
        operation_direction,
        auction_method,
        release_time,
        close_time,
        submitted_par_usd,
        accepted_par_usd,
        note,
        last_updated,
        raw_file,
        coalesce(invalid_reason, case when copy_number > 1 then 'key repeated' end) as reject_reason,
    from numbered

)

select * from final
