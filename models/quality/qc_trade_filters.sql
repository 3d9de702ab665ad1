-- One row per report date and filter: TRACE reports that the filter sets apart. With those left as customer trades and
-- with the rejected ones they add up to the reports in the files.
with

classified as (

    select * from {{ ref('int_trades_classified') }}

),

final as (

    select
        report_date,
        coalesce(set_apart_as, 'customer trade') as set_apart_as,
        count(*) as reports,
        count(*) filter (where as_of_code = 'A') as as_of_reports,
        sum(par_usd) as par_usd
    from classified
    group by report_date, set_apart_as

)

select * from final
