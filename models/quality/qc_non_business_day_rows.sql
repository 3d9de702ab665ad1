-- One row per daily desk table and day on which the bond market is closed: the rows that the desk path leaves out.
{% set daily = ['values_at_risk', 'limit_usages', 'positions', 'profits', 'inventory_ages', 'transactions'] -%}
with

staged as (

    {% for entity in daily -%}
    select
        'stg_fr_vv1__{{ entity }}' as staged_model,
        business_date
    from {{ ref('stg_fr_vv1__' ~ entity) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

business_days as (

    select * from {{ ref('int_business_days') }}

),

final as (

    select
        staged.staged_model,
        staged.business_date,
        count(*) as rows_left_out
    from staged
    left join business_days on staged.business_date = business_days.business_date
    where business_days.business_date is null
    group by staged.staged_model, staged.business_date

)

select * from final
