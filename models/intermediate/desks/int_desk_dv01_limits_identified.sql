-- One row per desk and DV01 limit: its median size on the desk and its rank by it. Of several at once the largest is the
-- desk's total, the others are parts of it (5.4).
with

limits as (

    select * from {{ ref('stg_fr_vv1__limits') }}

),

usages as (

    select * from {{ ref('stg_fr_vv1__limit_usages') }}

),

desk_firms as (

    select * from {{ ref('int_desk_firms') }}

),

dv01_limits as (

    select
        firm_rssd,
        limit_id,
        limit_name
    from limits
    where {{ matches(words('limit_name'), var('dv01_limit_pattern')) }}

),

sizes as (

    select
        usages.desk_id,
        dv01_limits.firm_rssd,
        usages.limit_id,
        dv01_limits.limit_name,
        percentile_cont(0.5) within group (order by cast(usages.limit_size as double)) as median_limit_size_usd
    from usages
    -- limit identifiers are the firm's own: two firms may have one of the same name
    inner join desk_firms
        on
            usages.desk_id = desk_firms.desk_id
            and usages.business_date between desk_firms.first_day and desk_firms.last_day
    inner join dv01_limits
        on
            desk_firms.firm_rssd = dv01_limits.firm_rssd
            and usages.limit_id = dv01_limits.limit_id
    group by usages.desk_id, dv01_limits.firm_rssd, usages.limit_id, dv01_limits.limit_name

),

final as (

    select
        desk_id,
        firm_rssd,
        limit_id,
        limit_name,
        median_limit_size_usd,
        row_number() over (
            partition by desk_id
            order by median_limit_size_usd desc nulls last, limit_id asc, firm_rssd asc
        ) as rank_on_desk
    from sizes

)

select * from final
