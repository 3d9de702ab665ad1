-- Completeness against the calendar, by day: one row per gate, table and, where it is a day's, day.
-- Days are business days, and what a table lacks before its first day is none that is missing: collections start late.
with

rows_by_day as (

    select * from {{ ref('qc_rows_by_day') }}

),

business_days as (

    select * from {{ ref('int_business_days') }}

),

indexed as (

    select
        rows_by_day.source_table,
        rows_by_day.business_date,
        rows_by_day.row_count,
        business_days.business_day_index,
        business_days.business_day_index - lag(business_days.business_day_index) over (
            partition by rows_by_day.source_table
            order by rows_by_day.business_date
        ) - 1 as days_without_rows,
        avg(rows_by_day.row_count) over (
            partition by rows_by_day.source_table
            order by rows_by_day.business_date
            rows between 10 preceding and 10 following
        ) as usual_rows
    from rows_by_day
    inner join business_days on rows_by_day.business_date = business_days.business_date

),

runs as (

    select
        {{ gate_on_missing_days('source_table') }} as gate,
        source_table as subject,
        cast(null as string) as part,
        -- a table that is there on few of its days is no daily one
        case
            when count(*) * 2 > max(business_day_index) - min(business_day_index) then count(*)
            else 0
        end as counted,
        coalesce(max(days_without_rows), 0) as measured
    from indexed
    group by source_table

),

desk_days as (

    select * from {{ ref('int_desk_days_reported') }}

),

desks_by_day as (

    select
        business_date,
        {% for table, model, is_retired in daily_desk_tables() -%}
        count(*) filter (where {{ rows_of(table) }} > 0) as {{ rows_of(table) }},
        {% endfor -%}
        count(*) as all_desks
    from desk_days
    group by business_date

),

-- a table is due from its first day on, and one whose schedule the revised rule retired until then
due as (

    {% for table, model, is_retired in daily_desk_tables() -%}
    select
        '{{ table }}' as source_table,
        min(business_date) as first_date,
        {{ due_until(is_retired) }} as last_date
    from desks_by_day
    where {{ rows_of(table) }} > 0
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

coverage as (

    {% for table, model, is_retired in daily_desk_tables() -%}
    select
        due.source_table,
        desks_by_day.business_date,
        desks_by_day.all_desks,
        cast(desks_by_day.{{ rows_of(table) }} as double) / desks_by_day.all_desks as covered
    from due
    inner join desks_by_day
        on
            due.first_date <= desks_by_day.business_date
            and due.last_date >= desks_by_day.business_date
    where due.source_table = '{{ table }}'
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

usual_coverage as (

    select
        source_table,
        percentile_cont(0.5) within group (order by covered) as usually_covered
    from coverage
    group by source_table

),

last_desk_day as (

    select max(business_day_index) as business_day_index
    from business_days
    where
        business_date <= (select max(desk_days.business_date) from desk_days)
        and business_date <= cast('{{ var("sample_end") }}' as date)

),

desk_calendar as (

    select count(*) as desk_days from desks_by_day

),

operation_days as (

    select distinct operation_date
    from {{ ref('int_soma_awards') }}
    where operation_date between cast('{{ var("event_start") }}' as date) and cast('{{ var("event_end") }}' as date)

),

trade_days as (

    select * from rows_by_day
    where source_table = 'trace.reports'

),

quarters as (

    select distinct
        quarter_end,
        extract(year from quarter_end) * 4 + extract(quarter from quarter_end) as quarter_number
    from {{ ref('stg_fr_y9c__leverage_ratios') }}

),

final as (

    select * from runs
    union all
    select
        case when source_table = 'trace.reports' then 'reports_of_day' else 'rows_of_day' end as gate,
        source_table as subject,
        cast(business_date as string) as part,
        cast(floor(usual_rows) as bigint) as counted,
        round(row_count / usual_rows, 4) as measured
    from indexed
    where
        source_table = 'trace.reports'
        or source_table like 'fr_vv1.%'
    union all
    select
        'desks_of_day' as gate,
        coverage.source_table as subject,
        cast(coverage.business_date as string) as part,
        cast(floor(coverage.all_desks * usual_coverage.usually_covered) as bigint) as counted,
        round(coverage.covered / usual_coverage.usually_covered, 4) as measured
    from coverage
    inner join usual_coverage on coverage.source_table = usual_coverage.source_table
    where usual_coverage.usually_covered > 0
    union all
    select
        'table_ends_early' as gate,
        indexed.source_table as subject,
        cast(null as string) as part,
        max(desk_calendar.desk_days) as counted,
        greatest(
            least(max(last_desk_day.business_day_index), max(coalesce(due_until.business_day_index, 999999)))
            - max(indexed.business_day_index),
            0
        ) as measured
    from indexed
    cross join last_desk_day
    cross join desk_calendar
    left join due on indexed.source_table = due.source_table
    left join business_days as due_until on due.last_date = due_until.business_date
    where
        indexed.source_table like 'fr_vv1.%'
        or indexed.source_table like 'market.%'
    group by indexed.source_table
    union all
    select
        'quarters_missing' as gate,
        'fr_y9c.bulk' as subject,
        cast(null as string) as part,
        count(*) as counted,
        max(quarter_number) - min(quarter_number) + 1 - count(*) as measured
    from quarters
    union all
    select
        'operation_days_without_trades' as gate,
        'trace.reports' as subject,
        cast(null as string) as part,
        count(*) as counted,
        round(1.0 - cast(count(trade_days.business_date) as double) / nullif(count(*), 0), 4) as measured
    from operation_days
    left join trade_days on operation_days.operation_date = trade_days.business_date

)

select * from final
