-- Shifts of unit from a day on: one row per column and desk, limit, firm, series or table, with the largest step in decades
-- (powers of ten) of the mean log of half a month that lasts. Steps are to the half-month before and to the one before that, since
-- a shift within a half-month shows in full only over the next. Zeros have no log and no part.
-- A desk that goes flat falls without limit: of desks only rises count. A position that turns moves from its long side to its
-- short side or back, and a unit does not: from the rise of a desk's side is taken what the other side fell. Of firms and tables
-- it is the median step of their desks that counts, of three at least, so that no desk that opens or closes moves it.
{% set tables = [
    ('value_at_risk', 'stg_fr_vv1__values_at_risk', 'desk', ['var_usd']),
    ('pnl', 'stg_fr_vv1__profits', 'desk', ['pnl_comprehensive_usd']),
    ('positions', 'stg_fr_vv1__positions', 'desk', [
        'securities_long_usd', 'securities_short_usd', 'derivatives_long_usd', 'derivatives_short_usd',
    ]),
    ('inventory_aging', 'stg_fr_vv1__inventory_ages', 'desk', ['value_usd']),
    ('transactions', 'stg_fr_vv1__transactions', 'desk', ['transaction_value_usd']),
    ('limit_usage', 'stg_fr_vv1__limit_usages', 'limit', ['limit_size', 'usage_value']),
] -%}
{% set least_days = 5 -%}
{% set least_half_months = 6 -%}
with

firms as (

    select
        desk_id,
        min(firm_rssd) as firm_rssd
    from {{ ref('stg_fr_vv1__desks') }}
    group by desk_id

),

{% for table, model, kind, columns in tables -%}
{{ table }} as {{ materialized() }} (

    select
        desk_id,
        {% if kind == 'limit' -%}
        limit_id,
        {% endif -%}
        {% for column in columns -%}
        count(nullif({{ column }}, 0)) as days_{{ loop.index }},
        {{ mean_decade(column) }} as level_{{ loop.index }},
        {% endfor -%}
        {{ half_month('business_date') }} as half_month
    from {{ ref(model) }}
    where {{ found_once() }}
    group by desk_id, {{ 'limit_id, ' if kind == 'limit' }}half_month

),

{% endfor -%}
levels as (

    {% for table, model, kind, columns in tables -%}
    {% for column in columns -%}
    select
        'fr_vv1.{{ table }}.{{ column }}' as subject,
        '{{ kind }}' as kind,
        desk_id,
        {{ "concat(desk_id, ' | ', limit_id)" if kind == 'limit' else 'desk_id' }} as part,
        half_month,
        level_{{ loop.index }} as level
    from {{ table }}
    where
        days_{{ loop.index }} >= {{ least_days }}
        {%- if column.startswith('derivatives') %}
        -- from notional to market value
        and half_month <= {{ half_month("cast('" ~ var('combined_positions_end') ~ "' as date)") }}
        {%- endif %}
    union all
    {% endfor -%}
    {% endfor -%}
    {% for table, model, column in daily_market_series() -%}
    select
        '{{ table }}.{{ column }}' as subject,
        'series' as kind,
        cast(null as string) as desk_id,
        'all' as part,
        {{ half_month('observation_date') }} as half_month,
        {{ mean_decade(column) }} as level
    from {{ ref(model) }}
    group by {{ half_month('observation_date') }}
    having count(nullif({{ column }}, 0)) >= {{ least_days }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

ordered as (

    select
        *,
        lag(half_month, 1) over (partition by subject, part order by half_month) as half_month_1,
        lag(half_month, 2) over (partition by subject, part order by half_month) as half_month_2,
        level - lag(level, 1) over (partition by subject, part order by half_month) as step_1,
        level - lag(level, 2) over (partition by subject, part order by half_month) as step_2,
        avg(level) over (
            partition by subject, part
            order by half_month
            rows between current row and 7 following
        ) - avg(level) over (
            partition by subject, part
            order by half_month
            rows between 8 preceding and 1 preceding
        ) as lasting_step,
        least(
            count(*) over (
                partition by subject, part
                order by half_month
                rows between current row and 7 following
            ),
            count(*) over (
                partition by subject, part
                order by half_month
                rows between 8 preceding and 1 preceding
            )
        ) as half_months
    from levels

),

-- the larger of both, of half-months in a row
nearby as (

    select
        *,
        case
            when half_month - half_month_2 = 2 and abs(step_2) > abs(step_1) then step_2
            when half_month - half_month_1 = 1 then step_1
        end as near_step
    from ordered

),

-- a unit lasts, a crisis ends: the smaller of the step and of what four months before and after show of it
stepped as (

    select
        subject,
        kind,
        desk_id,
        part,
        half_month,
        half_months,
        case
            when near_step is null then null
            when near_step > 0 and lasting_step > 0 then least(cast(near_step as double), lasting_step)
            when near_step < 0 and lasting_step < 0 then greatest(cast(near_step as double), lasting_step)
            else 0
        end as step
    from nearby
    where {{ found_once() }}

),

-- both sides of a position are of one name but for the side
sized as (

    select
        *,
        case
            when kind <> 'desk' then abs(step)
            else
                step - least(step, 0) + sum(least(step, 0)) over (
                    partition by replace(replace(subject, '_long_usd', ''), '_short_usd', ''), part, half_month
                )
        end as size
    from stepped

),

of_groups as (

    {% for kind, group in [('firm', 'firms.firm_rssd'), ('table', "'all'")] -%}
    select
        stepped.subject,
        '{{ kind }}' as kind,
        cast({{ group }} as string) as part,
        stepped.half_month,
        percentile_cont(0.5) within group (order by stepped.step) as step
    from stepped
    inner join firms on stepped.desk_id = firms.desk_id
    where stepped.step is not null
    group by stepped.subject, stepped.half_month{{ ', ' ~ group if kind == 'firm' }}
    having count(distinct stepped.desk_id) >= 3
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (

    select
        'level_shift' as gate,
        subject,
        concat(kind, ' ', part) as part,
        count(step) as counted,
        round(max(size), 3) as measured
    from sized
    where
        -- a single limit may be hardly used one month and much the next
        subject <> 'fr_vv1.limit_usage.usage_value'
        -- of a desk, three months on either side tell a unit from a crisis
        and (kind <> 'desk' or half_months >= {{ least_half_months }})
    group by subject, kind, part
    union all
    select
        'level_shift' as gate,
        subject,
        concat(kind, ' ', part) as part,
        count(*) as counted,
        round(max(abs(step)), 3) as measured
    from of_groups
    group by subject, kind, part

)

select * from final
