-- Units of days, files, dealers and whole tables: how many decades (powers of ten) the mean of the logs lies from that of the
-- other days, files, dealers or quarters, and how many outside of what any market has seen.
-- Bills are left out of prices: what is published of them may be a rate.
{% set ranges = [
    ('fr_vv1.value_at_risk', 'stg_fr_vv1__values_at_risk', 'var_usd', 3, 10),
    ('fr_vv1.pnl', 'stg_fr_vv1__profits', 'pnl_comprehensive_usd', 2, 10),
    ('fr_vv1.positions', 'stg_fr_vv1__positions', 'securities_long_usd', 5, 13),
    ('fr_vv1.positions', 'stg_fr_vv1__positions', 'securities_short_usd', 5, 13),
    ('fr_vv1.transactions', 'stg_fr_vv1__transactions', 'transaction_value_usd', 5, 13),
    ('fr_y9c.bulk', 'stg_fr_y9c__leverage_ratios', 'slr_pct', 0.3, 1.6),
    ('fr_y9c.bulk', 'stg_fr_y9c__leverage_ratios', 'leverage_exposure_usd_th', 6, 10),
    ('soma.operation_details', 'stg_soma__operation_details', 'accepted_par_usd', 6, 11),
    ('market.treasury_yields', 'stg_market__treasury_yields', 'ten_year_yield_pct', -0.7, 1.3),
    ('market.move', 'stg_market__volatility', 'move', 1.3, 2.6),
    ('market.curve_fit_error', 'stg_market__curve_fit_errors', 'curve_fit_error_bp', -1, 2),
    ('market.on_the_run_premium', 'stg_market__on_the_run_premiums', 'on_the_run_premium_bp', -1.5, 2),
] -%}
with

bills as (

    select distinct cusip from {{ ref('int_bill_maturities') }}

),

reports as (

    select * from {{ ref('int_trade_file_totals') }}

),

details as (

    select
        details.raw_file,
        details.accepted_par_usd,
        case when bills.cusip is null and details.average_price > 0 then details.average_price end as average_price
    from {{ ref('stg_soma__operation_details') }} as details
    left join bills on details.cusip = bills.cusip
    where details.accepted_par_usd > 0

),

parts as (

    select
        'trace.reports.par_usd' as subject,
        'day' as kind,
        cast(trade_date as string) as part,
        sum(reports) as counted,
        {{ mean_of_logs('log10_par', 'nonzero_pars') }} as level
    from reports
    where trade_date is not null
    group by trade_date
    union all
    select
        'trace.reports.par_usd' as subject,
        'dealer' as kind,
        reporting_mpid as part,
        sum(reports) as counted,
        {{ mean_of_logs('log10_par', 'nonzero_pars') }} as level
    from reports
    where reporting_mpid is not null
    group by reporting_mpid
    union all
    select
        'trace.reports.entered_price' as subject,
        'day' as kind,
        cast(trade_date as string) as part,
        sum(logged_note_prices) as counted,
        {{ mean_of_logs('log10_note_price', 'logged_note_prices') }} as level
    from reports
    where trade_date is not null
    group by trade_date
    having sum(logged_note_prices) > 0
    union all
    select
        'trace.reports.entered_price' as subject,
        'dealer' as kind,
        reporting_mpid as part,
        sum(logged_note_prices) as counted,
        {{ mean_of_logs('log10_note_price', 'logged_note_prices') }} as level
    from reports
    where reporting_mpid is not null
    group by reporting_mpid
    having sum(logged_note_prices) > 0
    union all
    select
        'soma.operation_details.accepted_par_usd' as subject,
        'file' as kind,
        raw_file as part,
        count(*) as counted,
        {{ mean_decade('accepted_par_usd') }} as level
    from details
    group by raw_file
    union all
    select
        'soma.operation_details.average_price' as subject,
        'file' as kind,
        raw_file as part,
        count(*) as counted,
        {{ mean_decade('average_price') }} as level
    from details
    where average_price is not null
    group by raw_file
    {% for column in ['slr_pct', 'tier_1_capital_usd_th', 'leverage_exposure_usd_th'] -%}
    union all
    select
        'fr_y9c.bulk.{{ column }}' as subject,
        'quarter' as kind,
        cast(quarter_end as string) as part,
        count(*) as counted,
        {{ mean_decade(column) }} as level
    from {{ ref('stg_fr_y9c__leverage_ratios') }}
    where {{ column }} > 0
    group by quarter_end
    {% endfor %}
),

usual as (

    select
        subject,
        kind,
        percentile_cont(0.5) within group (order by level) as level,
        count(*) as parts
    from parts
    group by subject, kind

),

whole as (

    {% for table, model, column, least, most in ranges -%}
    select
        '{{ table }}.{{ column }}' as subject,
        count(*) as counted,
        {{ mean_decade(column) }} as level,
        {{ least }} as least,
        {{ most }} as most
    from {{ ref(model) }}
    where {{ column }} <> 0
    union all
    {% endfor -%}
    select
        'trace.reports.par_usd' as subject,
        sum(nonzero_pars) as counted,
        {{ mean_of_logs('log10_par', 'nonzero_pars') }} as level,
        4.5 as least,
        9 as most
    from reports

),

final as (

    select
        concat('level_of_', parts.kind) as gate,
        parts.subject,
        case when parts.kind = 'file' then parts.part end as raw_file,
        case when parts.kind <> 'file' then parts.part end as part,
        -- of fewer than three, none is the odd one
        case when usual.parts >= 3 then parts.counted else 0 end as counted,
        round(abs(parts.level - usual.level), 3) as measured
    from parts
    inner join usual
        on
            parts.subject = usual.subject
            and parts.kind = usual.kind
    union all
    select
        'level' as gate,
        subject,
        cast(null as string) as raw_file,
        cast(null as string) as part,
        counted,
        round(greatest(least - level, level - most, 0), 3) as measured
    from whole
    where level is not null

)

select * from final
