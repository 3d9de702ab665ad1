-- Trades and the match: time of day by file, level-1 and unmatched shares of awards in all and by day, and who is the buyer
-- around the close of the operations. Where no report names a primary dealer, there is nothing that could be matched, and
-- the match is not judged.
with

reports as (

    select * from {{ ref('stg_trace__reports') }}
    where executed_at is not null

),

times as (

    select
        raw_file,
        count(*) as counted,
        count(*) filter (
            where
            extract(hour from executed_at) < {{ var('trading_hours')[0] }}
            or extract(hour from executed_at) >= {{ var('trading_hours')[1] }}
        ) as outside
    from reports
    group by raw_file

),

closes as (

    select
        raw_file,
        count(*) as counted,
        count(*) filter (
            where
            extract(hour from closed_at) < {{ var('operation_hours')[0] }}
            or extract(hour from closed_at) >= {{ var('operation_hours')[1] }}
        ) as outside
    from {{ ref('int_soma_operations_latest') }}
    where closed_at is not null
    group by raw_file

),

primary_dealers as (

    select distinct dealer_mpid
    from {{ ref('stg_reference__dealers') }}
    where primary_from is not null

),

awards as (

    select * from {{ ref('int_soma_awards') }}

),

awarded as (

    select
        cusip,
        operation_date,
        min(closed_at) as first_close,
        max(closed_at) as last_close
    from awards
    group by cusip, operation_date

),

-- on either side: where sides are swapped nobody sells
dealer_trades as (

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

matchable as (

    select distinct
        cusip,
        trade_date
    from dealer_trades

),

levels as (

    select
        facts.award_id,
        facts.operation_date,
        facts.match_level
    from {{ ref('fct_soma_award') }} as facts
    inner join matchable
        on
            facts.cusip = matchable.cusip
            and facts.operation_date = matchable.trade_date

),

final as (

    select
        'known_dealers' as gate,
        'trace.reports' as subject,
        raw_file,
        cast(null as string) as part,
        customer_trades as counted,
        round(cast(trades_of_known_dealers as double) / customer_trades, 4) as measured
    from {{ ref('int_trade_parties') }}
    union all
    select
        'trades_outside_hours' as gate,
        'trace.reports' as subject,
        raw_file,
        cast(null as string) as part,
        counted,
        round(cast(outside as double) / counted, 4) as measured
    from times
    union all
    select
        'operations_outside_hours' as gate,
        'soma.operations' as subject,
        raw_file,
        cast(null as string) as part,
        counted,
        round(cast(outside as double) / counted, 4) as measured
    from closes
    union all
    select
        'level_1_share' as gate,
        'fct_soma_award' as subject,
        cast(null as string) as raw_file,
        cast(null as string) as part,
        count(*) as counted,
        round(cast(count(*) filter (where match_level = 1) as double) / nullif(count(*), 0), 4) as measured
    from levels
    union all
    select
        'level_1_share_of_day' as gate,
        'fct_soma_award' as subject,
        cast(null as string) as raw_file,
        cast(operation_date as string) as part,
        count(*) as counted,
        round(cast(count(*) filter (where match_level = 1) as double) / count(*), 4) as measured
    from levels
    group by operation_date
    union all
    select
        'unmatched_share' as gate,
        'fct_soma_award' as subject,
        cast(null as string) as raw_file,
        cast(null as string) as part,
        count(*) as counted,
        round(cast(count(*) filter (where match_level is null) as double) / nullif(count(*), 0), 4) as measured
    from levels
    union all
    select
        'purchases_around_close' as gate,
        'trace.reports' as subject,
        cast(null as string) as raw_file,
        cast(null as string) as part,
        count(*) as counted,
        round(
            cast(sum(par_usd) filter (where report_side = 'B') as double) / nullif(cast(sum(par_usd) as double), 0), 4
        ) as measured
    from dealer_trades
    where is_around_close

)

select * from final
