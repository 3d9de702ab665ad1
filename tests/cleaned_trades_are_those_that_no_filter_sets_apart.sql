-- Both models apply the same filters: one names the first that applies, the other wants that none does.
with

standing as (

    select trade_id from {{ ref('int_trades_classified') }}
    where set_apart_as is null

),

cleaned as (

    select trade_id from {{ ref('int_trades_cleaned') }}

)

select
    standing.trade_id as standing_trade_id,
    cleaned.trade_id as cleaned_trade_id,
from standing
full join cleaned on standing.trade_id = cleaned.trade_id
where
    standing.trade_id is null
    or cleaned.trade_id is null
