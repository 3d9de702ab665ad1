-- One row per award matched at level 1 (Appendix B): a trade of the same par, executed within the window around the
-- close of the operation; the nearest wins. Where awards of one CUSIP and day want the same trade, pairs are taken
-- from the nearest on: each round takes every pair that is the nearest left to both its award and its trade.
with

awards as (

    select * from {{ ref('int_soma_awards') }}

),

trades as (

    select * from {{ ref('int_soma_trade_candidates') }}

),

same_size as (

    select
        awards.award_id,
        trades.trade_id,
        awards.awarded_par_usd as matched_par_usd,
        {{ seconds_between('awards.closed_at', 'trades.executed_at') }} as seconds_from_close,
    from awards
    inner join trades
        on
            awards.cusip = trades.cusip
            and awards.operation_date = trades.trade_date
            and awards.awarded_par_usd = trades.par_usd

),

pairs as (

    select * from same_size
    where seconds_from_close between -{{ var('level_1_seconds_before') }} and {{ var('level_1_seconds_after') }}

),

{% for round in range(1, var('most_awards_per_cusip_day') + 1) %}
round_{{ round }} as (

    select
        pairs.award_id,
        pairs.trade_id,
        pairs.matched_par_usd,
        pairs.seconds_from_close,
    from pairs
    {% for earlier in range(1, round) -%}
    left join round_{{ earlier }} as award_taken_{{ earlier }} on pairs.award_id = award_taken_{{ earlier }}.award_id
    left join round_{{ earlier }} as trade_taken_{{ earlier }} on pairs.trade_id = trade_taken_{{ earlier }}.trade_id
    {% endfor -%}
    where
        true
        {%- for earlier in range(1, round) %}
        and award_taken_{{ earlier }}.award_id is null
        and trade_taken_{{ earlier }}.trade_id is null
        {%- endfor %}
    qualify
        row_number() over (
            partition by pairs.award_id
            order by abs(pairs.seconds_from_close), pairs.trade_id, pairs.award_id
        ) = 1
        and row_number() over (
            partition by pairs.trade_id
            order by abs(pairs.seconds_from_close), pairs.award_id
        ) = 1

),

{% endfor %}
final as (

    {% for round in range(1, var('most_awards_per_cusip_day') + 1) -%}
    select
        award_id,
        trade_id,
        matched_par_usd,
        seconds_from_close,
    from round_{{ round }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
