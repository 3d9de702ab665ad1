-- One row per report date and filter: TRACE reports that the filter sets apart. With those left as customer trades and
-- with the rejected ones they add up to the reports in the files.
with

as_if_not_undone as (

    select * from {{ ref('int_trade_file_totals') }}

),

undone as (

    select * from {{ ref('int_reports_undone') }}

),

parts as (

    select
        report_date,
        coalesce(set_apart_as, 'customer trade') as set_apart_as,
        reports,
        as_of_reports,
        par_usd
    from as_if_not_undone
    {% for set_apart_as, sign in [["coalesce(otherwise_set_apart_as, 'customer trade')", -1], ['undone_as', 1]] -%}
    union all
    select
        report_date,
        {{ set_apart_as }} as set_apart_as,
        {{ sign }} as reports,
        case when as_of_code = 'A' then {{ sign }} else 0 end as as_of_reports,
        {{ sign }} * par_usd as par_usd
    from undone
    {% endfor %}
),

final as (

    select
        report_date,
        set_apart_as,
        cast(sum(reports) as bigint) as reports,
        cast(sum(as_of_reports) as bigint) as as_of_reports,
        sum(par_usd) as par_usd
    from parts
    group by report_date, set_apart_as
    having sum(reports) > 0

)

select * from final
