-- One row per matching rule and kind of match: awards of the event window, trades and par matched.
with

awards as (

    select
        awards.award_id,
        awards.awarded_par_usd,
        rules.matching_rule
    from {{ ref('fct_soma_award') }} as awards
    cross join {{ matching_rules() }} as rules

),

matches as (

    select
        matching_rule,
        award_id,
        min(match_level) as match_level,
        min(match_kind) as match_kind,
        count(*) as matched_trades,
        sum(leg_par_usd) as matched_par_usd
    from {{ ref('int_soma_matches') }}
    group by matching_rule, award_id

),

final as (

    select
        awards.matching_rule,
        matches.match_level,
        coalesce(matches.match_kind, 'none') as match_kind,
        count(*) as awards,
        100.0 * count(*) / sum(count(*)) over (partition by awards.matching_rule) as awards_pct,
        coalesce(sum(matches.matched_trades), 0) as matched_trades,
        sum(awards.awarded_par_usd) as awarded_par_usd,
        coalesce(sum(matches.matched_par_usd), 0) as matched_par_usd
    from awards
    left join matches
        on
            awards.matching_rule = matches.matching_rule
            and awards.award_id = matches.award_id
    group by awards.matching_rule, matches.match_level, coalesce(matches.match_kind, 'none')

)

select * from final
