-- Which prime desks had their VaR limit raised or lowered in the stress of March 2020, and how near to it were they?
with

desk_days as (

    select
        desk_id,
        firm_rssd,
        business_date,
        var_limit_usd_mn,
        var_limit_lag_usd_mn,
        limit_usage
    from {{ ref('fct_desk_day') }}
    where is_prime_treasury_desk and business_date between date '2020-03-02' and date '2020-04-15'

)

select
    firms.firm_name,
    desk_days.desk_id,
    desk_days.business_date,
    round(desk_days.var_limit_lag_usd_mn, 2) as limit_before_usd_mn,
    round(desk_days.var_limit_usd_mn, 2) as limit_usd_mn,
    round(desk_days.limit_usage, 3) as limit_usage
from desk_days
left join {{ ref('dim_firm') }} as firms on desk_days.firm_rssd = firms.firm_rssd
where desk_days.var_limit_usd_mn <> desk_days.var_limit_lag_usd_mn
order by desk_days.business_date, desk_days.desk_id
