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
    and {{ is_touched(['trade_date', 'cusip']) }}
