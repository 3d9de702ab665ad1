-- Ten-year constant-maturity Treasury yield (H.15), one row per day; blank on days without one. Accepted
-- rows of market.treasury_yields.
select
    observation_date,
    ten_year_yield_pct,
    raw_file,
from {{ ref('base_market__treasury_yields') }}
where reject_reason is null
