-- One row per award: a purchase operation and a CUSIP of which it bought (section 4.3).
with

operations as (

    select * from {{ ref('int_soma_operations_latest') }}
    where
        operation_direction = 'P'
        and lower(auction_status) = 'results'

),

details as (

    select * from {{ ref('stg_soma__operation_details') }}
    where accepted_par_usd > 0

),

bills as (

    select * from {{ ref('int_bill_maturities') }}

),

final as (

    select
        concat(operations.operation_id, '/', details.cusip) as award_id,
        operations.operation_id,
        operations.operation_date,
        operations.closed_at,
        -- what the times of trades are compared with
        operations.{{ {'close': 'closed_at', 'release': 'released_at'}[var('operation_time')] }} as timed_at,
        details.cusip,
        details.accepted_par_usd as awarded_par_usd,
        -- of a bill a discount rate is published as its price
        case
            when bills.cusip is null then details.average_price
            else {{ bill_price('details.average_price', 'operations.settlement_date', 'bills.maturity_date') }}
        end as average_price,
        details.average_price as published_price,
        -- the highest that an offer of this CUSIP was taken at
        case when bills.cusip is null then details.least_favorable_price end as least_favorable_price,
        -- a CUSIP can be bought in several operations of a day: earlier ones are matched first
        cast(
            row_number() over (
                partition by operations.operation_date, details.cusip
                order by operations.closed_at, operations.operation_id
            ) as integer
        ) as award_of_cusip_day
    from operations
    inner join details
        on
            operations.operation_id = details.operation_id
            and operations.last_updated is not distinct from details.last_updated
            and operations.raw_file = details.raw_file
    left join bills on details.cusip = bills.cusip

)

select * from final
