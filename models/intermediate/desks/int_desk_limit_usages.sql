-- One row per desk and business day with a VaR, a VaR limit or a DV01 limit.
-- Limit usage is VaR over the limit of the business day before (eq. 7 and 8): the limit of the day itself may
-- have been moved because of the usage. Without a row for that day there is no usage.
with

business_days as (

    select * from {{ ref('int_business_days') }}

),

reported_var as (

    select
        reported.desk_id,
        reported.business_date,
        business_days.business_day_index,
        reported.var_usd
    from {{ ref('stg_fr_vv1__values_at_risk') }} as reported
    inner join business_days on reported.business_date = business_days.business_date

),

var_limits as (

    select * from {{ ref('int_desk_var_limits_daily') }}

),

dv01_usages as (

    select * from {{ ref('int_desk_dv01_limits_daily') }}

),

desk_days as (

    select
        desk_id,
        business_date,
        business_day_index
    from reported_var
    union distinct
    select
        desk_id,
        business_date,
        business_day_index
    from var_limits
    union distinct
    select
        desk_id,
        business_date,
        business_day_index
    from dv01_usages

),

joined as (

    select
        desk_days.desk_id,
        desk_days.business_date,
        desk_days.business_day_index,
        reported_var.var_usd,
        var_limits.var_limit_usd,
        limits_before.var_limit_usd as var_limit_lag_usd,
        dv01_usages.dv01_usd,
        dv01_before.dv01_limit_usd as dv01_limit_lag_usd
    from desk_days
    left join reported_var
        on
            desk_days.desk_id = reported_var.desk_id
            and desk_days.business_day_index = reported_var.business_day_index
    left join var_limits
        on
            desk_days.desk_id = var_limits.desk_id
            and desk_days.business_day_index = var_limits.business_day_index
    left join var_limits as limits_before
        on
            desk_days.desk_id = limits_before.desk_id
            and desk_days.business_day_index - 1 = limits_before.business_day_index
    left join dv01_usages
        on
            desk_days.desk_id = dv01_usages.desk_id
            and desk_days.business_day_index = dv01_usages.business_day_index
    left join dv01_usages as dv01_before
        on
            desk_days.desk_id = dv01_before.desk_id
            and desk_days.business_day_index - 1 = dv01_before.business_day_index

),

final as (

    select
        *,
        cast(var_usd as double) / nullif(cast(var_limit_lag_usd as double), 0) as limit_usage,
        cast(dv01_usd as double) / nullif(cast(dv01_limit_lag_usd as double), 0) as dv01_limit_usage
    from joined

)

select * from final
