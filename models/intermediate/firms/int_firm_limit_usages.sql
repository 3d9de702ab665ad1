-- One row per firm and business day: limit usage averaged over the prime Treasury desks that it has that day (section
-- 6.1).
with

usages as (

    select * from {{ ref('int_desk_limit_usages') }}

),

desks as (

    select * from {{ ref('int_desks_classified') }}
    where is_prime_treasury_desk

),

desk_firms as (

    select * from {{ ref('int_desk_firms') }}

),

final as (

    select
        desk_firms.firm_rssd,
        usages.business_date,
        usages.business_day_index,
        count(*) as desks_with_usage,
        -- decimals add up the same in any order
        cast(sum(cast(usages.limit_usage as decimal(28, 14))) as double) / count(*) as limit_usage
    from usages
    inner join desks on usages.desk_id = desks.desk_id
    inner join desk_firms
        on
            usages.desk_id = desk_firms.desk_id
            and usages.business_date between desk_firms.first_day and desk_firms.last_day
    where usages.limit_usage is not null
    group by desk_firms.firm_rssd, usages.business_date, usages.business_day_index

)

select * from final
