-- Top-tier firms and the leverage requirement that they face, one row per firm. Accepted rows of
-- reference.firms.
select
    firm_rssd,
    firm_name,
    eslr_flag,
    raw_file,
from {{ ref('base_reference__firms') }}
where reject_reason is null
