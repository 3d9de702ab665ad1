-- One row per table with days and business day with rows of it, which the next build is compared with.
with

desk_tables as (

    {% for table, model, is_retired in daily_desk_tables() -%}
    select
        '{{ table }}' as source_table,
        business_date,
        sum({{ rows_of(table) }}) as row_count
    from {{ ref('int_desk_days_reported') }}
    where {{ rows_of(table) }} > 0
    group by business_date
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

staged as (

    {% for table, model, column in daily_market_series() -%}
    select
        '{{ table }}' as source_table,
        observation_date as business_date,
        count({{ column }}) as row_count
    from {{ ref(model) }}
    group by observation_date
    union all
    {% endfor -%}
    select
        'trace.reports' as source_table,
        -- as-of reports speak of days that have no file
        report_date as business_date,
        sum(reports) as row_count
    from {{ ref('int_trade_file_totals') }}
    where report_date is not null
    group by report_date
    union all
    select
        'soma.operations' as source_table,
        operation_date as business_date,
        count(*) as row_count
    from {{ ref('stg_soma__operations') }}
    group by operation_date

),

business_days as (

    select * from {{ ref('int_business_days') }}

),

final as (

    select
        source_table,
        business_date,
        cast(row_count as bigint) as row_count
    from desk_tables
    union all
    select
        staged.source_table,
        staged.business_date,
        staged.row_count
    from staged
    inner join business_days on staged.business_date = business_days.business_date
    where staged.row_count > 0

)

select * from final
order by source_table, business_date
