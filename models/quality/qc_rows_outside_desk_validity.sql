-- One row per daily desk table and desk with rows on days for which the desk has no information schedule.
-- Suspicious, not provably wrong: the desk path keeps them, except of desks that no schedule describes at all.
{% set daily = ['values_at_risk', 'limit_usages', 'positions', 'profits', 'inventory_ages', 'transactions'] -%}
with

desks as (

    select * from {{ ref('stg_fr_vv1__desks') }}

),

desk_days as (

    {% for entity in daily -%}
    select
        'stg_fr_vv1__{{ entity }}' as staged_model,
        desk_id,
        business_date,
        count(*) as row_count
    from {{ ref('stg_fr_vv1__' ~ entity) }}
    group by desk_id, business_date
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (

    select
        desk_days.staged_model,
        desk_days.desk_id,
        min(desk_days.business_date) as first_business_date,
        max(desk_days.business_date) as last_business_date,
        sum(desk_days.row_count) as rows_outside
    from desk_days
    left join desks
        on
            desk_days.desk_id = desks.desk_id
            and desk_days.business_date >= desks.valid_from
            and desk_days.business_date <= coalesce(desks.valid_to, desk_days.business_date)
    where desks.desk_id is null
    group by desk_days.staged_model, desk_days.desk_id

)

select * from final
