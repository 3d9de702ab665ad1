-- One row per desk and VaR limit: how closely its usage follows the reported VaR, and its rank on the desk (4.1.2).
-- A limit that replaces another on the desk follows VaR as closely in its own period; both stay candidates.
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

reported as (

    select * from {{ ref('stg_fr_vv1__values_at_risk') }}

),

var_limits as (

    select
        firm_rssd,
        limit_id,
        limit_name,
    from limits
    where
        {{ matches(words('limit_name'), var('var_limit_pattern')) }}
        and not {{ matches(words('limit_name'), var('not_var_limit_pattern')) }}

),

gaps as (

    select
        usages.desk_id,
        usages.limit_id,
        var_limits.limit_name,
        abs(cast(usages.usage_value as double) / nullif(cast(reported.var_usd as double), 0) - 1) as relative_gap,
    from usages
    inner join desk_firms on usages.desk_id = desk_firms.desk_id
    inner join var_limits
        on
            desk_firms.firm_rssd = var_limits.firm_rssd
            and usages.limit_id = var_limits.limit_id
    left join reported
        on
            usages.desk_id = reported.desk_id
            and usages.business_date = reported.business_date

),

compared as (

    select
        desk_id,
        limit_id,
        limit_name,
        count(*) as reported_days,
        percentile_cont(0.5) within group (order by relative_gap) as median_relative_gap,
    from gaps
    group by desk_id, limit_id, limit_name

),

ranked as (

    select
        *,
        count(*) over (partition by desk_id) as var_limits_of_desk,
        coalesce(median_relative_gap <= {{ var('var_limit_tolerance') }}, false) as corresponds_to_var,
        -- limit_id and its name break ties, so that a rebuild picks the same limit
        row_number() over (
            partition by desk_id
            order by median_relative_gap asc nulls last, reported_days desc, limit_id asc, limit_name asc
        ) as rank_on_desk,
    from compared

),

final as (

    select
        desk_id,
        limit_id,
        limit_name,
        reported_days,
        median_relative_gap,
        corresponds_to_var,
        -- a desk's only VaR limit is its limit, whatever its usage
        corresponds_to_var or var_limits_of_desk = 1 as is_identified,
        rank_on_desk,
    from ranked

)

select * from final
