-- One row per desk and business day on which it reports its DV01 limit: of those that it reports the one of the largest
-- median size, so that a limit that replaces another takes over on its day. A smaller one does not stand in for a larger
-- one that is missing for up to {{ var('limit_stretch_days') }} business days and comes back (5.4).
with

usages as (

    select * from {{ ref('stg_fr_vv1__limit_usages') }}

),

identified as (

    select * from {{ ref('int_desk_dv01_limits_identified') }}

),

desk_firms as (

    select * from {{ ref('int_desk_firms') }}

),

business_days as (

    select * from {{ ref('int_business_days') }}

),

largest as (

    select
        usages.desk_id,
        usages.business_date,
        business_days.business_day_index,
        identified.firm_rssd,
        usages.limit_id,
        identified.rank_on_desk,
        usages.limit_size as dv01_limit_usd,
        abs(usages.usage_value) as dv01_usd
    from usages
    inner join business_days on usages.business_date = business_days.business_date
    inner join desk_firms
        on
            usages.desk_id = desk_firms.desk_id
            and usages.business_date between desk_firms.first_day and desk_firms.last_day
    inner join identified
        on
            usages.desk_id = identified.desk_id
            and desk_firms.firm_rssd = identified.firm_rssd
            and usages.limit_id = identified.limit_id
    -- rank_on_desk is unique
    qualify
        row_number() over (
            partition by usages.desk_id, usages.business_date
            order by identified.rank_on_desk asc
        ) = 1

),

larger_around as (

    select
        today.desk_id,
        today.business_day_index,
        max(case when around.business_day_index < today.business_day_index then around.business_day_index end)
            as last_index_before,
        min(case when around.business_day_index > today.business_day_index then around.business_day_index end)
            as first_index_after
    from largest as today
    inner join largest as around
        on
            today.desk_id = around.desk_id
            and today.firm_rssd = around.firm_rssd
            and around.business_day_index
            between today.business_day_index - {{ var('limit_stretch_days') }}
            and today.business_day_index + {{ var('limit_stretch_days') }}
            and today.rank_on_desk > around.rank_on_desk
    group by today.desk_id, today.business_day_index

),

final as (

    select
        largest.desk_id,
        largest.business_date,
        largest.business_day_index,
        largest.limit_id,
        largest.dv01_limit_usd,
        largest.dv01_usd
    from largest
    left join larger_around
        on
            largest.desk_id = larger_around.desk_id
            and largest.business_day_index = larger_around.business_day_index
    where
        coalesce(
            larger_around.first_index_after - larger_around.last_index_before - 1 > {{ var('limit_stretch_days') }},
            true
        )

)

select * from final
