-- One row per firm and business day of the event window: what the regressions of Tables 11 and 13 read.
-- march_1 is up to march_last_day, march_0 after it.
{% set march = "business_date <= cast('" ~ var('march_last_day') ~ "' as date)" -%}
with

firm_days as (

    select
        *,
        {{ ln_or_null('limit_usage_lag') }} as log_limit_usage_lag
    from {{ ref('fct_firm_day') }}

),

final as (

    select
        firm_rssd,
        business_date,
        soma_sale_indicator,
        log_soma_sale_amount,
        soma_sales_to_customer_sales,
        soma_sales_to_customer_buys,
        log_customer_buys_in_soma,
        log_customer_buys_not_in_soma,
        log_customer_buys_total,
        {% for term in ['log_limit_usage_lag', 'log_soma_sale_amount'] -%}
        {{ only_where('not ' ~ march, term) }} as march_0_x_{{ term }},
        {{ only_where(march, term) }} as march_1_x_{{ term }},
        {% endfor -%}
        log_limit_usage_lag
    from firm_days

)

select * from final
order by firm_rssd, business_date
