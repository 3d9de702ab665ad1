{{ config(materialized='by_cell', cell=['control_date', 'raw_file'], touched={'of': 'report days'}) }}

-- One row per file of TRACE, control date, day of report and of execution, party and filter: staged reports and what they add up
-- to, as if no message undid any (int_reports_undone has those that one does). What is told of all reports is told from here, so
-- that none but those of new files are read for it.
with

reports as (

    select * from {{ ref('stg_trace__reports') }}
    where {{ is_touched(['control_date', 'raw_file'], of='report days') }}

),

bills as (

    select distinct cusip from {{ ref('int_bill_maturities') }}

),

priced as (

    select
        reports.raw_file,
        reports.control_date,
        cast(reports.reported_at as date) as report_date,
        reports.executed_on as trade_date,
        reports.reporting_mpid,
        coalesce(reports.reporting_give_up_mpid, reports.reporting_mpid) as dealer_mpid,
        coalesce(reports.trade_status in ('T', 'R') and reports.contra_mpid = 'C', false) as is_with_customer,
        {{ set_apart_as(trade_filters(of_undone=false)) }} as set_apart_as,
        coalesce(reports.as_of_code, '') = 'A' as is_as_of,
        reports.executed_at,
        reports.par_usd,
        reports.entered_price,
        case
            when reports.price_type = 'D' and bills.cusip is null and reports.entered_price > 0
                then reports.entered_price
        end as note_price
    from reports
    left join bills on reports.cusip = bills.cusip

),

final as (

    select
        raw_file,
        control_date,
        report_date,
        trade_date,
        reporting_mpid,
        dealer_mpid,
        is_with_customer,
        set_apart_as,
        count(*) as reports,
        count(*) filter (where is_as_of) as as_of_reports,
        count(executed_at) as timed_reports,
        count(*) filter (
            where
            extract(hour from executed_at) < {{ var('trading_hours')[0] }}
            or extract(hour from executed_at) >= {{ var('trading_hours')[1] }}
        ) as reports_outside_hours,
        sum(par_usd) as par_usd,
        count(nullif(par_usd, 0)) as nonzero_pars,
        max(abs(par_usd)) as largest_par,
        sum(abs(par_usd)) as absolute_par,
        count(nullif(entered_price, 0)) as nonzero_prices,
        max(abs(entered_price)) as largest_price,
        sum(abs(entered_price)) as absolute_price,
        {{ sum_of_logs('par_usd') }} as log10_par,
        count(nullif(note_price, 0)) as logged_note_prices,
        {{ sum_of_logs('note_price') }} as log10_note_price
    from priced
    group by
        raw_file, control_date, report_date, trade_date, reporting_mpid, dealer_mpid, is_with_customer, set_apart_as

)

select * from final
