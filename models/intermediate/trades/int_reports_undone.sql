{{ config(materialized='by_cell', cell=['trade_date', 'cusip']) }}

-- One row per staged report that a later message undoes, with the filter that would set it apart otherwise (null: it would
-- stand as a dealer's trade with a customer, as principal).
with

reports as (

    select * from {{ ref('stg_trace__reports') }}
    where
        trade_status in ('T', 'R')
        and coalesce(as_of_code, 'A') <> 'R'
        and {{ is_touched(['executed_on', 'cusip']) }}

),

undone as (

    select * from {{ ref('int_trades_undone') }}
    where {{ is_touched(['report_executed_on', 'report_cusip']) }}

),

final as (

    select
        reports.control_date,
        reports.control_number,
        reports.trade_status,
        reports.cusip,
        reports.executed_on as trade_date,
        cast(reports.reported_at as date) as report_date,
        reports.par_usd,
        reports.as_of_code,
        undone.undone_as,
        {{ set_apart_as(trade_filters(of_undone=false)) }} as otherwise_set_apart_as
    from reports
    inner join undone
        on
            reports.control_date = undone.control_date
            and reports.control_number = undone.control_number

)

select * from final
