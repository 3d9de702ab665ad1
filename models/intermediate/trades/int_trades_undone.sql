-- One row per report that a later message undoes.
select
    control_date,
    control_number,
    min(undone_as) as undone_as,
    min(found_by) as found_by
from {{ ref('int_trade_messages_resolved') }}
where control_number is not null
group by control_date, control_number
