-- One row per Treasury desk and business day with a limit usage: where it stands in the desk's own past year (5.6).
-- The window is the year up to and including the day; each measure waits for
-- {{ var('rolling_minimum_observations') }} earlier observations.
with

usages as (

    select
        usages.desk_id,
        usages.business_date,
        usages.limit_usage
    from {{ ref('int_desk_limit_usages') }} as usages
    inner join {{ ref('int_desks_classified') }} as desks on usages.desk_id = desks.desk_id
    where
        desks.is_treasury_desk
        and usages.limit_usage is not null

),

rolling as (

    select
        *,
        count(*) over past_year as observations,
        avg(limit_usage) over past_year as rolling_mean,
        stddev_samp(limit_usage) over past_year as rolling_sd
    from usages
    window
        past_year as (
            partition by desk_id
            order by business_date
            range between interval {{ var('rolling_window_days') }} day preceding and current row
        )

),

standardised as (

    select
        desk_id,
        business_date,
        case
            when observations > {{ var('rolling_minimum_observations') }}
                then (limit_usage - rolling_mean) / nullif(rolling_sd, 0)
        end as limit_usage_std
    from rolling

),

-- The rank is by comparison with each day of the window: a join, as no window function ranks within a frame.
ranked as (

    select
        today.desk_id,
        today.business_date,
        count(*) as observations,
        sum(case when past.limit_usage_std < today.limit_usage_std then 1 else 0 end) as days_below,
        sum(case when past.limit_usage_std = today.limit_usage_std then 1 else 0 end) as days_equal
    from standardised as today
    inner join standardised as past
        on
            today.desk_id = past.desk_id
            and today.business_date >= past.business_date
            and past.business_date >= today.business_date - interval {{ var('rolling_window_days') }} day
    where
        today.limit_usage_std is not null
        and past.limit_usage_std is not null
    group by today.desk_id, today.business_date

),

percentiles as (

    select
        desk_id,
        business_date,
        -- 0 below all, 1 above all; the day itself is neither below nor above
        (days_below + 0.5 * (days_equal - 1)) / nullif(observations - 1, 0) as limit_usage_percentile_rank
    from ranked
    where observations > {{ var('rolling_minimum_observations') }}

),

final as (

    select
        standardised.desk_id,
        standardised.business_date,
        standardised.limit_usage_std,
        cast(percentiles.limit_usage_percentile_rank as double) as limit_usage_percentile_rank,
        case
            when percentiles.limit_usage_percentile_rank <= 0.25 then 1
            when percentiles.limit_usage_percentile_rank <= 0.50 then 2
            when percentiles.limit_usage_percentile_rank <= 0.75 then 3
            when percentiles.limit_usage_percentile_rank <= 1 then 4
        end as limit_usage_quartile
    from standardised
    left join percentiles
        on
            standardised.desk_id = percentiles.desk_id
            and standardised.business_date = percentiles.business_date

)

select * from final
