-- One row per desk and business day with inventory aging: securities held up to 30 days and longer (5.2).
with

ages as (

    select * from {{ ref('stg_fr_vv1__inventory_ages') }}
    where instrument = 'securities'

),

business_days as (

    select * from {{ ref('int_business_days') }}

),

final as (

    select
        ages.desk_id,
        ages.business_date,
        business_days.business_day_index,
        sum(ages.value_usd) filter (where ages.side = 'assets' and ages.aging_bucket = '0-30')
            as assets_le_30d_usd,
        sum(ages.value_usd) filter (where ages.side = 'assets' and ages.aging_bucket <> '0-30')
            as assets_gt_30d_usd,
        sum(ages.value_usd) filter (where ages.side = 'liabilities' and ages.aging_bucket = '0-30')
            as liabilities_le_30d_usd,
        sum(ages.value_usd) filter (where ages.side = 'liabilities' and ages.aging_bucket <> '0-30')
            as liabilities_gt_30d_usd
    from ages
    inner join business_days on ages.business_date = business_days.business_date
    group by ages.desk_id, ages.business_date, business_days.business_day_index

)

select * from final
