-- One row per firm and business day on which a prime Treasury desk of it reports a position, a VaR or a limit: usage, limits
-- and positions of these desks, and in the event window what the firm sold to the Fed, bought from and sold to customers.
with

desk_days as (

    select * from {{ ref('fct_desk_day') }}
    where is_prime_treasury_desk

),

usages as (

    select * from {{ ref('int_firm_limit_usages') }}

),

firms as (

    select * from {{ ref('dim_firm') }}

),

customer_trades as (

    select * from {{ ref('int_firm_customer_trades') }}

),

sales as (

    select
        firm_rssd,
        operation_date,
        count(distinct award_id) as awards,
        sum(leg_par_usd) as par_usd
    from {{ ref('fct_soma_sale') }}
    where firm_rssd is not null
    group by firm_rssd, operation_date

),

firm_days as (

    select
        firm_rssd,
        business_date,
        count(*) as desks,
        max(limit_usage) as highest_limit_usage,
        -- decimals add up the same in any order
        sum(cast(var_usd_mn as decimal(28, 8))) as var_usd_mn,
        sum(cast(var_limit_usd_mn as decimal(28, 8))) as var_limit_usd_mn,
        sum(cast(net_securities_position_usd_mn as decimal(28, 8))) as net_securities_position_usd_mn,
        sum(cast(gross_securities_position_usd_mn as decimal(28, 8))) as gross_securities_position_usd_mn
    from desk_days
    where firm_rssd is not null
    group by firm_rssd, business_date

),

joined as (

    select
        firm_days.*,
        firms.firm_name,
        usages.limit_usage,
        usages.desks_with_usage,
        sales.awards,
        sales.par_usd,
        customer_trades.buys_usd,
        customer_trades.sales_in_soma_usd,
        firm_days.business_date
        between cast('{{ var("event_start") }}' as date) and cast('{{ var("event_end") }}' as date)
            as is_in_event_window
    from firm_days
    left join firms on firm_days.firm_rssd = firms.firm_rssd
    left join usages
        on
            firm_days.firm_rssd = usages.firm_rssd
            and firm_days.business_date = usages.business_date
    left join customer_trades
        on
            firm_days.firm_rssd = customer_trades.firm_rssd
            and firm_days.business_date = customer_trades.business_date
    left join sales
        on
            firm_days.firm_rssd = sales.firm_rssd
            and firm_days.business_date = sales.operation_date

),

final as (

    select
        firm_rssd,
        business_date,
        firm_name,
        cast(desks as integer) as desks,
        cast(coalesce(desks_with_usage, 0) as integer) as desks_with_usage,
        limit_usage,
        highest_limit_usage,
        cast(var_usd_mn as double) as var_usd_mn,
        cast(var_limit_usd_mn as double) as var_limit_usd_mn,
        cast(net_securities_position_usd_mn as double) as net_securities_position_usd_mn,
        cast(gross_securities_position_usd_mn as double) as gross_securities_position_usd_mn,
        cast(case when is_in_event_window then coalesce(awards, 0) end as integer) as soma_awards,
        cast(case when is_in_event_window then coalesce(par_usd, 0) end as decimal(18, 2)) as soma_sales_usd,
        cast(case when is_in_event_window then coalesce(buys_usd, 0) end as decimal(18, 2)) as customer_buys_usd,
        cast(case when is_in_event_window then coalesce(sales_in_soma_usd, 0) end as decimal(18, 2))
            as customer_sales_in_soma_usd
    from joined

)

select * from final
order by firm_rssd, business_date
