-- One row per operation, CUSIP and file that publishes it. Accepted rows of soma.operation_details.
select
    operation_id,
    operation_date,
    last_updated,
    inclusion_indicator,
    cusip,
    security_description,
    accepted_par_usd,
    average_price,
    least_favorable_price,
    allotted_at_least_favorable_pct,
    raw_file,
from {{ ref('base_soma__operation_details') }}
where reject_reason is null
