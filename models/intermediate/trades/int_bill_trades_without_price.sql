{{ config(materialized='by_cell', cell=['trade_date', 'cusip']) }}

-- One row per standing customer trade of a bill whose number is neither a plausible price nor a plausible discount rate.
select
    control_date,
    control_number,
    cusip,
    trade_date
from {{ ref('int_trades_cleaned') }}
where
    price is null
    -- which the engine knows of few trades, before it computes a price
    and cusip in (select bills.cusip from {{ ref('int_bill_maturities') }} as bills)
    and {{ is_touched(['trade_date', 'cusip']) }}
