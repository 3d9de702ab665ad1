-- One value that moves an average: of what a desk, a day of trades or a series adds up to in absolute value, the share of
-- the largest one. A value that moves an average of many a thousandfold has 0.999 of it.
{% set tables = [
    ('fr_vv1.value_at_risk', 'stg_fr_vv1__values_at_risk', 'desk_id', ['var_usd']),
    ('fr_vv1.limit_usage', 'stg_fr_vv1__limit_usages', 'desk_id', ['limit_size', 'usage_value']),
    ('fr_vv1.pnl', 'stg_fr_vv1__profits', 'desk_id', ['pnl_comprehensive_usd', 'pnl_existing_usd', 'pnl_new_usd']),
    ('fr_vv1.positions', 'stg_fr_vv1__positions', 'desk_id', [
        'securities_long_usd', 'securities_short_usd', 'derivatives_long_usd', 'derivatives_short_usd',
    ]),
    ('fr_vv1.inventory_aging', 'stg_fr_vv1__inventory_ages', 'desk_id', ['value_usd']),
    ('fr_vv1.transactions', 'stg_fr_vv1__transactions', 'desk_id', ['transaction_value_usd']),
    ('soma.operation_details', 'stg_soma__operation_details', 'cast(null as string)', [
        'accepted_par_usd', 'average_price',
    ]),
    ('fr_y9c.bulk', 'stg_fr_y9c__leverage_ratios', 'cast(null as string)', [
        'leverage_exposure_usd_th', 'tier_1_capital_usd_th', 'slr_pct',
    ]),
    ('market.treasury_yields', 'stg_market__treasury_yields', 'cast(null as string)', ['ten_year_yield_pct']),
    ('market.move', 'stg_market__volatility', 'cast(null as string)', ['move']),
    ('market.curve_fit_error', 'stg_market__curve_fit_errors', 'cast(null as string)', ['curve_fit_error_bp']),
    ('market.on_the_run_premium', 'stg_market__on_the_run_premiums', 'cast(null as string)', ['on_the_run_premium_bp']),
    ('market.treasury_securities', 'stg_market__treasury_auctions', 'cast(null as string)', ['auction_price']),
] -%}
with

{% for table, model, part, columns in tables -%}
totals_{{ loop.index }} as {{ materialized() }} (

    select
        {% for column in columns -%}
        count(nullif({{ column }}, 0)) as counted_{{ loop.index }},
        cast(max(abs({{ column }})) as double)
        / nullif(cast(sum(abs({{ column }})) as double), 0) as share_{{ loop.index }},
        {% endfor -%}
        {{ part }} as part
    from {{ ref(model) }}
    where {{ found_once() }}
    group by all

),

{% endfor -%}
totals_of_reports as (

    select
        cast(trade_date as string) as part,
        sum(nonzero_pars) as counted_par,
        cast(max(largest_par) as double) / nullif(cast(sum(absolute_par) as double), 0) as share_par,
        sum(nonzero_prices) as counted_price,
        cast(max(largest_price) as double) / nullif(cast(sum(absolute_price) as double), 0) as share_price
    from {{ ref('int_trade_file_totals') }}
    group by trade_date

),

final as (

    select
        'largest_value' as gate,
        'trace.reports.par_usd' as subject,
        part,
        counted_par as counted,
        round(share_par, 4) as measured
    from totals_of_reports
    where share_par is not null
    union all
    select
        'largest_value' as gate,
        'trace.reports.entered_price' as subject,
        part,
        counted_price as counted,
        round(share_price, 4) as measured
    from totals_of_reports
    where share_price is not null
    union all
    {% for table, model, part, columns in tables -%}
    {% set outer = loop -%}
    {% for column in columns -%}
    select
        'largest_value' as gate,
        '{{ table }}.{{ column }}' as subject,
        part,
        counted_{{ loop.index }} as counted,
        round(share_{{ loop.index }}, 4) as measured
    from totals_{{ outer.index }}
    where share_{{ loop.index }} is not null
    {{ 'union all' if not (loop.last and outer.last) }}
    {% endfor -%}
    {% endfor %}
)

select * from final
