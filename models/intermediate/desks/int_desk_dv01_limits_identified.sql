-- One row per desk with a DV01 limit: of several, the one of the largest median size, which is the desk's total (5.4).
with

limits as (

    select * from {{ ref('stg_fr_vv1__limits') }}

),

usages as (

    select * from {{ ref('stg_fr_vv1__limit_usages') }}

),

-- limit identifiers are the firm's own: two firms may have one of the same name
desk_firms as (

    select distinct
        desk_id,
        firm_rssd
    from {{ ref('stg_fr_vv1__desks') }}

),

dv01_limits as (

    select
        firm_rssd,
        limit_id,
        limit_name,
    from limits
    where {{ matches(words('limit_name'), var('dv01_limit_pattern')) }}

),

sizes as (

    select
        usages.desk_id,
        usages.limit_id,
        dv01_limits.limit_name,
        percentile_cont(0.5) within group (order by cast(usages.limit_size as double)) as median_limit_size_usd,
    from usages
    inner join desk_firms on usages.desk_id = desk_firms.desk_id
    inner join dv01_limits
        on
            desk_firms.firm_rssd = dv01_limits.firm_rssd
            and usages.limit_id = dv01_limits.limit_id
    group by usages.desk_id, usages.limit_id, dv01_limits.limit_name

),

final as (

    select
        desk_id,
        limit_id,
        limit_name,
        median_limit_size_usd,
    from sizes
    qualify
        row_number() over (
            partition by desk_id
            order by median_limit_size_usd desc, limit_id asc, limit_name asc
        ) = 1

)

select * from final
