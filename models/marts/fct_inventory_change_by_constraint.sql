-- One row per group of prime desks and business day of the event window: change in the net securities position since its
-- first day, averaged over the desks of the group that report both days (Figure 3). Constrained desks are those with
-- a limit usage above the median of {{ var('grouping_date') }}.
with

desk_days as (

    select * from {{ ref('fct_desk_day') }}
    where is_prime_treasury_desk

),

ranked as (

    select
        desk_id,
        -- desk_id breaks ties, so that the groups have the same size where the number of desks is even
        row_number() over (order by limit_usage desc, desk_id asc) as usage_rank,
        count(*) over () as desks
    from desk_days
    where
        business_date = cast('{{ var("grouping_date") }}' as date)
        and limit_usage is not null

),

desk_groups as (

    select
        desk_id,
        case when usage_rank <= desks / 2 then 'constrained' else 'unconstrained' end as constraint_group
    from ranked

),

first_days as (

    select
        desk_id,
        net_securities_position_usd_mn as first_position_usd_mn
    from desk_days
    where
        business_date = cast('{{ var("event_start") }}' as date)
        and net_securities_position_usd_mn is not null

),

final as (

    select
        desk_groups.constraint_group,
        desk_days.business_date,
        cast(count(*) as integer) as desks,
        cast(
            sum(
                cast(desk_days.net_securities_position_usd_mn - first_days.first_position_usd_mn as decimal(28, 8))
            ) as double
        ) / count(*) / 1000 as average_change_usd_bn
    from desk_days
    inner join desk_groups on desk_days.desk_id = desk_groups.desk_id
    inner join first_days on desk_days.desk_id = first_days.desk_id
    where
        desk_days.business_date
        between cast('{{ var("event_start") }}' as date) and cast('{{ var("figure_3_end") }}' as date)
        and desk_days.net_securities_position_usd_mn is not null
    group by desk_groups.constraint_group, desk_days.business_date

)

select * from final
order by constraint_group, business_date
