-- Ten-year off-the-run less on-the-run yield, basis points, one row per day. Accepted rows of
-- market.on_the_run_premium.
select
    observation_date,
    on_the_run_premium_bp,
    raw_file,
from {{ ref('base_market__on_the_run_premiums') }}
where reject_reason is null
