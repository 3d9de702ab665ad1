{{ config(materialized='view') }}

-- One row per standing trade of a dealer, as principal, with a customer. Bills are quoted at a discount: their price
-- is computed from the rate, $ per $100 of par.
-- A view: writing half of all reports again takes longer than cleaning them, and each reader takes few of them.
with

trades as (

    select * from {{ ref('int_trades_classified') }}
    where set_apart_as is null

),

bills as (

    select distinct
        cusip,
        maturity_date,
    from {{ ref('stg_market__treasury_auctions') }}
    where security_type in ('Bill', 'CMB')

),

final as (

    select
        trades.trade_id,
        trades.cusip,
        trades.trade_date,
        trades.executed_at,
        trades.dealer_mpid,
        trades.report_side,
        trades.par_usd,
        case
            when bills.cusip is null then trades.entered_price
            else
                cast(
                    100 - trades.entered_price * {{ dbt.datediff('trades.trade_date', 'bills.maturity_date', 'day') }}
                    / 360 as decimal(20, 6)
                )
        end as price,
    from trades
    left join bills on trades.cusip = bills.cusip

)

select * from final
