-- One row per trading desk, as its latest information schedule describes it.
with

desks as (

    select * from {{ ref('int_desks_classified') }}

),

var_limits as (

    select
        desk_id,
        count(*) as var_limit_count
    from {{ ref('int_desk_var_limits_identified') }}
    where is_identified
    group by desk_id

),

dv01_limits as (

    select
        desk_id,
        limit_id
    from {{ ref('int_desk_dv01_limits_daily') }}
    qualify row_number() over (partition by desk_id order by business_date desc) = 1

),

final as (

    select
        desks.desk_id,
        desks.firm_rssd,
        desks.desk_name,
        desks.desk_description,
        desks.is_treasury_desk,
        desks.is_prime_treasury_desk,
        desks.first_valid_from,
        desks.last_valid_to,
        cast(desks.schedule_count as integer) as schedule_count,
        cast(coalesce(var_limits.var_limit_count, 0) as integer) as var_limit_count,
        dv01_limits.limit_id as dv01_limit_id,
        dv01_limits.limit_id is not null as has_dv01_limit
    from desks
    left join var_limits on desks.desk_id = var_limits.desk_id
    left join dv01_limits on desks.desk_id = dv01_limits.desk_id

)

select * from final
order by desk_id
