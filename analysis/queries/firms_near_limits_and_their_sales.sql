-- Which firms were above 80% of their limits on 2020-03-18, and what did they sell to the Fed that week?
with

near as (

    select
        firm_rssd,
        firm_name,
        limit_usage
    from {{ ref('fct_firm_limit_day') }}
    where business_date = date '2020-03-18' and limit_usage > 0.8

),

sold as (

    select
        firm_rssd,
        sum(soma_sales_usd) as sold_usd,
        sum(soma_awards) as awards
    from {{ ref('fct_firm_limit_day') }}
    where business_date between date '2020-03-16' and date '2020-03-20'
    group by firm_rssd

)

select
    near.firm_name,
    round(near.limit_usage, 3) as limit_usage,
    round(sold.sold_usd / 1e6, 1) as sold_usd_mn,
    sold.awards
from near
inner join sold on near.firm_rssd = sold.firm_rssd
order by near.limit_usage desc, near.firm_name asc
