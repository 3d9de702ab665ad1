-- One row per matched leg: matching rule, award and a trade that filled it, at all levels.
with

final as (

    select * from {{ ref('int_soma_matches_level_1_2') }}
    union all
    select
        matching_rule,
        award_id,
        trade_id,
        '3' as match_level,
        matched_par_usd,
    from {{ ref('int_soma_matches_level_3') }}

)

select * from final
