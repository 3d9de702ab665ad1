-- One row per variable and statistic of Table 1: desk-days of the broad set of Treasury desks (a), firm-days of the event
-- window (b).
-- Positions in $ billions; VaR, its limit and P&L in $ millions; usage and P&L/VaR are ratios; SLR in percent; logs of
-- sales to the Fed of $ millions, of buys from customers of $ thousands.
-- Sums are of decimals: floats added in an order that varies between runs differ in their last digits.
{%- set panels = {
    'a': ('desk_days', {
        'net_position': 'net_position_usd_mn / 1000',
        'gross_position': 'gross_position_usd_mn / 1000',
        'long_position': 'long_position_usd_mn / 1000',
        'short_position': 'short_position_usd_mn / 1000',
        'net_securities_position': 'net_securities_position_usd_mn / 1000',
        'gross_securities_position': 'gross_securities_position_usd_mn / 1000',
        'long_securities_position': 'long_securities_position_usd_mn / 1000',
        'short_securities_position': 'short_securities_position_usd_mn / 1000',
        'var': 'var_usd_mn',
        'var_limit': 'var_limit_usd_mn',
        'limit_usage': 'limit_usage',
        'pnl_total': 'pnl_total_usd_mn',
        'pnl_total_to_var': 'pnl_total_to_var',
        'slr_distance': 'slr_distance_pct',
    }),
    'b': ('dealer_days', {
        'soma_sale_indicator': 'soma_sale_indicator',
        'log_soma_sale_amount': 'log_soma_sale_amount',
        'soma_sales_to_customer_sales': 'soma_sales_to_customer_sales',
        'soma_sales_to_customer_buys': 'soma_sales_to_customer_buys',
        'log_customer_buys_in_soma': 'log_customer_buys_in_soma',
        'log_customer_buys_not_in_soma': 'log_customer_buys_not_in_soma',
        'log_customer_buys_total': 'log_customer_buys_total',
    }),
} %}
{%- set statistics = ['mean', 'sd', 'p25', 'p50', 'p75', 'count'] %}
with

desk_days as (

    select * from {{ ref('fct_desk_day') }}
    where is_treasury_desk

),

dealer_days as (

    select * from {{ ref('fct_firm_day') }}

),

observations as (

    {% for panel, (days, variables) in panels.items() %}
    {% set is_last_panel = loop.last %}
    {% for outcome, expression in variables.items() %}
    select
        '{{ panel }}' as panel,
        '{{ outcome }}' as outcome,
        cast({{ expression }} as double) as amount
    from {{ days }}
    {% if not (loop.last and is_last_panel) %}
    union all
    {% endif %}
    {% endfor %}
    {% endfor %}

),

centres as (

    select
        panel,
        outcome,
        count(amount) as observation_count,
        cast(sum(cast(amount as decimal(38, 12))) as double) / nullif(count(amount), 0) as mean_amount,
        percentile_cont(0.25) within group (order by amount) as p25_amount,
        percentile_cont(0.50) within group (order by amount) as p50_amount,
        percentile_cont(0.75) within group (order by amount) as p75_amount
    from observations
    group by panel, outcome

),

spreads as (

    select
        observations.outcome,
        sqrt(
            cast(
                sum(
                    cast(
                        (observations.amount - centres.mean_amount) * (observations.amount - centres.mean_amount)
                        as decimal(38, 12)
                    )
                ) as double
            ) / nullif(count(observations.amount) - 1, 0)
        ) as sd_amount
    from observations
    inner join centres on observations.outcome = centres.outcome
    group by observations.outcome

),

summary as (

    select
        centres.panel,
        centres.outcome,
        centres.mean_amount,
        spreads.sd_amount,
        centres.p25_amount,
        centres.p50_amount,
        centres.p75_amount,
        cast(centres.observation_count as double) as count_amount
    from centres
    inner join spreads on centres.outcome = spreads.outcome

),

final as (

    {% for statistic in statistics %}
    select
        '1' as {{ adapter.quote('table') }},
        panel,
        outcome,
        '{{ statistic }}' as statistic,
        {{ statistic }}_amount as value
    from summary
    {% if not loop.last %}
    union all
    {% endif %}
    {% endfor %}

)

select * from final
order by panel, outcome, statistic
