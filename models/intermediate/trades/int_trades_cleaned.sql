{{ config(materialized='view', cell=['trade_date', 'cusip']) }}

-- One row per standing trade of a dealer, as principal, with a customer. Bills are quoted at a discount: their price
-- is computed from the rate, $ per $100 of par, where it is not entered as one.
-- A view: writing half of all reports again takes longer than cleaning them, and each reader takes few of them.
with

reports as (

    select * from {{ ref('stg_trace__reports') }}

),

undone as (

    select * from {{ ref('int_trades_undone') }}

),

-- Those that int_trades_classified sets apart as nothing, by conditions that each take rows away before the join.
trades as (

    select
        reports.control_date,
        reports.control_number,
        reports.cusip,
        reports.executed_on as trade_date,
        {{ settlement_of_report() }} as settlement_date,
        reports.executed_at,
        coalesce(reports.reporting_give_up_mpid, reports.reporting_mpid) as dealer_mpid,
        reports.report_side,
        reports.par_usd,
        reports.entered_price
    from reports
    left join undone
        on
            reports.control_date = undone.control_date
            and reports.control_number = undone.control_number
    where
        true
        {% for condition, name in trade_filters() -%}
        and not coalesce({{ condition }}, false)
        {% endfor %}
),

bills as (

    select * from {{ ref('int_bill_maturities') }}

),

final as (

    select
        trades.control_date,
        trades.control_number,
        trades.cusip,
        trades.trade_date,
        trades.executed_at,
        trades.dealer_mpid,
        trades.report_side,
        trades.par_usd,
        case
            when bills.cusip is null then trades.entered_price
            else {{ bill_price('trades.entered_price', 'trades.settlement_date', 'bills.maturity_date') }}
        end as price
    from trades
    left join bills on trades.cusip = bills.cusip

)

select * from final
