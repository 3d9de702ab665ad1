{{ config(materialized='by_cell', cell=['control_date', 'raw_file'], touched={'of': 'report days'}) }}

-- One row per staged report of a bill, a dealer's trade with a customer if no message undoes it, whose number is neither a
-- plausible price nor a plausible discount rate.
select
    reports.raw_file,
    reports.control_date,
    reports.control_number,
    reports.cusip,
    reports.executed_on as trade_date
from {{ ref('stg_trace__reports') }} as reports
inner join {{ ref('int_bill_maturities') }} as bills on reports.cusip = bills.cusip
where
    {{ is_touched(['reports.control_date', 'reports.raw_file'], of='report days') }}
    and {{ set_apart_as(trade_filters(of_undone=false)) }} is null
    and {{ bill_price('reports.entered_price', settlement_of_report(), 'bills.maturity_date') }} is null
