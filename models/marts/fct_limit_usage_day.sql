-- One row per business day: limit usage, VaR and VaR limit averaged over prime Treasury desks (Figure 2).
with

desk_days as (

    select * from {{ ref('fct_desk_day') }}
    where is_prime_treasury_desk

),

business_days as (

    select * from {{ ref('dim_business_day') }}

),

averages as (

    select
        business_date,
        cast(count(limit_usage) as integer) as desks_with_usage,
        cast(sum(cast(limit_usage as decimal(28, 14))) as double) / nullif(count(limit_usage), 0)
            as average_limit_usage,
        cast(sum(cast(var_usd_mn as decimal(28, 8))) as double) / nullif(count(var_usd_mn), 0) as average_var_usd_mn,
        cast(sum(cast(var_limit_usd_mn as decimal(28, 8))) as double) / nullif(count(var_limit_usd_mn), 0)
            as average_var_limit_usd_mn
    from desk_days
    group by business_date

),

final as (

    select
        averages.*,
        coalesce(business_days.is_stress, false) as is_stress
    from averages
    left join business_days on averages.business_date = business_days.business_date

)

select * from final
order by business_date
