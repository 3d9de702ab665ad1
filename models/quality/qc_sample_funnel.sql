-- One row per sample, position scope, horizon and step: desk-days that remain, and what the step removed.
-- The last step is the sample of Table 2, and its count is the N of the column.
{% set position_floor_usd_mn = var('position_floor_usd') ~ ' / 1000000.0' -%}
with

desk_days as (

    select * from {{ ref('fct_desk_day') }}

),

changes as (

    select * from {{ ref('obs_desk_horizon') }}

),

samples as (

    select
        desk_id,
        business_date,
        'all_treasury_desks' as sample
    from desk_days
    union all
    select
        desk_id,
        business_date,
        'prime_desks' as sample
    from desk_days
    where is_prime_treasury_desk

),

scoped as (

    {% for scope in ['position', 'securities_position'] -%}
    select
        samples.sample,
        '{{ scope }}' as scope,
        changes.horizon,
        desk_days.var_usd_mn,
        desk_days.limit_usage,
        desk_days.log_limit_usage,
        desk_days.net_{{ scope }}_usd_mn as net_usd_mn,
        changes.d_log_net_{{ scope }} as change_of_log_net
    from samples
    inner join desk_days
        on
            samples.desk_id = desk_days.desk_id
            and samples.business_date = desk_days.business_date
    inner join changes
        on
            samples.desk_id = changes.desk_id
            and samples.business_date = changes.business_date
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

steps as (

    select
        sample,
        scope,
        horizon,
        count(*) as reported,
        count(var_usd_mn) as with_var,
        count(var_usd_mn) filter (where limit_usage is not null) as with_limit_of_day_before,
        count(log_limit_usage) as with_usage_above_zero,
        count(log_limit_usage) filter (where net_usd_mn is not null) as with_position,
        count(log_limit_usage) filter (where {{ at_least('net_usd_mn', position_floor_usd_mn) }} > 0)
            as with_net_position_above_zero,
        count(log_limit_usage) filter (where change_of_log_net is not null) as with_change_to_horizon
    from scoped
    group by sample, scope, horizon

),

final as (

    {% set names = [
        'reported', 'with_var', 'with_limit_of_day_before', 'with_usage_above_zero', 'with_position',
        'with_net_position_above_zero', 'with_change_to_horizon',
    ] -%}
    {% for name in names -%}
    select
        sample,
        scope,
        horizon,
        {{ loop.index }} as step,
        '{{ name }}' as step_name,
        {{ name }} as remaining_desk_days,
        {{ names[loop.index0 - 1] if loop.index0 else name }} - {{ name }} as removed_desk_days
    from steps
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
