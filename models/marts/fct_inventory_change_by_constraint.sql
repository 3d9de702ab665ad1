-- One row per group of prime desks and business day of the event window: change in the net securities position since its
-- first day, averaged over the desks of the group that report both days (Figure 3), added up over them, of long less short, and
-- over the desks that report every day. Constrained desks are those with a limit usage above the median of
-- {{ var('grouping_date') }}.
{% set changes = {
    'net': 'desk_days.net_securities_position_usd_mn - first_days.net_securities_position_usd_mn',
    'signed': 'desk_days.signed_securities_position_usd_mn - first_days.signed_securities_position_usd_mn',
} -%}
with

desk_days as (

    select
        *,
        long_securities_position_usd_mn - short_securities_position_usd_mn as signed_securities_position_usd_mn
    from {{ ref('fct_desk_day') }}
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

days_of_figure as (

    select * from desk_days
    where
        business_date between cast('{{ var("event_start") }}' as date) and cast('{{ var("figure_3_end") }}' as date)
        and net_securities_position_usd_mn is not null

),

first_days as (

    select * from days_of_figure
    where business_date = cast('{{ var("event_start") }}' as date)

),

days as (

    select count(distinct business_date) as days from days_of_figure

),

desks_of_every_day as (

    select desk_id
    from days_of_figure
    group by desk_id
    having count(*) = (select days.days from days)

),

final as (

    select
        desk_groups.constraint_group,
        desk_days.business_date,
        cast(count(*) as integer) as desks,
        cast(sum(cast({{ changes.net }} as decimal(28, 8))) as double) / count(*) / 1000 as average_change_usd_bn,
        cast(sum(cast({{ changes.net }} as decimal(28, 8))) as double) / 1000 as total_change_usd_bn,
        cast(sum(cast({{ changes.signed }} as decimal(28, 8))) as double) / 1000 as total_signed_change_usd_bn,
        cast(count(desks_of_every_day.desk_id) as integer) as balanced_desks,
        cast(
            sum(
                case when desks_of_every_day.desk_id is not null then cast({{ changes.net }} as decimal(28, 8)) end
            ) as double
        ) / nullif(count(desks_of_every_day.desk_id), 0) / 1000 as average_balanced_change_usd_bn
    from days_of_figure as desk_days
    inner join desk_groups on desk_days.desk_id = desk_groups.desk_id
    inner join first_days on desk_days.desk_id = first_days.desk_id
    left join desks_of_every_day on desk_days.desk_id = desks_of_every_day.desk_id
    group by desk_groups.constraint_group, desk_days.business_date

)

select * from final
order by constraint_group, business_date
