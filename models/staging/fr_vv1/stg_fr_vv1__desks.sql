-- Trading Desk Information Schedule: identity and claimed exclusions, one row per desk and period of
-- validity. Accepted rows of fr_vv1.desks.
select
    firm_rssd,
    firm_name,
    desk_id,
    desk_name,
    desk_description,
    claimed_exclusions,
    valid_from,
    valid_to,
    raw_file,
from {{ ref('base_fr_vv1__desks') }}
where reject_reason is null
