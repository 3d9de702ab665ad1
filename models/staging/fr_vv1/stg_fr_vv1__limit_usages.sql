-- Internal Limits and Usage: size and value of usage, one row per day, desk and limit. Accepted rows of
-- fr_vv1.limit_usage.
select
    business_date,
    desk_id,
    limit_id,
    limit_size,
    usage_value,
    raw_file,
from {{ ref('base_fr_vv1__limit_usages') }}
where reject_reason is null
