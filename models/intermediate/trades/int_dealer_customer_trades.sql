{{ config(materialized='by_cell', cell=['trade_date', 'cusip']) }}

-- One row per day of the event window, CUSIP, dealer and side: its standing trades with customers.
select
    trade_date,
    cusip,
    dealer_mpid,
    report_side,
    sum(par_usd) as par_usd
from {{ ref('int_trades_cleaned') }}
where
    trade_date between cast('{{ var("event_start") }}' as date) and cast('{{ var("event_end") }}' as date)
    and {{ is_touched(['trade_date', 'cusip']) }}
group by trade_date, cusip, dealer_mpid, report_side
