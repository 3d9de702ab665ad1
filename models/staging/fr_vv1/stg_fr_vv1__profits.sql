-- Comprehensive Profit and Loss Attribution, one row per day and desk. Accepted rows of fr_vv1.pnl.
select
    business_date,
    desk_id,
    pnl_comprehensive_usd,
    pnl_existing_usd,
    pnl_new_usd,
    pnl_residual_usd,
    raw_file,
from {{ ref('base_fr_vv1__profits') }}
where reject_reason is null
