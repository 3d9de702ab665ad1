-- One row per bond-market business day: a weekday that is no holiday of the bond market.
-- Sums and lags over days use business_day_index, so that a holiday is no gap and a missing row is one.
with

days as (

    {{ dbt.date_spine('day', "cast('2014-01-01' as date)", "cast('2028-01-01' as date)") }}

),

holidays as (

    select * from {{ ref('bond_market_holidays') }}

),

open_days as (

    select cast(days.date_day as date) as business_date
    from days
    left join holidays on cast(days.date_day as date) = holidays.holiday
    where
        holidays.holiday is null
        and extract(isodow from cast(days.date_day as date)) <= 5

),

final as (

    select
        business_date,
        cast(row_number() over (order by business_date) as integer) as business_day_index,
        cast({{ dbt.last_day('business_date', 'quarter') }} as date) as quarter_end,
        cast({{ dbt.dateadd('day', -1, "date_trunc('quarter', business_date)") }} as date) as previous_quarter_end
    from open_days

)

select * from final
