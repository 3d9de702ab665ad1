-- One row per desk and VaR limit: how closely its usage follows the reported VaR over its life on the desk, for how many
-- days it does so in stretches, and its rank on the desk (4.1.2). It is a candidate for the days that
-- int_desk_var_limits_daily decides.
with

compared as (

    select * from {{ ref('int_desk_var_limits_compared') }}

),

summed as (

    select
        desk_id,
        firm_rssd,
        limit_id,
        limit_name,
        count(*) filter (where is_reported) as reported_days,
        count(*) filter (where is_in_stretch) as days_in_stretch,
        percentile_cont(0.5) within group (order by relative_gap) as median_relative_gap
    from compared
    group by desk_id, firm_rssd, limit_id, limit_name

),

ranked as (

    select
        *,
        count(*) over (partition by desk_id, firm_rssd) as var_limits_of_desk,
        days_in_stretch > 0 or coalesce(median_relative_gap <= {{ var('var_limit_tolerance') }}, false)
            as corresponds_to_var,
        -- limit_id and its firm break ties, so that a rebuild picks the same limit
        row_number() over (
            partition by desk_id
            order by median_relative_gap asc nulls last, reported_days desc, limit_id asc, firm_rssd asc
        ) as rank_on_desk
    from summed

),

final as (

    select
        desk_id,
        firm_rssd,
        limit_id,
        limit_name,
        reported_days,
        days_in_stretch,
        median_relative_gap,
        corresponds_to_var,
        -- a desk's only VaR limit is its limit, whatever its usage
        corresponds_to_var or var_limits_of_desk = 1 as is_identified,
        rank_on_desk
    from ranked

)

select * from final
