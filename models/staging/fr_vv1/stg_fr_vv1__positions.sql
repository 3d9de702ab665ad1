-- Positions: long and short, securities and derivatives, one row per day and desk. Accepted rows of
-- fr_vv1.positions.
select
    business_date,
    desk_id,
    securities_long_usd,
    securities_short_usd,
    derivatives_long_usd,
    derivatives_short_usd,
    derivatives_basis,
    raw_file,
from {{ ref('base_fr_vv1__positions') }}
where reject_reason is null
