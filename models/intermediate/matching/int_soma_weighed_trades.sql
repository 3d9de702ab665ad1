-- One row per award of the event window and candidate trade that the weights of the match look at: those that matching_rule
-- matched and the nearest to the close of the operation, `weighed_trades` in all. Levels say how trade and award compare, as the
-- pairs of Fellegi and Sunter (1969); docs/match_weights.md has their meaning.
{% set before, after = var('level_1_seconds_before'), var('level_1_seconds_after') -%}
{# the window of level 1 in parts, and as much time again on either side of it; what lies beyond has no length #}
{% set times = [-6 * before, -before, 0, after // 3, 2 * after // 3, after, 2 * after, 4 * after] -%}
{# hundredths of a dollar per $100 and year to maturity: about basis points of yield #}
{% set prices = [0.15, 0.3, 0.6, 1.2, 2.4, 4.8] -%}
{# prices lie on a grid: of securities that have less to go than this they are often the same by chance #}
{% set short_years = 3 -%}
{% set sizes_usd = [5000000, 20000000, 50000000] -%}
{# the Fed buys whole millions; what it takes of a trade in parts is round still #}
{% set lots_usd = [1000000, 50000] -%}
with

pairs as (

    select * from {{ ref('int_soma_pairs') }}
    where matching_rule = '{{ var("matching_rule") }}'

),

awards as (

    select * from {{ ref('int_soma_awards') }}
    where
        operation_date between cast('{{ var("event_start") }}' as date) and cast('{{ var("event_end") }}' as date)

),

matches as (

    select * from {{ ref('int_soma_matches') }}
    where matching_rule = '{{ var("matching_rule") }}'

),

trades as (

    select
        trades.trade_id,
        trades.dealer_mpid,
        trades.trade_date,
        {{ level_of('trades.par_usd', sizes_usd) }} as size_level,
        case when matches.match_kind in ('equal', 'lone', 'exact') then 1 else 0 end as filled_whole
    from {{ ref('int_soma_trade_candidates') }} as trades
    left join matches on trades.trade_id = matches.trade_id

),

dealer_days as (

    select
        dealer_mpid,
        size_level,
        trade_date,
        count(*) as trades,
        sum(filled_whole) as filled_whole
    from trades
    group by dealer_mpid, size_level, trade_date

),

-- how many of a dealer's trades of like size have filled awards whole on earlier days, as far as the rule can tell
histories as (

    select
        dealer_mpid,
        size_level,
        trade_date,
        sum(trades) over earlier as trades,
        sum(filled_whole) over earlier as filled_whole
    from dealer_days
    window
        earlier as (
            partition by dealer_mpid, size_level
            order by trade_date
            rows between unbounded preceding and 1 preceding
        )

),

maturities as (

    select
        cusip,
        max(maturity_date) as maturity_date
    from {{ ref('stg_market__treasury_auctions') }}
    group by cusip

),

listed as (

    select
        pairs.award_id,
        pairs.trade_id,
        trades.dealer_mpid,
        pairs.awarded_par_usd,
        pairs.par_usd,
        pairs.average_price,
        pairs.price,
        pairs.seconds_from_close,
        awards.award_of_cusip_day,
        awards.least_favorable_price,
        histories.trades as earlier_trades,
        histories.filled_whole as earlier_filled_whole,
        abs(pairs.price - pairs.average_price) as price_distance,
        cast(
            {{ dbt.datediff('awards.operation_date', 'maturities.maturity_date', 'day') }}
            as double
        ) / 365.25 as years_to_maturity
    from pairs
    inner join awards on pairs.award_id = awards.award_id
    inner join trades on pairs.trade_id = trades.trade_id
    inner join histories
        on
            trades.dealer_mpid = histories.dealer_mpid
            and trades.size_level = histories.size_level
            and trades.trade_date = histories.trade_date
    left join matches
        on
            pairs.award_id = matches.award_id
            and pairs.trade_id = matches.trade_id
    left join maturities on awards.cusip = maturities.cusip
    qualify
        row_number() over (
            partition by pairs.award_id
            order by matches.trade_id is not null desc, abs(pairs.seconds_from_close) nulls last, pairs.trade_id
        ) <= {{ var('weighed_trades') }}

),

final as (

    select
        award_id,
        trade_id,
        -- by size: of a set the first is the largest, which may have filled the award in part
        cast(row_number() over (partition by award_id order by par_usd desc, trade_id asc) as integer) as place,
        dealer_mpid,
        award_of_cusip_day,
        awarded_par_usd,
        par_usd,
        average_price,
        price,
        coalesce(seconds_from_close between -{{ before }} and {{ after }}, false) as is_in_window,
        case
            when par_usd = awarded_par_usd then 0
            else 1 + {{ level_of('par_usd', ['0.05 * awarded_par_usd', '0.25 * awarded_par_usd', 'awarded_par_usd']) }}
        end as par_level,
        coalesce({{ level_of('seconds_from_close', times) }}, {{ times | length + 1 }}) as time_level,
        case {{ level_of('seconds_from_close', times) }}
            {% for first in times[:-1] -%}
            when {{ loop.index }} then {{ times[loop.index] - first }}
            {% endfor -%}
        end as time_level_seconds,
        case
            {% for lot in lots_usd -%}
            when par_usd % {{ lot }} = 0 then {{ loop.index0 }}
            {% endfor -%}
            else {{ lots_usd | length }}
        end as lot_level,
        case
            when price_distance is null then 5
            -- published averages are rounded
            when price_distance <= {{ price_rounding() }}
                then case when years_to_maturity < {{ short_years }} then 1 else 0 end
            -- an offer of each award was taken at this price, and none above it
            when price > least_favorable_price + {{ price_rounding() }} then 4
            when price >= least_favorable_price - {{ price_rounding() }}
                then case when years_to_maturity < {{ short_years }} then 3 else 2 end
            else
                coalesce(
                    case when price < average_price then 6 else {{ 7 + prices | length }} end
                    + {{ level_of('cast(price_distance as double) * 100 / greatest(years_to_maturity, 1)', prices) }},
                    5
                )
        end as price_level,
        -- a sale that is reported in parts has one price
        case
            when price is not null and count(*) over (partition by award_id, dealer_mpid, price) > 1 then 1 else 0
        end as twin_level,
        case
            when earlier_trades is null then 0
            else
                1 + {{ level_of(
                    '4 * earlier_filled_whole', ['earlier_trades', '2 * earlier_trades', '3 * earlier_trades']
                ) }}
        end as history_level
    from listed

)

select * from final
