{{ config(materialized='by_cell', cell=['trade_date', 'cusip'], touched={'awards': true}) }}

-- One row per trade that may have been a sale to the Fed (Appendix B): a primary dealer's sale to a customer, as
-- principal, of at least ${{ '{:,}'.format(var('candidate_least_par_usd')) }} of a CUSIP bought that day.
with

trades as (

    select * from {{ ref('int_trades_cleaned') }}
    where
        report_side = 'S'
        and par_usd >= {{ var('candidate_least_par_usd') }}

),

awarded as (

    select distinct
        cusip,
        operation_date
    from {{ ref('int_soma_awards') }}
    where {{ is_touched(['operation_date', 'cusip'], awards=true) }}

),

primary_dealers as (

    select distinct
        dealer_mpid,
        primary_from,
        primary_to
    from {{ ref('stg_reference__dealers') }}
    where primary_from is not null

),

final as (

    select
        -- What a trade is called: when it was executed and by whom, then the day and number under which it was reported, since
        -- numbers begin anew each day. Ties in the match go to the least, that is to the earliest, whatever its number.
        concat(
            coalesce(cast(trades.executed_at as string), concat(cast(trades.trade_date as string), ' at no time')),
            '/',
            trades.dealer_mpid,
            '/',
            cast(trades.control_date as string),
            '/',
            trades.control_number
        ) as trade_id,
        trades.control_date,
        trades.control_number,
        trades.cusip,
        trades.trade_date,
        trades.executed_at,
        trades.dealer_mpid,
        trades.par_usd,
        trades.price
    from trades
    inner join awarded
        on
            trades.cusip = awarded.cusip
            and trades.trade_date = awarded.operation_date
    where
        exists (
            select 1
            from primary_dealers
            where
                trades.dealer_mpid = primary_dealers.dealer_mpid
                and trades.trade_date >= primary_dealers.primary_from
                and trades.trade_date <= coalesce(primary_dealers.primary_to, trades.trade_date)
        )

)

select * from final
