-- One row per CUSIP and day of execution of which a load resolves the messages again: those of rows that came or went, those of
-- messages that may link to such rows, and those of reports that these messages undid before or may undo now. Empty of a full
-- build, which resolves all.
{% set base = ref('base_trace__reports') -%}
with

{% if execute and is_load() -%}
{% set resolved_before = base.incorporate(path={'schema': this.schema, 'identifier': 'int_trade_messages_resolved'}) -%}
changed_rows as (

    select distinct
        control_date,
        control_number,
        executed_on,
        cusip
    from {{ changed_rows('trace.reports') }}

),

messages as {{ not_materialized() }} (

    select * from {{ ref('int_trade_messages') }}

),

links as {{ not_materialized() }} (

    {{ links_of_messages('messages') }}

),

relinked as {{ materialized() }} (

    select
        executed_on,
        cusip
    from changed_rows
    union distinct
    select
        links.executed_on,
        links.cusip
    from links
    inner join changed_rows
        on
            links.link_date = changed_rows.control_date
            and links.link_number = changed_rows.control_number
    union distinct
    select
        links.executed_on,
        links.cusip
    from links
    inner join changed_rows
        on
            links.link_number = changed_rows.control_number
            and links.cusip is not distinct from changed_rows.cusip
    -- a number without a date is of a report of the message's CUSIP and, where the message says when, of its day: in its cell
    where
        links.link_date is null
        and links.executed_at is null

),

relinking as {{ materialized() }} (

    select links.*
    from links
    inner join relinked
        on
            links.executed_on is not distinct from relinked.executed_on
            and links.cusip is not distinct from relinked.cusip

),

final as (

    select
        executed_on,
        cusip
    from relinked
    union distinct
    select
        resolved_before.report_executed_on as executed_on,
        resolved_before.report_cusip as cusip
    from {{ resolved_before }} as resolved_before
    inner join relinked
        on
            resolved_before.executed_on is not distinct from relinked.executed_on
            and resolved_before.cusip is not distinct from relinked.cusip
    where resolved_before.control_number is not null
    union distinct
    select
        reports.executed_on,
        reports.cusip
    from {{ base }} as reports
    inner join relinking
        on
            reports.control_date = relinking.link_date
            and reports.control_number = relinking.link_number
    union distinct
    select
        reports.executed_on,
        reports.cusip
    from {{ base }} as reports
    inner join relinking
        on
            reports.control_number = relinking.link_number
            and reports.cusip is not distinct from relinking.cusip
    where
        relinking.link_date is null
        and relinking.executed_at is null

)
{%- else -%}
final as (

    select
        executed_on,
        cusip
    from {{ ref('int_trade_messages') }}
    where false

)
{%- endif %}

select * from final
