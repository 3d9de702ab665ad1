-- One row per matching rule and award of the event window, with what is matched, what of it is right, and what truly filled
-- the award.
with

awards as (

    select
        rules.matching_rule,
        awards.award_id,
        awards.sold_par_usd,
        awards.reported_par_usd
    from {{ ref('qc_truth_awards') }} as awards
    cross join {{ matching_rules() }} as rules

),

legs as (

    select
        matching_rule,
        award_id,
        -- an award is matched in one way
        min(match_kind) as match_kind,
        sum(leg_par_usd) as matched_par_usd,
        sum(right_par_usd) as right_par_usd
    from {{ ref('qc_legs_judged') }}
    group by matching_rule, award_id

),

searches as (

    select
        matching_rule,
        award_id,
        max(exact_subsets) as exact_subsets
    from {{ ref('int_soma_exact_searches') }}
    group by matching_rule, award_id

),

final as (

    select
        awards.matching_rule,
        awards.award_id,
        coalesce(legs.match_kind, 'none') as match_kind,
        awards.sold_par_usd,
        awards.reported_par_usd,
        coalesce(legs.matched_par_usd, 0) as matched_par_usd,
        coalesce(legs.right_par_usd, 0) as right_par_usd,
        -- the subset that was chosen is no alternative
        case when legs.match_kind in ('lone', 'exact') then searches.exact_subsets - 1 end as alternative_subsets
    from awards
    left join legs
        on
            awards.matching_rule = legs.matching_rule
            and awards.award_id = legs.award_id
    left join searches
        on
            awards.matching_rule = searches.matching_rule
            and awards.award_id = searches.award_id

)

select * from final
