-- One row per prime Treasury desk and business day with a limit usage: the desk's share of the customer
-- volume of the {{ var('market_share_window') }} business days before, among the desks with a usage that day (eq. 15).
with

usages as (

    select
        usages.desk_id,
        usages.business_date,
        usages.business_day_index
    from {{ ref('int_desk_limit_usages') }} as usages
    inner join {{ ref('int_desks_classified') }} as desks on usages.desk_id = desks.desk_id
    where
        desks.is_prime_treasury_desk
        -- the index averages the log of usage
        and usages.limit_usage > 0

),

volumes as (

    select * from {{ ref('int_desk_customer_volumes') }}

),

-- Shares start once the window lies within the data.
first_days as (

    select min(business_day_index) as first_business_day_index
    from volumes

),

past_volumes as (

    select
        usages.desk_id,
        usages.business_date,
        sum(volumes.customer_volume_usd) as past_customer_volume_usd
    from usages
    inner join volumes
        on
            usages.desk_id = volumes.desk_id
            and volumes.business_day_index
            between usages.business_day_index - {{ var('market_share_window') }} and usages.business_day_index - 1
    inner join first_days
        on usages.business_day_index - {{ var('market_share_window') }} >= first_days.first_business_day_index
    group by usages.desk_id, usages.business_date

),

final as (

    select
        desk_id,
        business_date,
        past_customer_volume_usd,
        cast(past_customer_volume_usd as double)
        / nullif(cast(sum(past_customer_volume_usd) over (partition by business_date) as double), 0)
            as market_share_weight
    from past_volumes

)

select * from final
