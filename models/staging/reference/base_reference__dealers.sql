{{ config(materialized='table') }}

-- One row per row of the raw files of reference.dealers: renamed, typed, with the reason to reject it, if any.
with

raw_rows as (

    {{ read_raw('reference', 'dealers') }}

),

typed as (

    select
        upper({{ to_text('"MPID"') }}) as dealer_mpid,
        try_cast("RSSD" as bigint) as firm_rssd,
        {{ to_text('"NAME"') }} as dealer_name,
        {{ to_date('"PRIMARY_FROM"') }} as primary_from,
        {{ to_date('"PRIMARY_TO"') }} as primary_to,
        raw_file,
    from raw_rows

),

checked as (

    select
        *,
        {{ reject_reason([
            ["dealer_mpid is null", 'MPID is missing'],
            ["primary_to < primary_from", 'PRIMARY_TO is before PRIMARY_FROM'],
        ]) }} as invalid_reason,
    from typed

),

numbered as (

    select
        *,
        -- of valid rows with one key the first is staged; rows equal in every column are interchangeable
        row_number() over (
            partition by dealer_mpid, primary_from, invalid_reason is null
            order by raw_file, firm_rssd, dealer_name, primary_to
        ) as copy_number,
    from checked

),

final as (

    select
        dealer_mpid,
        firm_rssd,
        dealer_name,
        primary_from,
        primary_to,
        raw_file,
        coalesce(invalid_reason, case when copy_number > 1 then 'key repeated' end) as reject_reason,
    from numbered

)

select * from final
