-- One row per standing customer trade or award of a bill whose number is neither a plausible price nor a plausible discount
-- rate for its maturity: it has no price, and no part in offer aggressiveness.
with

trades as (

    select
        'trade' as kind,
        concat(cast(reports.control_date as string), '/', reports.control_number) as record_id,
        reports.cusip,
        reports.trade_date as record_date
    from {{ ref('int_bill_reports_without_price') }} as reports
    where
        not exists (
            select 1
            from {{ ref('int_trades_undone') }} as undone
            where
                reports.control_date = undone.control_date
                and reports.control_number = undone.control_number
        )

),

awards as (

    select
        'award' as kind,
        award_id as record_id,
        cusip,
        operation_date as record_date
    from {{ ref('int_soma_awards') }}
    where
        average_price is null
        and published_price is not null

),

final as (

    select * from trades
    union all
    select * from awards

)

select * from final
