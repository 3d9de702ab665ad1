{{ config(materialized='by_cell', cell=['report_executed_on', 'report_cusip']) }}

-- One row per report that a later message undoes. A report and its corrected version may have one number: of their cells that
-- of the first is named, which is touched where one of them is.
{% set cell = "concat(cast(report_executed_on as string), '/', report_cusip)" -%}
select
    control_date,
    control_number,
    min(undone_as) as undone_as,
    min(found_by) as found_by,
    min_by(report_executed_on, {{ cell }}) as report_executed_on,
    min_by(report_cusip, {{ cell }}) as report_cusip
from {{ ref('int_trade_messages_resolved') }}
where
    control_number is not null
    and {{ is_touched(['report_executed_on', 'report_cusip']) }}
group by control_date, control_number
