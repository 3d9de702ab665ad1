-- One row per firm and business day t: percent change from t-2 to t-1 in the summed VaR limit of the firm's
-- non-Treasury desks that raised theirs, and of those that lowered theirs (eq. 11 and 12); zero when none did. A desk that
-- comes from another firm between the two days, or leaves for one, changes no limit of the firm.
with

business_days as (

    select * from {{ ref('int_business_days') }}

),

limits as (

    select
        limits.desk_id,
        limits.business_day_index,
        limits.var_limit_usd,
        desk_firms.firm_rssd
    from {{ ref('int_desk_var_limits_daily') }} as limits
    inner join {{ ref('int_desks_classified') }} as desks on limits.desk_id = desks.desk_id
    inner join {{ ref('int_desk_firms') }} as desk_firms
        on
            limits.desk_id = desk_firms.desk_id
            and limits.business_date between desk_firms.first_day and desk_firms.last_day
    where not desks.is_treasury_desk

),

changes as (

    select
        today.firm_rssd,
        today.business_day_index + 1 as effective_business_day_index,
        before.var_limit_usd as limit_before_usd,
        today.var_limit_usd - before.var_limit_usd as change_usd
    from limits as today
    inner join limits as before
        on
            today.desk_id = before.desk_id
            and today.firm_rssd = before.firm_rssd
            and today.business_day_index - 1 = before.business_day_index

),

summed as (

    select
        firm_rssd,
        effective_business_day_index,
        count(*) as desks_compared,
        coalesce(
            cast(sum(change_usd) filter (where change_usd > 0) as double)
            / nullif(cast(sum(limit_before_usd) filter (where change_usd > 0) as double), 0),
            0
        ) as firm_limit_increase,
        coalesce(
            cast(sum(change_usd) filter (where change_usd < 0) as double)
            / nullif(cast(sum(limit_before_usd) filter (where change_usd < 0) as double), 0),
            0
        ) as firm_limit_decrease
    from changes
    group by firm_rssd, effective_business_day_index

),

final as (

    select
        summed.firm_rssd,
        business_days.business_date,
        summed.desks_compared,
        summed.firm_limit_increase,
        summed.firm_limit_decrease
    from summed
    inner join business_days on summed.effective_business_day_index = business_days.business_day_index

)

select * from final
