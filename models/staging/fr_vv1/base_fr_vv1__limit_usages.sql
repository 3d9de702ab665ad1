{{ config(materialized='table') }}

-- One row per row of the raw files of fr_vv1.limit_usage: renamed, typed, with the reason to reject it, if any.
with

raw_rows as (

    {{ read_raw('fr_vv1', 'limit_usage') }}

),

typed as (

    select
        {{ to_date('business_date') }} as business_date,
        {{ to_text('desk_id') }} as desk_id,
        {{ to_text('limit_id') }} as limit_id,
        {{ to_usd('limit_size') }} as limit_size,
        {{ to_usd('usage_value') }} as usage_value,
        raw_file,
    from raw_rows

),

checked as (

    select
        *,
        {{ reject_reason([
            ["business_date is null", 'business_date is not a date'],
            ["desk_id is null", 'desk_id is missing'],
            ["limit_id is null", 'limit_id is missing'],
            ["limit_size is null", 'limit_size is not a number'],
            ["usage_value is null", 'usage_value is not a number'],
        ]) }} as invalid_reason,
    from typed

),

numbered as (

    select
        *,
        -- of valid rows with one key the first is staged; rows equal in every column are interchangeable
        row_number() over (
            partition by business_date, desk_id, limit_id, invalid_reason is null
            order by raw_file, limit_size, usage_value
        ) as copy_number,
    from checked

),

final as (

    select
        business_date,
        desk_id,
        limit_id,
        limit_size,
        usage_value,
        raw_file,
        coalesce(invalid_reason, case when copy_number > 1 then 'key repeated' end) as reject_reason,
    from numbered

)

select * from final
