-- One row per business day of the event window and firm that has prime Treasury desks and an MPID that day: sales to the
-- Fed as matched under matching_rule, customer trades, and the limit usage of the day and of the day before.
with

business_days as (

    select * from {{ ref('int_business_days') }}
    where
        business_date between cast('{{ var("event_start") }}' as date) and cast('{{ var("event_end") }}' as date)

),

firm_days as (

    select distinct
        firm_rssd,
        business_date
    from {{ ref('int_dealer_firms') }}

),

usages as (

    select * from {{ ref('int_firm_limit_usages') }}

),

customer_trades as (

    select * from {{ ref('int_firm_customer_trades') }}

),

soma_sales as (

    select
        firm_rssd,
        operation_date,
        sum(leg_par_usd) as soma_sales_usd
    from {{ ref('fct_soma_sale') }}
    where firm_rssd is not null
    group by firm_rssd, operation_date

),

joined as (

    select
        firm_days.firm_rssd,
        business_days.business_date,
        usages.limit_usage,
        usages_before.limit_usage as limit_usage_lag,
        coalesce(soma_sales.soma_sales_usd, 0) as soma_sales_usd,
        customer_trades.buys_usd,
        customer_trades.buys_in_soma_usd,
        customer_trades.buys_usd - customer_trades.buys_in_soma_usd as buys_not_in_soma_usd,
        customer_trades.sales_in_soma_usd
    from firm_days
    inner join business_days on firm_days.business_date = business_days.business_date
    left join usages
        on
            firm_days.firm_rssd = usages.firm_rssd
            and business_days.business_date = usages.business_date
    left join usages as usages_before
        on
            firm_days.firm_rssd = usages_before.firm_rssd
            and business_days.business_day_index - 1 = usages_before.business_day_index
    left join customer_trades
        on
            firm_days.firm_rssd = customer_trades.firm_rssd
            and business_days.business_date = customer_trades.business_date
    left join soma_sales
        on
            firm_days.firm_rssd = soma_sales.firm_rssd
            and business_days.business_date = soma_sales.operation_date

),

final as (

    select
        firm_rssd,
        business_date,
        limit_usage,
        limit_usage_lag,
        case when soma_sales_usd > 0 then 1 else 0 end as soma_sale_indicator,
        {{ usd_mn('soma_sales_usd') }} as soma_sales_usd_mn,
        -- logs of sales are of $ millions, logs of buys of $ thousands, as the printed means are
        {{ ln_or_null(usd_mn('soma_sales_usd')) }} as log_soma_sale_amount,
        cast(soma_sales_usd as double) / nullif(cast(sales_in_soma_usd as double), 0) as soma_sales_to_customer_sales,
        cast(soma_sales_usd as double) / nullif(cast(buys_in_soma_usd as double), 0) as soma_sales_to_customer_buys,
        {{ ln_or_null('cast(buys_in_soma_usd as double) / 1000') }} as log_customer_buys_in_soma,
        {{ ln_or_null('cast(buys_not_in_soma_usd as double) / 1000') }} as log_customer_buys_not_in_soma,
        {{ ln_or_null('cast(buys_usd as double) / 1000') }} as log_customer_buys_total
    from joined

)

select * from final
order by firm_rssd, business_date
