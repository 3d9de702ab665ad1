-- One row per matched leg whose award or whose trade does not exist. There is none, unless a level invents one.
with

matches as (

    select * from {{ ref('int_soma_matches') }}

),

awards as (

    select * from {{ ref('int_soma_awards') }}

),

trades as (

    select * from {{ ref('int_soma_trade_candidates') }}

),

final as (

    select
        matches.matching_rule,
        matches.award_id,
        matches.trade_id,
        matches.match_level,
        matches.match_kind,
        matches.leg_par_usd
    from matches
    left join awards on matches.award_id = awards.award_id
    left join trades on matches.trade_id = trades.trade_id
    where
        awards.award_id is null
        or trades.trade_id is null

)

select * from final
