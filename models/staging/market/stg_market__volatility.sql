-- MOVE index of implied interest-rate volatility, index points, one row per day. Accepted rows of
-- market.move.
select
    observation_date,
    move,
    raw_file,
from {{ ref('base_market__volatility') }}
where reject_reason is null
