-- One row per firm and business day: limit usage averaged over its prime Treasury desks (section 6.1).
with

usages as (

    select * from {{ ref('int_desk_limit_usages') }}

),

desks as (

    select * from {{ ref('int_desks_classified') }}
    where is_prime_treasury_desk

),

final as (

    select
        desks.firm_rssd,
        usages.business_date,
        usages.business_day_index,
        count(*) as desks_with_usage,
        -- decimals add up the same in any order
        cast(sum(cast(usages.limit_usage as decimal(28, 14))) as double) / count(*) as limit_usage,
    from usages
    inner join desks on usages.desk_id = desks.desk_id
    where usages.limit_usage is not null
    group by desks.firm_rssd, usages.business_date, usages.business_day_index

)

select * from final
