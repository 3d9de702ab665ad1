-- One row per leg of an award of the event window, as in fct_soma_sale: what the regressions of Table 12 read.
-- march_1 is up to march_last_day, march_0 after it, by the day of the operation.
{% set march = "operation_date <= cast('" ~ var('march_last_day') ~ "' as date)" -%}
{% set lives = {
    'lt_5': 'years_to_maturity < 5',
    '5_10': 'years_to_maturity >= 5 and years_to_maturity < 10',
    'ge_10': 'years_to_maturity >= 10',
} -%}
with

sales as (

    select * from {{ ref('fct_soma_sale') }}

),

final as (

    select
        award_id,
        trade_id,
        operation_date as business_date,
        cusip,
        dealer_mpid,
        firm_rssd,
        match_level <= 2 as is_match_level_1_or_2,
        offer_aggressiveness,
        {{ only_where('not ' ~ march, 'log_limit_usage_lag') }} as march_0_x_log_limit_usage_lag,
        {{ only_where(march, 'log_limit_usage_lag') }} as march_1_x_log_limit_usage_lag,
        {% for life, condition in lives.items() -%}
        {{ only_where(condition, 'log_limit_usage_lag') }} as life_{{ life }}_x_log_limit_usage_lag,
        {% endfor -%}
        log_limit_usage_lag
    from sales

)

select * from final
order by award_id, trade_id
