-- Internal Limits Information Schedule, one row per limit. Accepted rows of fr_vv1.limits.
select
    firm_rssd,
    limit_id,
    limit_name,
    limit_description,
    unit_of_measurement,
    limit_category,
    limit_source,
    raw_file,
from {{ ref('base_fr_vv1__limits') }}
where reject_reason is null
