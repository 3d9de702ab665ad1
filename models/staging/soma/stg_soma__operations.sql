-- One row per operation and file that publishes it. Accepted rows of soma.operations.
select
    operation_id,
    auction_status,
    operation_type,
    operation_date,
    settlement_date,
    maturity_range_start,
    maturity_range_end,
    operation_direction,
    auction_method,
    release_time,
    close_time,
    submitted_par_usd,
    accepted_par_usd,
    note,
    last_updated,
    raw_file,
from {{ ref('base_soma__operations') }}
where reject_reason is null
