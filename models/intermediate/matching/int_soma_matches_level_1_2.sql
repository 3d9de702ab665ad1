-- One row per matching rule, award and trade matched at level 1 or 2.
with

level_1 as (

    select
        rules.matching_rule,
        matches.award_id,
        matches.trade_id,
        '1' as match_level,
        matches.matched_par_usd,
    from {{ ref('int_soma_matches_level_1') }} as matches
    cross join (values ('paper'), ('price_consistent')) as rules (matching_rule)

),

level_2 as (

    select
        *,
        '2_exact' as match_level,
    from {{ ref('int_soma_matches_level_2_exact') }}
    union all
    select
        *,
        '2_partial' as match_level,
    from {{ ref('int_soma_matches_level_2_partial') }}

),

final as (

    select * from level_1
    union all
    select
        matching_rule,
        award_id,
        trade_id,
        match_level,
        matched_par_usd,
    from level_2

)

select * from final
