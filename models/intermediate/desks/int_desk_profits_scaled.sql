-- One row per desk and business day with profit and loss: total is new plus existing, without the residual (table 14),
-- and each over the VaR of its own day, over that of the business day before, and over the limit that binds the day.
{% set scales = {'var': 'var_usd', 'var_lag': 'var_lag_usd', 'limit': 'limit_lag_usd'} -%}
with

profits as (

    select * from {{ ref('stg_fr_vv1__profits') }}

),

reported_var as (

    select * from {{ ref('stg_fr_vv1__values_at_risk') }}

),

business_days as (

    select * from {{ ref('int_business_days') }}

),

limit_usages as (

    select * from {{ ref('int_desk_limit_usages') }}

),

joined as (

    select
        profits.desk_id,
        profits.business_date,
        business_days.business_day_index,
        profits.pnl_new_usd + profits.pnl_existing_usd as pnl_total_usd,
        profits.pnl_new_usd,
        profits.pnl_existing_usd,
        case
            when reported_var.var_usd > {{ var('least_var_usd') }} then cast(reported_var.var_usd as double)
        end as var_usd,
        case
            when usages_before.var_usd > {{ var('least_var_usd') }} then cast(usages_before.var_usd as double)
        end as var_lag_usd,
        nullif(cast(usages.var_limit_lag_usd as double), 0) as limit_lag_usd
    from profits
    inner join business_days on profits.business_date = business_days.business_date
    left join reported_var
        on
            profits.desk_id = reported_var.desk_id
            and profits.business_date = reported_var.business_date
    left join limit_usages as usages
        on
            profits.desk_id = usages.desk_id
            and business_days.business_day_index = usages.business_day_index
    left join limit_usages as usages_before
        on
            profits.desk_id = usages_before.desk_id
            and business_days.business_day_index - 1 = usages_before.business_day_index

),

final as (

    select
        desk_id,
        business_date,
        {% for part in ['total', 'new', 'existing'] -%}
        pnl_{{ part }}_usd,
        -- decimal, so that averages over days do not depend on the order of addition
        {% for scale, dollars in scales.items() -%}
        {{ as_decimal('cast(pnl_' ~ part ~ '_usd as double) / ' ~ dollars, 28, 10) }} as pnl_{{ part }}_to_{{ scale }},
        {% endfor -%}
        {% endfor -%}
        business_day_index
    from joined

)

select * from final
