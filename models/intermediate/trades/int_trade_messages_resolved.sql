{{ config(materialized='by_cell', cell=['executed_on', 'cusip']) }}

-- One row per message and report that it undoes; of a message that undoes none one row, with the reason.
-- A link is the control date and number that a message names or, of a cancel and the old half of a correction, carries
-- itself. A date decides. Without one, numbers may be those of any day: the report is of the CUSIP and day of the trade, and
-- of several the one that agrees in most other fields; a tie is ambiguous and undoes nothing. Without a link the attributes
-- of the trade decide: messages undo the reports that are like them in the order of both.
-- No message undoes what was entered after it.
{% set attributes = [
    'cusip', 'executed_on', 'executed_at', 'report_side', 'par_usd', 'entered_price', 'reporting_mpid', 'contra_mpid',
] -%}
{% set not_later = 'not coalesce(reports.reported_at > links.reported_at, false)' -%}
{# Of reports that a load does not touch what messages that it does not touch either have undone by a link. #}
{% set before = this if execute and is_load() -%}
{# The report of a number without a date is of the day of execution that its message says: where all say one, of touched days. #}
{% set untimed = 'select 1 from ' ~ ref('int_trade_messages') ~ ' where executed_at is null and '
    ~ is_touched(['executed_on', 'cusip']) ~ ' limit 1' -%}
{% set touched_days = is_one_of('reports.executed_on', 'executed_on', ref('int_trade_cells'))
    if before and not run_query(untimed).rows else 'true' -%}
{# What a row with a link's number is to the message. Said here and not as a filter on the rows, which would have the engine
   believe that they are few and keep them all in memory. -#}
{% set fitness %}
        case
            when reports.trade_status not in ('T', 'R') or reports.as_of_code = 'R' then 'no report'
            -- a corrected version does not replace itself
            when
                links.trade_status = 'R'
                and reports.control_date = links.control_date
                and reports.control_number = links.control_number
                then 'no report'
            when reports.reject_reason is not null then 'its report was rejected'
            when {{ not_later }} then 'fits'
            else 'its report was entered after it'
        end as fitness
{%- endset %}
{% set so_far %}
        so_far as (
            partition by {{ attributes | join(', ') }}
            order by reported_at asc nulls first, is_message asc, control_date asc, control_number asc, message_id asc
            rows between unbounded preceding and current row
        )
{%- endset -%}
with

messages as {{ not_materialized() }} (

    select * from {{ ref('int_trade_messages') }}
    where {{ is_touched(['executed_on', 'cusip']) }}

),

reports as {{ not_materialized() }} (

    select * from {{ ref('stg_trace__reports') }}
    where
        trade_status in ('T', 'R')
        and coalesce(as_of_code, 'A') <> 'R'
        and {{ is_touched(['executed_on', 'cusip']) }}

),

links as {{ not_materialized() }} (

    {{ links_of_messages('messages') }}

),

dated as {{ materialized() }} (

    select
        links.message_id,
        reports.control_date,
        reports.control_number,
        reports.executed_on,
        reports.cusip,
        {{- fitness }}
    from {{ ref('base_trace__reports') }} as reports
    inner join links
        on
            reports.control_date = links.link_date
            and reports.control_number = links.link_number
    where {{ found_once() }}

),

undated as {{ materialized() }} (

    select
        links.message_id,
        links.is_own,
        reports.control_date,
        reports.control_number,
        reports.executed_on,
        reports.cusip,
        {{- fitness }},
        {% set agreements = [] -%}
        {% for attribute in attributes -%}
        {% do agreements.append('case when reports.' ~ attribute ~ ' = links.' ~ attribute ~ ' then 1 else 0 end') -%}
        {% endfor -%}
        {{ agreements | join('\n        + ') }} as agreements
    from {{ ref('base_trace__reports') }} as reports
    inner join links
        on
            reports.control_number = links.link_number
            and reports.cusip is not distinct from links.cusip
    where
        {{ found_once() }}
        and {{ touched_days }}
        and links.link_date is null
        and (links.executed_at is null or reports.executed_on = links.executed_on)
        -- what carries its report's number repeats the report; a number of its own may be one that a report of another day has
        and (
            not links.is_own
            or (
                reports.report_side is not distinct from links.report_side
                and reports.reporting_mpid is not distinct from links.reporting_mpid
                and reports.contra_mpid is not distinct from links.contra_mpid
                and coalesce(reports.executed_at = links.executed_at, true)
            )
        )

),

undated_counted as (

    select
        message_id,
        is_own,
        agreements,
        count(*) as equally_good,
        -- where there is one, its own
        min(control_date) as control_date,
        min(control_number) as control_number,
        min(executed_on) as executed_on,
        min(cusip) as cusip
    from undated
    where fitness = 'fits'
    group by message_id, is_own, agreements

),

undated_best as {{ materialized() }} (

    select
        message_id,
        max_by(equally_good, agreements) as equally_good,
        max_by(control_date, agreements) as control_date,
        max_by(control_number, agreements) as control_number,
        max_by(executed_on, agreements) as executed_on,
        max_by(cusip, agreements) as cusip
    from undated_counted
    where {{ found_once() }}
    group by message_id, is_own

),

by_link as {{ materialized() }} (

    select
        message_id,
        control_date,
        control_number,
        executed_on,
        cusip,
        'control date and number' as found_by
    from dated
    where fitness = 'fits'
    union all
    select
        message_id,
        control_date,
        control_number,
        executed_on,
        cusip,
        'control number' as found_by
    from undated_best
    where equally_good = 1

),

undone_by_link as (

    select
        control_date,
        control_number
    from by_link
    {% if before -%}
    union all
    select
        control_date,
        control_number
    from {{ before }}
    where found_by <> 'attributes'
    {%- endif %}

),

without_link as {{ materialized() }} (

    select messages.*
    from messages
    where
        {{ found_once() }}
        and messages.previous_control_number is null
        and not exists (
            select 1
            from by_link
            where messages.message_id = by_link.message_id
        )
        -- a corrected version says what the trade now is, not which report it replaces
        and messages.trade_status <> 'R'

),

-- equal in one attribute, which the scan applies; the joins on the others do the rest, over few reports
reports_of_a_time as (

    select * from reports
    where executed_at in (select without_link.executed_at from without_link)
    union all
    select * from reports
    where executed_at is null

),

near_reports as {{ materialized() }} (

    select reports_of_a_time.*
    from reports_of_a_time
    where
        {{ found_once() }}
        and not exists (
            select 1
            from undone_by_link
            where
                reports_of_a_time.control_date = undone_by_link.control_date
                and reports_of_a_time.control_number = undone_by_link.control_number
        )

),

-- reports and messages of equal attributes in the order in which they were entered
entries as (

    select
        {{ attributes | join(',\n        ') }},
        reported_at,
        0 as is_message,
        control_date,
        control_number,
        cast(null as string) as message_id
    from near_reports
    union all
    select
        {{ attributes | join(',\n        ') }},
        reported_at,
        1 as is_message,
        control_date,
        control_number,
        message_id
    from without_link
    where
        par_usd is not null
        and entered_price is not null

),

counted as (

    select
        *,
        sum(1 - is_message) over so_far as reports_so_far,
        sum(is_message) over so_far as messages_so_far
    from entries
    window {{- so_far }}

),

-- how many of the messages so far had no report left to undo
short as {{ materialized() }} (

    select
        *,
        max(greatest(messages_so_far - reports_so_far, 0)) over so_far as without_report_so_far
    from counted
    where {{ found_once() }}
    window {{- so_far }}

),

-- the n-th message that finds a report undoes the n-th report; one that finds none shares the number of the one before it
by_attributes as {{ materialized() }} (

    select
        min(undoing.message_id) as message_id,
        undone.control_date,
        undone.control_number,
        undone.executed_on,
        undone.cusip,
        'attributes' as found_by
    from short as undone
    inner join short as undoing
        on
            undone.reports_so_far = undoing.messages_so_far - undoing.without_report_so_far
            {%- for attribute in attributes %}
            and undone.{{ attribute }} is not distinct from undoing.{{ attribute }}
            {%- endfor %}
    where
        {{ found_once() }}
        and undone.is_message = 0
        and undoing.is_message = 1
    group by undone.control_date, undone.control_number, undone.executed_on, undone.cusip

),

-- a message whose par or price is blank or bad is held against the other attributes
partial as {{ materialized() }} (

    select
        links.message_id,
        reports.control_date,
        reports.control_number,
        reports.executed_on,
        reports.cusip,
        count(*) over (partition by links.message_id) as equally_good
    from near_reports as reports
    inner join without_link as links
        on
            coalesce(reports.par_usd = links.par_usd, true)
            and coalesce(reports.entered_price = links.entered_price, true)
            {%- for attribute in attributes if attribute not in ['par_usd', 'entered_price'] %}
            and reports.{{ attribute }} is not distinct from links.{{ attribute }}
            {%- endfor %}
    where
        (links.par_usd is null or links.entered_price is null)
        and {{ not_later }}
        and not exists (
            select 1
            from by_attributes
            where
                reports.control_date = by_attributes.control_date
                and reports.control_number = by_attributes.control_number
        )

),

found as (

    select * from by_link
    union all
    select * from by_attributes
    union all
    select
        message_id,
        control_date,
        control_number,
        executed_on,
        cusip,
        'attributes' as found_by
    from partial
    where equally_good = 1

),

ambiguous as (

    select message_id from undated_best
    where equally_good > 1
    union distinct
    select message_id from partial
    where equally_good > 1

),

linked as (

    select
        message_id,
        fitness
    from dated
    union all
    select
        message_id,
        fitness
    from undated

),

unfit as (

    select
        message_id,
        min(fitness) as why
    from linked
    where fitness like 'its report%'
    group by message_id

),

final as (

    select
        messages.message_id,
        messages.executed_on,
        messages.cusip,
        messages.undone_as,
        found.control_date,
        found.control_number,
        found.executed_on as report_executed_on,
        found.cusip as report_cusip,
        found.found_by,
        case
            when found.message_id is not null then null
            when ambiguous.message_id is not null then 'several reports fit'
            else coalesce(unfit.why, 'no report fits')
        end as undoes_nothing_since
    from messages
    left join found on messages.message_id = found.message_id
    left join ambiguous on messages.message_id = ambiguous.message_id
    left join unfit on messages.message_id = unfit.message_id
    where
        found.message_id is not null
        or messages.trade_status <> 'R'
        or messages.previous_control_number is not null

)

select * from final
