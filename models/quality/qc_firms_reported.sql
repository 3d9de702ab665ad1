-- One row per firm with rows in daily desk tables, which the next build is compared with.
with

desk_days as (

    select * from {{ ref('int_desk_days_reported') }}
    where firm_rssd is not null

),

final as (

    select
        firm_rssd,
        count(distinct desk_id) as desks,
        min(business_date) as first_day,
        max(business_date) as last_day
    from desk_days
    group by firm_rssd

)

select * from final
order by firm_rssd
