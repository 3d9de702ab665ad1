-- One row per bond-market business day: a weekday that is no holiday of the bond market.
-- Sums and lags over days use business_day_index, so that a holiday is no gap and a missing row is one.
with

days as (

    {{ all_days('2014-01-01', '2028-01-01') }}

),

holidays as (

    select * from {{ ref('bond_market_holidays') }}

),

open_days as (

    select days.date_day as business_date
    from days
    left join holidays on days.date_day = holidays.holiday
    where
        holidays.holiday is null
        and {{ iso_weekday('days.date_day') }} <= 5

),

final as (

    select
        business_date,
        cast(row_number() over (order by business_date) as integer) as business_day_index,
        cast(date_trunc('quarter', business_date) + interval '3' month - interval '1' day as date) as quarter_end,
        cast(date_trunc('quarter', business_date) - interval '1' day as date) as previous_quarter_end
    from open_days

)

select * from final
