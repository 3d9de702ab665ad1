-- Transaction Volumes: value and number, one row per day, desk and kind of counterparty. Accepted rows
-- of fr_vv1.transactions.
select
    business_date,
    desk_id,
    counterparty_kind,
    transaction_value_usd,
    transaction_count,
    raw_file,
from {{ ref('base_fr_vv1__transactions') }}
where reject_reason is null
