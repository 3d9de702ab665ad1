{{ config(materialized='by_cell', cell=['executed_on', 'cusip'], touched={'of': 'changed rows'}) }}

-- One row per message that undoes a report.
{% set attributes = [
    'cusip', 'executed_on', 'executed_at', 'report_side', 'entered_price', 'reporting_mpid', 'contra_mpid',
] -%}
with

message_reports as (

    select * from {{ ref('int_message_reports') }}
    where {{ is_touched(['executed_on', 'cusip'], of='changed rows') }}

),

-- a message that comes twice is one
messages as (

    select distinct
        control_date,
        control_number,
        stated_control_date,
        previous_control_date,
        -- no report has the number zero
        nullif(previous_control_number, '0') as previous_control_number,
        trade_status,
        as_of_code,
        reported_at,
        {{ attributes | join(',\n        ') }},
        case when par_usd > 0 then par_usd end as par_usd,
        case
            when trade_status = 'X' then 'cancelled'
            when trade_status = 'Y' or as_of_code = 'R' then 'reversed'
            else 'corrected'
        end as undone_as
    from message_reports
    where control_number is not null

),

final as (

    select
        *,
        -- the order in which messages on trades of one CUSIP and day were entered
        concat(
            coalesce(cast(executed_on as string), 'no day'),
            '/',
            coalesce(cusip, 'no CUSIP'),
            '/',
            lpad(cast(row_number() over (
                partition by executed_on, cusip
                order by
                    reported_at asc nulls first,
                    control_date,
                    control_number,
                    trade_status,
                    stated_control_date,
                    previous_control_date,
                    previous_control_number,
                    as_of_code,
                    par_usd,
                    {{ attributes | join(',\n                    ') }}
            ) as string), 9, '0')
        ) as message_id
    from messages

)

select * from final
