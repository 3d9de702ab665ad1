-- One row per desk and stretch of days: the firm that the desk is with. Every day falls into one stretch of a desk.
-- On a day that several information schedules describe, the one that began last decides; on a day that none does, the
-- one that ended last before it, or else the first.
with

schedules as (

    select
        desk_id,
        firm_rssd,
        firm_name,
        valid_from,
        valid_to
    from {{ ref('stg_fr_vv1__desks') }}

),

first_days as (

    -- before all data
    select
        desk_id,
        cast('1900-01-01' as date) as first_day
    from schedules
    union distinct
    select
        desk_id,
        valid_from as first_day
    from schedules
    union distinct
    select
        desk_id,
        cast(valid_to + interval '1' day as date) as first_day
    from schedules
    where valid_to < cast('9999-12-31' as date)

),

stretches as (

    select
        desk_id,
        first_day,
        lead(first_day) over (partition by desk_id order by first_day) as next_first_day
    from first_days

),

placed as (

    select
        stretches.desk_id,
        stretches.first_day,
        stretches.next_first_day,
        schedules.firm_rssd,
        schedules.firm_name,
        schedules.valid_from,
        schedules.valid_to,
        case
            when schedules.valid_from > stretches.first_day then 'later'
            when schedules.valid_to < stretches.first_day then 'ended'
            else 'holds'
        end as place
    from stretches
    inner join schedules on stretches.desk_id = schedules.desk_id

),

final as (

    select
        desk_id,
        first_day,
        coalesce(
            cast(next_first_day - interval '1' day as date), cast('9999-12-31' as date)
        ) as last_day,
        firm_rssd,
        firm_name
    from placed
    -- a desk has one schedule of each valid_from
    qualify
        row_number() over (
            partition by desk_id, first_day
            order by
                case place when 'holds' then 1 when 'ended' then 2 else 3 end asc,
                case when place = 'ended' then valid_to end desc nulls last,
                case when place <> 'later' then valid_from end desc nulls last,
                valid_from asc
        ) = 1

)

select * from final
