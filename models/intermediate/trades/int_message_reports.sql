{{ config(materialized='by_cell', cell=['control_date', 'raw_file'], touched={'of': 'report days'}) }}

-- One row per row of a file that undoes a report: a cancel (X), either half of a correction (C and R), a reversal (Y, or an as-of
-- R). Rejected rows too: what a message names counts, whatever its own par or price holds. Apart, so that a load looks for messages
-- on what it touches among messages, and not among all reports.
{% set columns = [
    'raw_file', 'control_date', 'control_number', 'stated_control_date', 'previous_control_date', 'previous_control_number',
    'trade_status', 'as_of_code', 'reported_at', 'cusip', 'executed_on', 'executed_at', 'report_side', 'par_usd',
    'entered_price', 'reporting_mpid', 'contra_mpid',
] -%}
{# conditions of one column each, which the scan applies before it reads the others #}
{% for conditions in [["trade_status <> 'T'"], ["trade_status = 'T'", "as_of_code = 'R'"]] -%}
select
    {{ columns | join(',\n    ') }}
from {{ ref('base_trace__reports') }}
where
    {{ conditions | join('\n    and ') }}
    and {{ is_touched(['control_date', 'raw_file'], of='report days') }}
{{ 'union all' if not loop.last }}
{% endfor %}
