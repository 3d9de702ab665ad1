-- Trades and the match: time of day by file, level-1 and unmatched shares of awards in all and by day, and who is the buyer
-- around the close of the operations. Where no report names a primary dealer, there is nothing that could be matched, and
-- the match is not judged.
with

times as (

    select
        raw_file,
        sum(timed_reports) as counted,
        sum(reports_outside_hours) as outside
    from {{ ref('int_trade_file_totals') }}
    group by raw_file
    having sum(timed_reports) > 0

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

dealer_trades as (

    select * from {{ ref('int_soma_day_trades') }}

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
        sum(trades_around_close) as counted,
        round(
            cast(sum(par_around_close_usd) filter (where report_side = 'B') as double)
            / nullif(cast(sum(par_around_close_usd) as double), 0),
            4
        ) as measured
    from dealer_trades
    where trades_around_close > 0

)

select * from final
