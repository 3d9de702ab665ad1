{{ config(materialized='by_cell', cell=['trade_date', 'cusip'], touched={'awards': true}) }}

-- One row per CUSIP bought on a day and side: primary dealers' trades with customers, of the par of candidates, in all and around
-- the close of its operations. On either side: where sides are swapped nobody sells.
with

primary_dealers as (

    select distinct dealer_mpid
    from {{ ref('stg_reference__dealers') }}
    where primary_from is not null

),

awarded as (

    select
        cusip,
        operation_date,
        min(timed_at) as first_close,
        max(timed_at) as last_close
    from {{ ref('int_soma_awards') }}
    where {{ is_touched(['operation_date', 'cusip'], awards=true) }}
    group by cusip, operation_date

),

trades as (

    select
        trades.cusip,
        trades.trade_date,
        trades.report_side,
        trades.par_usd,
        coalesce(
            {{ seconds_between('awarded.first_close', 'trades.executed_at') }} >= -{{ var('level_1_seconds_before') }}
            and {{ seconds_between('awarded.last_close', 'trades.executed_at') }} <= {{ var('level_1_seconds_after') }},
            false
        ) as is_around_close
    from {{ ref('int_trades_cleaned') }} as trades
    inner join awarded
        on
            trades.cusip = awarded.cusip
            and trades.trade_date = awarded.operation_date
    inner join primary_dealers on trades.dealer_mpid = primary_dealers.dealer_mpid
    where trades.par_usd >= {{ var('candidate_least_par_usd') }}

),

final as (

    select
        cusip,
        trade_date,
        report_side,
        count(*) as trades,
        count(*) filter (where is_around_close) as trades_around_close,
        sum(case when is_around_close then par_usd else 0 end) as par_around_close_usd
    from trades
    group by cusip, trade_date, report_side

)

select * from final
