-- Completeness by firm and desk: days on which it reports in other daily tables but, after its first day there, not in this
-- one, in a row; days on which it reports in none, in a row; days from its last report to the last of all.
with

desk_days as (

    select * from {{ ref('int_desk_days_reported') }}

),

days as (

    {% for kind, reporter in [('firm', 'firm_rssd'), ('desk', 'desk_id')] -%}
    select
        '{{ kind }}' as kind,
        cast({{ reporter }} as string) as reporter,
        business_date,
        business_day_index,
        {% for table, model, is_retired in daily_desk_tables() -%}
        max({{ rows_of(table) }}) > 0 as has_{{ loop.index }},
        {% endfor -%}
        row_number() over (partition by {{ reporter }} order by business_day_index) as day_number
    from desk_days
    where {{ reporter }} is not null
    group by {{ reporter }}, business_date, business_day_index
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

in_tables as (

    {% for table, model, is_retired in daily_desk_tables() -%}
    select
        '{{ table }}' as source_table,
        kind,
        reporter,
        {{ due_until(is_retired) }} as last_date,
        min(business_date) as first_date,
        count(*) as days_in_table
    from days
    where has_{{ loop.index }}
    group by kind, reporter
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

missing as (

    {% for table, model, is_retired in daily_desk_tables() -%}
    select
        in_tables.source_table,
        in_tables.kind,
        in_tables.reporter,
        in_tables.days_in_table,
        days.day_number - row_number() over (
            partition by in_tables.kind, in_tables.reporter
            order by days.day_number
        ) as run_number
    from days
    inner join in_tables
        on
            days.kind = in_tables.kind
            and days.reporter = in_tables.reporter
            and days.business_date > in_tables.first_date
            and days.business_date <= in_tables.last_date
    where
        not days.has_{{ loop.index }}
        and in_tables.source_table = '{{ table }}'
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

runs as (

    select
        kind,
        reporter,
        source_table,
        max(days_in_table) as counted,
        count(*) as days_in_a_row
    from missing
    group by kind, reporter, source_table, run_number

),

steps as (

    select
        kind,
        reporter,
        business_day_index - lag(business_day_index) over (
            partition by kind, reporter
            order by business_day_index
        ) - 1 as days_away
    from days

),

schedules as (

    {% for kind, reporter in [('firm', 'firm_rssd'), ('desk', 'desk_id')] -%}
    select
        '{{ kind }}' as kind,
        cast({{ reporter }} as string) as reporter,
        max(coalesce(valid_to, cast('9999-12-31' as date))) as open_until
    from {{ ref('stg_fr_vv1__desks') }}
    group by {{ reporter }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

last_days as (

    select
        kind,
        reporter,
        count(*) as counted,
        max(business_day_index) as last_day
    from days
    group by kind, reporter

),

end_of_all as (

    select
        max(business_day_index) as last_day,
        max(business_date) as last_date
    from desk_days

),

final as (

    select
        concat(kind, '_leaves_table') as gate,
        source_table as subject,
        reporter as part,
        max(counted) as counted,
        max(days_in_a_row) as measured
    from runs
    group by kind, reporter, source_table
    union all
    select
        concat(kind, '_away') as gate,
        'fr_vv1' as subject,
        reporter as part,
        count(*) as counted,
        coalesce(max(days_away), 0) as measured
    from steps
    group by kind, reporter
    union all
    -- one whose schedules end is closed
    select
        concat(last_days.kind, '_stops') as gate,
        'fr_vv1' as subject,
        last_days.reporter as part,
        last_days.counted,
        end_of_all.last_day - last_days.last_day as measured
    from last_days
    cross join end_of_all
    inner join schedules
        on
            last_days.kind = schedules.kind
            and last_days.reporter = schedules.reporter
    where schedules.open_until >= end_of_all.last_date

)

select * from final
