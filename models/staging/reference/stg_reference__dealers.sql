-- Market participant identifiers and primary dealer status, one row per MPID and period. Accepted rows
-- of reference.dealers.
select
    dealer_mpid,
    firm_rssd,
    dealer_name,
    primary_from,
    primary_to,
    raw_file,
from {{ ref('base_reference__dealers') }}
where reject_reason is null
