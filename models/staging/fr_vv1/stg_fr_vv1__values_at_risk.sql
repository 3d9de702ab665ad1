-- Value-at-Risk, one row per day and desk. Accepted rows of fr_vv1.value_at_risk.
select
    business_date,
    desk_id,
    var_usd,
    raw_file,
from {{ ref('base_fr_vv1__values_at_risk') }}
where reject_reason is null
