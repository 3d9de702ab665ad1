-- One row per desk and business day with rows of it in any daily table: how many in each.
with

reported as (

    {% for table, model, is_retired in daily_desk_tables() -%}
    select
        desk_id,
        {% for other, other_model, other_is_retired in daily_desk_tables() -%}
        {{ 1 if other == table else 0 }} as {{ rows_of(other) }},
        {% endfor -%}
        business_date
    from {{ ref(model) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

counted as (

    select
        desk_id,
        {% for table, model, is_retired in daily_desk_tables() -%}
        cast(sum({{ rows_of(table) }}) as integer) as {{ rows_of(table) }},
        {% endfor -%}
        business_date
    from reported
    group by desk_id, business_date

),

business_days as (

    select * from {{ ref('int_business_days') }}

),

firms as (

    select
        desk_id,
        min(firm_rssd) as firm_rssd
    from {{ ref('stg_fr_vv1__desks') }}
    group by desk_id

),

final as (

    select
        counted.*,
        firms.firm_rssd,
        business_days.business_day_index
    from counted
    inner join business_days on counted.business_date = business_days.business_date
    left join firms on counted.desk_id = firms.desk_id

)

select * from final
