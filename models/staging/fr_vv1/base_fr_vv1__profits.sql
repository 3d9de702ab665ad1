{{ config(materialized='table') }}

-- One row per row of the raw files of fr_vv1.pnl: renamed, typed, with the reason to reject it, if any.
with

raw_rows as (

    {{ read_raw('fr_vv1', 'pnl') }}

),

typed as (

    select
        {{ to_date('business_date') }} as business_date,
        {{ to_text('desk_id') }} as desk_id,
        {{ to_usd('pnl_comprehensive') }} as pnl_comprehensive_usd,
        {{ to_usd('pnl_existing_positions') }} as pnl_existing_usd,
        {{ to_usd('pnl_new_positions') }} as pnl_new_usd,
        {{ to_usd('pnl_residual') }} as pnl_residual_usd,
        raw_file,
    from raw_rows

),

checked as (

    select
        *,
        {{ reject_reason([
            ["business_date is null", 'business_date is not a date'],
            ["desk_id is null", 'desk_id is missing'],
            ["pnl_existing_usd is null", 'pnl_existing_positions is not a number'],
            ["pnl_new_usd is null", 'pnl_new_positions is not a number'],
        ]) }} as invalid_reason,
    from typed

),

numbered as (

    select
        *,
        -- of valid rows with one key the first is staged; rows equal in every column are interchangeable
        row_number() over (
            partition by business_date, desk_id, invalid_reason is null
            order by raw_file, pnl_comprehensive_usd, pnl_existing_usd, pnl_new_usd, pnl_residual_usd
        ) as copy_number,
    from checked

),

final as (

    select
        business_date,
        desk_id,
        pnl_comprehensive_usd,
        pnl_existing_usd,
        pnl_new_usd,
        pnl_residual_usd,
        raw_file,
        coalesce(invalid_reason, case when copy_number > 1 then 'key repeated' end) as reject_reason,
    from numbered

)

select * from final
