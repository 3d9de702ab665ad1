-- One row per desk and business day on which it reports its VaR limit.
with

usages as (

    select * from {{ ref('stg_fr_vv1__limit_usages') }}

),

identified as (

    select * from {{ ref('int_desk_var_limits_identified') }}

),

business_days as (

    select * from {{ ref('int_business_days') }}

),

final as (

    select
        usages.desk_id,
        usages.business_date,
        business_days.business_day_index,
        usages.limit_id,
        usages.limit_size as var_limit_usd,
    from usages
    inner join identified
        on
            usages.desk_id = identified.desk_id
            and usages.limit_id = identified.limit_id
    inner join business_days on usages.business_date = business_days.business_date
    where identified.is_identified
    -- on the day that one limit replaces another both may be reported
    qualify
        row_number() over (
            partition by usages.desk_id, usages.business_date
            order by identified.rank_on_desk asc, usages.limit_id asc
        ) = 1

)

select * from final
