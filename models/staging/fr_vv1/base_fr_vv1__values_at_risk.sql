{{ config(materialized='table') }}

-- One row per row of the raw files of fr_vv1.value_at_risk: renamed, typed, with the reason to reject it, if any.
with

raw_rows as (

    {{ read_raw('fr_vv1', 'value_at_risk') }}

),

typed as (

    select
        {{ to_date('business_date') }} as business_date,
        {{ to_text('desk_id') }} as desk_id,
        {{ to_usd('var_99_1d') }} as var_usd,
        raw_file,
    from raw_rows

),

checked as (

    select
        *,
        {{ reject_reason([
            ["business_date is null", 'business_date is not a date'],
            ["desk_id is null", 'desk_id is missing'],
            ["var_usd is null", 'var_99_1d is not a number'],
            ["var_usd < 0", 'var_99_1d is negative'],
        ]) }} as invalid_reason,
    from typed

),

numbered as (

    select
        *,
        -- of valid rows with one key the first is staged; rows equal in every column are interchangeable
        row_number() over (
            partition by business_date, desk_id, invalid_reason is null
            order by raw_file, var_usd
        ) as copy_number,
    from checked

),

final as (

    select
        business_date,
        desk_id,
        var_usd,
        raw_file,
        coalesce(invalid_reason, case when copy_number > 1 then 'key repeated' end) as reject_reason,
    from numbered

)

select * from final
