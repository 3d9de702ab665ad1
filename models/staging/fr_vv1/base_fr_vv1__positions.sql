{{ config(materialized='table') }}

-- One row per row of the raw files of fr_vv1.positions: renamed, typed, with the reason to reject it, if any.
with

raw_rows as (

    {{ read_raw('fr_vv1', 'positions') }}

),

typed as (

    select
        {{ to_date('business_date') }} as business_date,
        {{ to_text('desk_id') }} as desk_id,
        {{ to_usd('securities_long') }} as securities_long_usd,
        {{ to_usd('securities_short') }} as securities_short_usd,
        {{ to_usd('derivatives_long') }} as derivatives_long_usd,
        {{ to_usd('derivatives_short') }} as derivatives_short_usd,
        lower(trim(cast(derivatives_basis as varchar))) as derivatives_basis,
        raw_file,
    from raw_rows

),

checked as (

    select
        *,
        {{ reject_reason([
            ["business_date is null", 'business_date is not a date'],
            ["desk_id is null", 'desk_id is missing'],
            ["securities_long_usd is null or securities_short_usd is null", 'a securities position is not a number'],
            ["least(securities_long_usd, securities_short_usd) < 0", 'a securities position is negative'],
            ["coalesce(derivatives_basis, '') not in ('notional', 'market')", 'derivatives_basis is neither notional nor market'],
        ]) }} as invalid_reason,
    from typed

),

numbered as (

    select
        *,
        -- of valid rows with one key the first is staged; rows equal in every column are interchangeable
        row_number() over (
            partition by business_date, desk_id, invalid_reason is null
            order by
                raw_file,
                securities_long_usd,
                securities_short_usd,
                derivatives_long_usd,
                derivatives_short_usd,
                derivatives_basis
        ) as copy_number,
    from checked

),

final as (

    select
        business_date,
        desk_id,
        securities_long_usd,
        securities_short_usd,
        derivatives_long_usd,
        derivatives_short_usd,
        derivatives_basis,
        raw_file,
        coalesce(invalid_reason, case when copy_number > 1 then 'key repeated' end) as reject_reason,
    from numbered

)

select * from final
