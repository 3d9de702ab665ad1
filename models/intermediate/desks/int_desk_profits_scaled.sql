-- One row per desk and business day with profit and loss: total is new plus existing, without the residual (table 14),
-- and each over the VaR of its own day.
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
    from profits
    inner join business_days on profits.business_date = business_days.business_date
    left join reported_var
        on
            profits.desk_id = reported_var.desk_id
            and profits.business_date = reported_var.business_date

),

final as (

    select
        desk_id,
        business_date,
        business_day_index,
        {% for part in ['total', 'new', 'existing'] -%}
        pnl_{{ part }}_usd,
        -- decimal, so that averages over days do not depend on the order of addition
        cast(cast(pnl_{{ part }}_usd as double) / var_usd as decimal(28, 10)) as pnl_{{ part }}_to_var,
        {% endfor %}
    from joined

)

select * from final
