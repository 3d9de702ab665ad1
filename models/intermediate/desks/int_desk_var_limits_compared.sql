-- One row per desk, VaR limit and business day of the limit's life on the desk: whether its usage follows the reported
-- VaR in the days around (4.1.2). A stretch is {{ var('limit_stretch_days') }} business days on at least half of which
-- the usage is the VaR, as far as there are days to compare; a limit that begins or ends inside one is found by its days.
{% set stretch_days = var('limit_stretch_days') -%}
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

reported_var as (

    select * from {{ ref('stg_fr_vv1__values_at_risk') }}

),

business_days as (

    select * from {{ ref('int_business_days') }}

),

var_limits as (

    select
        firm_rssd,
        limit_id,
        limit_name
    from limits
    where
        {{ matches(words('limit_name'), var('var_limit_pattern')) }}
        and not {{ matches(words('limit_name'), var('not_var_limit_pattern')) }}

),

reported as (

    select
        usages.desk_id,
        var_limits.firm_rssd,
        usages.limit_id,
        var_limits.limit_name,
        usages.business_date,
        business_days.business_day_index,
        usages.limit_size,
        abs(cast(usages.usage_value as double) / nullif(cast(reported_var.var_usd as double), 0) - 1) as relative_gap
    from usages
    inner join business_days on usages.business_date = business_days.business_date
    -- limit identifiers are the firm's own: two firms may have one of the same name
    inner join desk_firms
        on
            usages.desk_id = desk_firms.desk_id
            and usages.business_date between desk_firms.first_day and desk_firms.last_day
    inner join var_limits
        on
            desk_firms.firm_rssd = var_limits.firm_rssd
            and usages.limit_id = var_limits.limit_id
    left join reported_var
        on
            usages.desk_id = reported_var.desk_id
            and usages.business_date = reported_var.business_date

),

lives as (

    select
        desk_id,
        firm_rssd,
        limit_id,
        limit_name,
        min(business_day_index) as first_business_day_index,
        max(business_day_index) as last_business_day_index,
        count(relative_gap) as compared_days
    from reported
    group by desk_id, firm_rssd, limit_id, limit_name

),

desk_days as (

    select distinct
        desk_id,
        firm_rssd,
        business_date,
        business_day_index
    from reported

),

-- A day on which the limit is missing while others of the desk are reported is a day of it all the same: no other limit
-- is to serve in its place.
daily as (

    select
        lives.desk_id,
        lives.firm_rssd,
        lives.limit_id,
        lives.limit_name,
        lives.compared_days as compared_days_of_life,
        desk_days.business_date,
        desk_days.business_day_index,
        reported.desk_id is not null as is_reported,
        reported.limit_size,
        reported.relative_gap,
        case when reported.relative_gap <= {{ var('var_limit_tolerance') }} then 1 else 0 end as follows_var
    from lives
    inner join desk_days
        on
            lives.desk_id = desk_days.desk_id
            and lives.firm_rssd = desk_days.firm_rssd
            and desk_days.business_day_index between lives.first_business_day_index and lives.last_business_day_index
    left join reported
        on
            lives.desk_id = reported.desk_id
            and lives.firm_rssd = reported.firm_rssd
            and lives.limit_id = reported.limit_id
            and desk_days.business_day_index = reported.business_day_index

),

counted as (

    select
        *,
        sum(follows_var) over days_before as following_days_before,
        sum(follows_var) over days_after as following_days_after,
        sum(follows_var) over days_around as following_days_around,
        count(relative_gap) over days_before as compared_days_before,
        count(relative_gap) over days_after as compared_days_after,
        count(relative_gap) over days_around as compared_days_around
    from daily
    window
        days_before as (
            partition by desk_id, firm_rssd, limit_id
            order by business_day_index
            range between {{ stretch_days - 1 }} preceding and current row
        ),
        days_after as (
            partition by desk_id, firm_rssd, limit_id
            order by business_day_index
            range between current row and {{ stretch_days - 1 }} following
        ),
        days_around as (
            partition by desk_id, firm_rssd, limit_id
            order by business_day_index
            range between {{ stretch_days // 2 }} preceding and {{ stretch_days // 2 }} following
        )

),

judged as (

    select
        *,
        2 * following_days_before >= compared_days_before as follows_before,
        2 * following_days_after >= compared_days_after as follows_after,
        2 * following_days_around >= compared_days_around as follows_around,
        -- a few days that follow VaR by chance are no stretch, unless the limit was compared on so few
        case
            when
                following_days_before > 0
                and 2 * following_days_before >= compared_days_before
                and 2 * following_days_before >= least({{ stretch_days }}, compared_days_of_life)
                then 1
            else 0
        end as ends_stretch
    from counted

),

final as (

    select
        desk_id,
        firm_rssd,
        limit_id,
        limit_name,
        business_date,
        business_day_index,
        is_reported,
        limit_size as var_limit_usd,
        relative_gap,
        follows_var = 1 as follows_var,
        max(ends_stretch) over (
            partition by desk_id, firm_rssd, limit_id
            order by business_day_index range between current row and {{ stretch_days - 1 }} following
        ) = 1 as is_in_stretch,
        follows_before and follows_after as follows_before_and_after,
        follows_around
    from judged

)

select * from final
