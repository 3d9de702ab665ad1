{{ config(materialized='view', cell=['trade_date', 'cusip']) }}

-- One row per staged TRACE report, with the first filter that sets it apart (null: a dealer's trade with a
-- customer, as principal).
with

reports as (

    select * from {{ ref('stg_trace__reports') }}

),

undone as (

    select * from {{ ref('int_trades_undone') }}

),

final as (

    select
        reports.control_date,
        reports.control_number,
        reports.trade_status,
        reports.cusip,
        reports.executed_on as trade_date,
        reports.executed_at,
        cast(reports.reported_at as date) as report_date,
        reports.report_side,
        reports.par_usd,
        reports.entered_price,
        reports.price_type,
        -- the firm that gave the trade up is its dealer, whoever reports it
        coalesce(reports.reporting_give_up_mpid, reports.reporting_mpid) as dealer_mpid,
        reports.as_of_code,
        {{ set_apart_as(trade_filters()) }} as set_apart_as
    from reports
    left join undone
        on
            reports.control_date = undone.control_date
            and reports.control_number = undone.control_number

)

select * from final
