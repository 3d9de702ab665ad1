-- One row per Treasury desk, day t and day t + h around it, of the days t on which the own VaR limit of some desk is raised or
-- lowered: desks whose limit changes that day and in no other day of the window, and, as clean controls, desks whose limit stays
-- throughout it. Windows are of {{ var('limit_event_days') }} business days on either side.
-- Outcomes are changes from business day t - 1, the last under the limit before, to t + h. Usage of t + 1 is the first that is
-- over the new limit. What the change of day t - 1 to itself would be is left out: it is zero.
{% set window = var('limit_event_days') -%}
{% set by_day = 'partition by desk_id order by business_day_index range between' -%}
{% set position_floor = var('position_floor_usd') ~ ' / 1000000.0' -%}
{% set positions = ['net_securities_position', 'gross_securities_position'] -%}
with

desk_days as (

    select
        {% for position in positions -%}
        {{ ln_or_null(at_least(position ~ '_usd_mn', position_floor)) }} as log_{{ position }},
        {% endfor -%}
        {{ ln_or_null('customer_volume_usd_mn') }} as log_customer_volume,
        desk_id,
        business_date,
        business_day_index,
        firm_rssd,
        is_prime_treasury_desk,
        var_limit_usd_mn,
        pnl_total_usd_mn,
        pnl_new_usd_mn
    from {{ ref('fct_desk_day') }}

),

windows as (

    select
        desk_id,
        business_date,
        business_day_index,
        firm_rssd,
        is_prime_treasury_desk,
        var_limit_usd_mn as limit_after,
        max(var_limit_usd_mn) over ({{ by_day }} 1 preceding and 1 preceding) as limit_before,
        max(var_limit_usd_mn) over ({{ by_day }} {{ window }} preceding and {{ window }} preceding) as first_limit,
        max(var_limit_usd_mn) over ({{ by_day }} {{ window }} following and {{ window }} following) as last_limit,
        min(var_limit_usd_mn) over ({{ by_day }} {{ window }} preceding and 1 preceding) as least_before,
        max(var_limit_usd_mn) over ({{ by_day }} {{ window }} preceding and 1 preceding) as most_before,
        min(var_limit_usd_mn) over ({{ by_day }} current row and {{ window }} following) as least_after,
        max(var_limit_usd_mn) over ({{ by_day }} current row and {{ window }} following) as most_after
    from desk_days

),

-- The limit is known on both days of the change and at both ends of the window, and stays on either side.
clean as (

    select
        desk_id,
        business_date,
        business_day_index,
        firm_rssd,
        is_prime_treasury_desk,
        limit_before,
        {{ ln_or_null('limit_after / nullif(limit_before, 0)') }} as log_var_limit_change,
        case when limit_after > limit_before then 1 else 0 end as is_limit_raised,
        case when limit_after < limit_before then 1 else 0 end as is_limit_lowered
    from windows
    where
        limit_before > 0
        and limit_after > 0
        and first_limit is not null
        and last_limit is not null
        and least_before = most_before
        and least_after = most_after

),

event_days as (

    select distinct business_date
    from clean
    where is_limit_raised = 1 or is_limit_lowered = 1

),

final as (

    select
        clean.desk_id,
        clean.business_date,
        cast(around.business_day_index - clean.business_day_index as integer) as horizon,
        clean.firm_rssd,
        clean.is_prime_treasury_desk and clean.is_limit_lowered = 0 as is_prime_raised_or_kept,
        clean.is_prime_treasury_desk and clean.is_limit_raised = 0 as is_prime_lowered_or_kept,
        clean.is_limit_lowered = 0 as is_raised_or_kept,
        clean.is_limit_raised = 0 as is_lowered_or_kept,
        {% for outcome in positions + ['customer_volume'] -%}
        around.log_{{ outcome }} - before.log_{{ outcome }} as d_log_{{ outcome }},
        {% endfor -%}
        {% for part in ['total', 'new'] -%}
        (around.pnl_{{ part }}_usd_mn - before.pnl_{{ part }}_usd_mn) / clean.limit_before
            as d_pnl_{{ part }}_to_limit_before,
        {% endfor -%}
        clean.is_limit_raised,
        clean.is_limit_lowered,
        clean.log_var_limit_change
    from clean
    inner join event_days on clean.business_date = event_days.business_date
    inner join desk_days as before
        on
            clean.desk_id = before.desk_id
            and clean.business_day_index - 1 = before.business_day_index
    inner join desk_days as around
        on
            clean.desk_id = around.desk_id
            and around.business_day_index
            between clean.business_day_index - {{ window }} and clean.business_day_index + {{ window }}
            and before.business_day_index <> around.business_day_index

)

select * from final
order by desk_id, business_date, horizon
