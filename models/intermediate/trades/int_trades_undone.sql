-- One row per control number that a later message undoes: a cancel (X), a correction (C and its R) or a reversal (Y, or
-- an as-of R). It is the number that the message names or, of a cancel and the old half of a correction, carries itself;
-- a number that no report has undoes nothing. Where no report of that time has the message's number either, by the
-- attributes of the trade: the n-th such message of equal attributes undoes the n-th report of them.
{% set attributes = [
    'cusip', 'executed_on', 'executed_at', 'report_side', 'par_usd', 'entered_price', 'price_type', 'reporting_mpid',
    'contra_mpid',
] -%}
with

-- Reports are long: each part below reads the few that it needs, by conditions of one column each, which the scan
-- applies before it reads the others.
message_reports as (

    select * from {{ ref('stg_trace__reports') }}
    where trade_status <> 'T'
    union all
    select * from {{ ref('stg_trace__reports') }}
    where
        trade_status = 'T'
        and as_of_code = 'R'

),

messages as {{ materialized() }} (

    select
        control_number,
        previous_control_number,
        trade_status,
        {{ attributes | join(',\n        ') }},
        reported_at,
        case
            when trade_status = 'X' then 'cancelled'
            when trade_status = 'Y' or as_of_code = 'R' then 'reversed'
            else 'corrected'
        end as undone_as,
    from message_reports

),

undone_by_number as {{ materialized() }} (

    select
        coalesce(previous_control_number, control_number) as control_number,
        min(undone_as) as undone_as
    from messages
    where
        previous_control_number is not null
        or trade_status in ('X', 'C')
    group by coalesce(previous_control_number, control_number)

),

without_previous as (

    select * from messages
    where
        previous_control_number is null
        -- a corrected version says what the trade now is, not which report it replaces
        and trade_status <> 'R'

),

-- equal in one attribute: the join on all of them does the rest, over few reports
near_reports as {{ materialized() }} (

    select * from {{ ref('stg_trace__reports') }}
    where
        trade_status in ('T', 'R')
        and executed_at in (select without_previous.executed_at from without_previous)
    union all
    select * from {{ ref('stg_trace__reports') }}
    where
        trade_status in ('T', 'R')
        and executed_at is null

),

unnumbered as (

    select
        *,
        row_number() over (
            partition by {{ attributes | join(', ') }}
            order by reported_at, control_number
        ) as message_number,
    from without_previous
    where
        trade_status not in ('X', 'C')
        or control_number not in (select near_reports.control_number from near_reports)

),

look_alikes as (

    select
        reports.control_number,
        {% for attribute in attributes -%}
        reports.{{ attribute }},
        {% endfor -%}
        row_number() over (
            partition by
                reports.{{ attributes | join(',\n                reports.') }}
            order by reports.reported_at, reports.control_number
        ) as report_number,
    from near_reports as reports
    left join undone_by_number on reports.control_number = undone_by_number.control_number
    where
        coalesce(reports.as_of_code, '') <> 'R'
        and undone_by_number.control_number is null

),

undone_by_attributes as (

    select
        look_alikes.control_number,
        unnumbered.undone_as,
    from look_alikes
    inner join unnumbered
        on
            look_alikes.report_number = unnumbered.message_number
            {%- for attribute in attributes %}
            and look_alikes.{{ attribute }} is not distinct from unnumbered.{{ attribute }}
            {%- endfor %}

),

final as (

    select
        control_number,
        undone_as,
        'control number' as found_by,
    from undone_by_number
    union all
    select
        control_number,
        undone_as,
        'attributes' as found_by,
    from undone_by_attributes

)

select * from final
