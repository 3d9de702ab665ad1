-- One row per Treasury desk, business day t and horizon h, for every t on which the desk reports: what the regressions of
-- Tables 2 to 10 and 14 read. Terms are those of t, but for log_limit_usage_ahead; they repeat over the horizons.
-- The change is to business day t + h by its index, never to the desk's next row; null where the desk does not
-- report that day, or where either end is zero and has no log. A change ends within the sample.
{% set position_outcomes = [
    'net_position', 'gross_position', 'long_position', 'short_position',
    'net_securities_position', 'gross_securities_position', 'long_securities_position', 'short_securities_position',
] -%}
{% set position_floor = var('position_floor_usd') ~ ' / 1000000.0' -%}
{% set least_profit_days = {'available': 1, 'complete': 'horizons.horizon'}[var('profit_change_days')] -%}
{% set age_outcomes = ['assets_le_30d', 'assets_gt_30d', 'liabilities_le_30d', 'liabilities_gt_30d'] -%}
{% set profit_outcomes = [] -%}
{% for scale in ['var', 'var_lag', 'limit'] -%}
{% for part in ['total', 'new', 'existing'] -%}
{% do profit_outcomes.append('pnl_' ~ part ~ '_to_' ~ scale) -%}
{% endfor -%}
{% endfor -%}
with

desk_days as (

    select * from {{ ref('fct_desk_day') }}

),

horizons as (

    {% for horizon in var('horizons') %}
    select cast({{ horizon }} as integer) as horizon
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

levels as (

    select
        {% for outcome in position_outcomes + age_outcomes -%}
        {{ ln_or_null(at_least(outcome ~ '_usd_mn', position_floor)) }} as log_{{ outcome }},
        {% endfor -%}
        desk_days.*
    from desk_days

),

profits as (

    select * from {{ ref('int_desk_profits_scaled') }}
    where
        business_date between cast('{{ var("sample_start") }}' as date) and cast('{{ var("sample_end") }}' as date)

),

-- Equation 13: the mean over the next h business days, of the days that there are, each over its own VaR.
future_profits as (

    select
        desk_days.desk_id,
        desk_days.business_date,
        {% for outcome in profit_outcomes -%}
        case
            when count(profits.{{ outcome }}) >= {{ least_profit_days }}
                then cast(sum(profits.{{ outcome }}) as double) / count(profits.{{ outcome }})
        end as mean_{{ outcome }},
        {% endfor -%}
        horizons.horizon
    from desk_days
    cross join horizons
    inner join profits
        on
            desk_days.desk_id = profits.desk_id
            and profits.business_day_index
            between desk_days.business_day_index + 1 and desk_days.business_day_index + horizons.horizon
    group by desk_days.desk_id, desk_days.business_date, horizons.horizon

),

final as (

    select
        today.desk_id,
        today.business_date,
        horizons.horizon,
        today.business_day_index,
        today.firm_rssd,
        today.is_prime_treasury_desk,
        today.is_prime_treasury_desk and extract(year from today.business_date) = 2020
            as is_prime_treasury_desk_in_2020,
        {% for outcome in position_outcomes -%}
        ahead.log_{{ outcome }} - today.log_{{ outcome }} as d_log_{{ outcome }},
        {% endfor -%}
        {% for scope in ['position', 'securities_position'] -%}
        (ahead.log_net_{{ scope }} - ahead.log_gross_{{ scope }})
        - (today.log_net_{{ scope }} - today.log_gross_{{ scope }}) as d_log_net_to_gross_{{ scope }},
        {% endfor -%}
        {% for outcome in age_outcomes -%}
        ahead.log_{{ outcome }} - today.log_{{ outcome }} as d_log_{{ outcome }},
        {% endfor -%}
        {% for outcome in profit_outcomes -%}
        future_profits.mean_{{ outcome }} - cast(profits.{{ outcome }} as double) as d_{{ outcome }},
        {% endfor -%}
        (ahead.net_securities_position_usd_mn - today.net_securities_position_usd_mn)
        / nullif((ahead.net_securities_position_usd_mn + today.net_securities_position_usd_mn) / 2, 0)
            as arc_change_net_securities_position,
        today.limit_usage,
        today.log_limit_usage,
        today.log_limit_usage_lag,
        ahead.log_limit_usage as log_limit_usage_ahead,
        today.log_dv01_limit_usage,
        today.slr_distance_lag_pct,
        today.log_limit_usage * today.slr_distance_lag_pct as log_limit_usage_x_slr_distance_lag_pct,
        today.limit_usage_std,
        today.limit_usage_percentile_rank,
        {% for quartile in [2, 3, 4] -%}
        case
            when today.limit_usage_quartile = {{ quartile }} then 1
            when today.limit_usage_quartile is not null then 0
        end as limit_usage_q{{ quartile }},
        {% endfor -%}
        today.firm_limit_increase,
        today.firm_limit_decrease,
        {{ ln_or_null('today.var_usd_mn') }} as log_var,
        0 - {{ ln_or_null('today.var_limit_lag_usd_mn') }} as negative_log_var_limit_lag,
        {% for kind in ['net', 'gross'] -%}
        today.log_{{ kind }}_position,
        today.log_{{ kind }}_securities_position,
        {% endfor -%}
        {% for part in ['total', 'new', 'existing'] -%}
        today.pnl_{{ part }}_to_var,
        {% endfor -%}
        today.log_var_limit_change
    from levels as today
    cross join horizons
    left join levels as ahead
        on
            today.desk_id = ahead.desk_id
            and today.business_day_index + horizons.horizon = ahead.business_day_index
    left join future_profits
        on
            today.desk_id = future_profits.desk_id
            and today.business_date = future_profits.business_date
            and horizons.horizon = future_profits.horizon
    left join profits
        on
            today.desk_id = profits.desk_id
            and today.business_date = profits.business_date

)

select * from final
order by desk_id, business_date, horizon
