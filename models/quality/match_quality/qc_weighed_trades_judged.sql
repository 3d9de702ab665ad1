-- One row per award of the event window and trade that the weights of the match look at, with what of the trade truly filled
-- the award, and how many of its candidate trades did. Empty of real data.
with

fills as (

    select
        fills.award_id,
        pairs.trade_id,
        sum(fills.filled_par_usd) as filled_par_usd
    from {{ ref('qc_truth_fills') }} as fills
    inner join {{ ref('int_soma_trade_candidates') }} as trades
        on
            fills.control_date = trades.control_date
            and fills.control_number = trades.control_number
    inner join {{ ref('int_soma_pairs') }} as pairs
        on
            fills.award_id = pairs.award_id
            and trades.trade_id = pairs.trade_id
    where pairs.matching_rule = '{{ var("matching_rule") }}'
    group by fills.award_id, pairs.trade_id

),

counted as (

    select
        award_id,
        count(*) as fills
    from fills
    group by award_id

),

final as (

    select
        trades.award_id,
        trades.trade_id,
        trades.place,
        coalesce(fills.filled_par_usd, 0) as filled_par_usd,
        coalesce(counted.fills, 0) as fills
    from {{ ref('int_soma_weighed_trades') }} as trades
    inner join {{ ref('qc_truth_awards') }} as awards on trades.award_id = awards.award_id
    left join fills
        on
            trades.award_id = fills.award_id
            and trades.trade_id = fills.trade_id
    left join counted on trades.award_id = counted.award_id

)

select * from final
