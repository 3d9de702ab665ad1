{{ config(materialized='table') }}

-- One row per row of the raw files of fr_vv1.inventory_aging: renamed, typed, with the reason to reject it, if any.
with

raw_rows as (

    {{ read_raw('fr_vv1', 'inventory_aging') }}

),

typed as (

    select
        {{ to_date('business_date') }} as business_date,
        {{ to_text('desk_id') }} as desk_id,
        lower(trim(cast(side as varchar))) as side,
        lower(trim(cast(instrument as varchar))) as instrument,
        {{ to_text('aging_bucket') }} as aging_bucket,
        {{ to_usd('value') }} as value_usd,
        raw_file,
    from raw_rows

),

checked as (

    select
        *,
        {{ reject_reason([
            ["business_date is null", 'business_date is not a date'],
            ["desk_id is null", 'desk_id is missing'],
            ["coalesce(side, '') not in ('assets', 'liabilities')", 'side is neither assets nor liabilities'],
            ["coalesce(instrument, '') not in ('securities', 'derivatives')", 'instrument is neither securities nor derivatives'],
            ["coalesce(aging_bucket, '') not in ('0-30', '31-60', '61-90', '91-180', '181-360', '>360')", 'aging_bucket is unknown'],
            ["value_usd is null", 'value is not a number'],
        ]) }} as invalid_reason,
    from typed

),

numbered as (

    select
        *,
        -- of valid rows with one key the first is staged; rows equal in every column are interchangeable
        row_number() over (
            partition by business_date, desk_id, side, instrument, aging_bucket, invalid_reason is null
            order by raw_file, value_usd
        ) as copy_number,
    from checked

),

final as (

    select
        business_date,
        desk_id,
        side,
        instrument,
        aging_bucket,
        value_usd,
        raw_file,
        coalesce(invalid_reason, case when copy_number > 1 then 'key repeated' end) as reject_reason,
    from numbered

)

select * from final
