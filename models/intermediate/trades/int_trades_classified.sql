{{ config(materialized='view') }}

-- One row per staged TRACE report, with the first filter that sets it apart (null: a dealer's trade with a
-- customer, as principal). Filters in order: messages and what they undo, when-issued and yield-priced prints,
-- trades among dealers and with affiliates, agency.
with

reports as (

    select * from {{ ref('stg_trace__reports') }}

),

undone as (

    select * from {{ ref('int_trades_undone') }}

),

final as (

    select
        reports.control_number as trade_id,
        reports.cusip,
        cast(reports.executed_at as date) as trade_date,
        reports.executed_at,
        cast(reports.reported_at as date) as report_date,
        reports.report_side,
        reports.par_usd,
        reports.entered_price,
        reports.price_type,
        -- the firm that gave the trade up is its dealer, whoever reports it
        coalesce(reports.reporting_give_up_mpid, reports.reporting_mpid) as dealer_mpid,
        reports.as_of_code,
        case
            when reports.trade_status = 'X' then 'cancel message'
            when reports.trade_status = 'C' then 'correction message'
            when reports.trade_status = 'Y' or reports.as_of_code = 'R' then 'reversal message'
            when undone.control_number is not null then undone.undone_as
            when reports.when_issued_flag = 'Y' then 'when-issued'
            when reports.price_type <> 'D' then 'yield-priced'
            when reports.report_side = 'X' then 'cross'
            when coalesce(reports.contra_give_up_mpid, reports.contra_mpid) = 'A' then 'affiliate'
            -- both dealers report a trade between them
            when coalesce(reports.contra_give_up_mpid, reports.contra_mpid, '') <> 'C' and reports.report_side = 'B'
                then 'interdealer double'
            when coalesce(reports.contra_give_up_mpid, reports.contra_mpid, '') <> 'C' then 'interdealer'
            when coalesce(reports.reporting_capacity, 'P') <> 'P' then 'agency'
        end as set_apart_as,
    from reports
    left join undone on reports.control_number = undone.control_number

)

select * from final
