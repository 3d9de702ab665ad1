-- Inventory Aging: value by side, instrument and age, one row per day, desk, side, instrument and
-- bucket. Accepted rows of fr_vv1.inventory_aging.
select
    business_date,
    desk_id,
    side,
    instrument,
    aging_bucket,
    value_usd,
    raw_file,
from {{ ref('base_fr_vv1__inventory_ages') }}
where reject_reason is null
