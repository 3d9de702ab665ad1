{{ config(materialized='table') }}

-- One row per row of the raw files of soma.operation_details: renamed, typed, with the reason to reject it, if any.
with

raw_rows as (

    {{ read_raw('soma', 'operation_details') }}

),

typed as (

    select
        {{ to_text('"operationId"') }} as operation_id,
        {{ to_date('"operationDate"') }} as operation_date,
        {{ to_text('"lastUpdated"') }} as last_updated,
        {{ to_text('"inclusionIndicator"') }} as inclusion_indicator,
        {{ to_text('cusip') }} as cusip,
        {{ to_text('"securityDescription"') }} as security_description,
        {{ to_usd('"parAmountAccepted"') }} as accepted_par_usd,
        {{ to_number('"weightedAvgAccptPrice"', missing='NA') }} as average_price,
        {{ to_number('"leastFavoriteAccptPrice"', missing='NA') }} as least_favorable_price,
        {{ to_number('"percentAllottedleastFavoriteAccptPrice"', missing='NA') }} as allotted_at_least_favorable_pct,
        raw_file,
    from raw_rows

),

checked as (

    select
        *,
        {{ reject_reason([
            ["operation_id is null", 'operationId is missing'],
            ["operation_date is null", 'operationDate is not a date'],
            ["cusip is null", 'cusip is missing'],
            ["accepted_par_usd is null and coalesce(inclusion_indicator, 'I') <> 'E'", 'parAmountAccepted is not a number'],
            ["accepted_par_usd < 0", 'parAmountAccepted is negative'],
        ]) }} as invalid_reason,
    from typed

),

numbered as (

    select
        *,
        -- of valid rows with one key the first is staged; rows equal in every column are interchangeable
        row_number() over (
            partition by operation_id, cusip, raw_file, invalid_reason is null
            order by
                operation_date,
                last_updated,
                inclusion_indicator,
                security_description,
                accepted_par_usd,
                average_price,
                least_favorable_price,
                allotted_at_least_favorable_pct
        ) as copy_number,
    from checked

),

final as (

    select
        operation_id,
        operation_date,
        last_updated,
        inclusion_indicator,
        cusip,
        security_description,
        accepted_par_usd,
        average_price,
        least_favorable_price,
        allotted_at_least_favorable_pct,
        raw_file,
        coalesce(invalid_reason, case when copy_number > 1 then 'key repeated' end) as reject_reason,
    from numbered

)

select * from final
