-- One row per matching rule, award of the event window and trade that is matched to it, with what of it is right: of a trade
-- that truly filled the award in part, no more than that part.
with

matches as (

    select * from {{ ref('int_soma_matches') }}

),

awards as (

    select * from {{ ref('qc_truth_awards') }}

),

fills as (

    select
        fills.award_id,
        trades.trade_id,
        sum(fills.filled_par_usd) as filled_par_usd
    from {{ ref('qc_truth_fills') }} as fills
    inner join {{ ref('int_soma_trade_candidates') }} as trades
        on
            fills.control_date = trades.control_date
            and fills.control_number = trades.control_number
    group by fills.award_id, trades.trade_id

),

final as (

    select
        matches.matching_rule,
        matches.award_id,
        matches.trade_id,
        matches.match_kind,
        matches.leg_par_usd,
        least(matches.leg_par_usd, coalesce(fills.filled_par_usd, 0)) as right_par_usd
    from matches
    inner join awards on matches.award_id = awards.award_id
    left join fills
        on
            matches.award_id = fills.award_id
            and matches.trade_id = fills.trade_id

)

select * from final
