{{ config(materialized='by_cell', cell=['trade_date', 'cusip']) }}

-- One row per cancel, correction or reversal that undoes no report, with the reason. What several reports fit is here too: none
-- of them is undone.
with

resolved as (

    select * from {{ ref('int_trade_messages_resolved') }}
    where
        undoes_nothing_since is not null
        and {{ is_touched(['executed_on', 'cusip']) }}

),

messages as (

    select * from {{ ref('int_trade_messages') }}
    where {{ is_touched(['executed_on', 'cusip']) }}

),

final as (

    select
        messages.control_date,
        messages.control_number,
        messages.trade_status,
        messages.as_of_code,
        cast(messages.reported_at as date) as report_date,
        messages.executed_on as trade_date,
        messages.cusip,
        messages.previous_control_date,
        messages.previous_control_number,
        resolved.undoes_nothing_since
    from resolved
    inner join messages on resolved.message_id = messages.message_id

)

select * from final
