-- One row per matching rule, award without a match at level 1 and trade no larger than it: the search for trades whose
-- pars add up to the award exactly, and whether the trade is among those chosen (Appendix B, level 2).
--
-- A subset-sum problem, solved over reachable sums, trade by trade in order of closeness to the operation: first the
-- nearest {{ var('listed_trades') }} trades as lists of sums, then, for awards out of their reach, farther ones as bit
-- strings, up to the first prefix that reaches the award. From there the sums are walked back to zero, farthest trade first.
-- Every step that can still reach zero is kept, so each walk is an exact subset; its `path` says trade by trade,
-- farthest first, whether the trade is taken. The least path avoids the farthest trades.
--
-- Awards of one CUSIP and day take turns in the order of their operations: each round sees what earlier ones left.
{% set rules = "(values ('paper'), ('price_consistent')) as rules (matching_rule)" -%}
with recursive

awards as (

    select
        awards.*,
        row_number() over (
            partition by awards.cusip, awards.operation_date
            order by awards.award_of_cusip_day
        ) as turn,
    from {{ ref('int_soma_awards') }} as awards
    left join {{ ref('int_soma_matches_level_1') }} as matches on awards.award_id = matches.award_id
    where matches.award_id is null

),

trades as (

    select trades.*
    from {{ ref('int_soma_trade_candidates') }} as trades
    left join {{ ref('int_soma_matches_level_1') }} as matches on trades.trade_id = matches.trade_id
    where matches.trade_id is null

),

{% for round in range(1, var('most_awards_per_cusip_day') + 1) %}
-- Round {{ round }}. In the first the rules see the same trades: one search serves both.
eligible_{{ round }} as (

    select
        {{ "'any'" if round == 1 else 'rules.matching_rule' }} as searched_rule,
        awards.award_id,
        awards.average_price,
        awards.awarded_par_usd,
        trades.trade_id,
        trades.par_usd,
        trades.price,
        row_number() over (
            partition by {{ '' if round == 1 else 'rules.matching_rule, ' }}awards.award_id
            -- trades of which only the day is known come last
            order by abs({{ seconds_between('awards.closed_at', 'trades.executed_at') }}) nulls last, trades.trade_id
        ) as closeness_rank,
    from awards
    inner join trades
        on
            awards.cusip = trades.cusip
            and awards.operation_date = trades.trade_date
            and awards.awarded_par_usd >= trades.par_usd
    {% if round > 1 -%}
    cross join {{ rules }}
    {% endif -%}
    {% for earlier in range(1, round) -%}
    left join chosen_{{ earlier }}
        on
            rules.matching_rule = chosen_{{ earlier }}.matching_rule
            and trades.trade_id = chosen_{{ earlier }}.trade_id
    {% endfor -%}
    where
        awards.turn = {{ round }}
        {%- for earlier in range(1, round) %}
        and chosen_{{ earlier }}.trade_id is null
        {%- endfor %}

),

-- The unit is the largest round amount that divides the award and every trade: the fewer sums, the quicker.
measured_{{ round }} as (

    select
        *,
        count(*) over of_award as candidates,
        case
            {% for unit in [1000000, 500000, 100000, 50000, 10000, 5000, 1000, 100, 1] -%}
            when max(par_usd % {{ unit }}) over of_award = 0 and awarded_par_usd % {{ unit }} = 0 then {{ unit }}
            {% endfor -%}
            else 0.01
        end as unit_usd,
    from eligible_{{ round }}
    window of_award as (partition by searched_rule, award_id)
    -- when all of them add up to less there is nothing to search
    qualify sum(par_usd) over of_award >= awarded_par_usd

),

searched_{{ round }} as (

    select
        *,
        cast(par_usd / unit_usd as bigint) as units,
        cast(awarded_par_usd / unit_usd as bigint) as target_units,
        -- a search that would need more states than this ends with the lists: an award that they miss is flagged
        candidates > {{ var('listed_trades') }}
        and awarded_par_usd / unit_usd > {{ var('subset_sum_most_states') }} as is_beyond_bound,
    from measured_{{ round }}

),

listed_{{ round }} as (

    select
        searched_rule,
        award_id,
        target_units,
        cast(0 as bigint) as closeness_rank,
        {{ first_sums() }} as sums,
    from searched_{{ round }}
    where closeness_rank = 1
    union all
    select
        listed.searched_rule,
        listed.award_id,
        listed.target_units,
        searched.closeness_rank,
        {{ sums_with_trade('listed.sums', 'searched.units', 'listed.target_units') }} as sums,
    from listed_{{ round }} as listed
    inner join searched_{{ round }} as searched
        on
            listed.searched_rule = searched.searched_rule
            and listed.award_id = searched.award_id
            and listed.closeness_rank + 1 = searched.closeness_rank
    where searched.closeness_rank <= {{ var('listed_trades') }}

),

out_of_reach_{{ round }} as (

    select
        listed.searched_rule,
        listed.award_id,
        listed.target_units,
        listed.closeness_rank,
        {{ sorted_sums('listed.sums', 'listed.target_units') }} as sorted_sums,
    from listed_{{ round }} as listed
    inner join searched_{{ round }} as searched
        on
            listed.searched_rule = searched.searched_rule
            and listed.award_id = searched.award_id
            and listed.closeness_rank = searched.closeness_rank
    where
        listed.closeness_rank = {{ var('listed_trades') }}
        and searched.candidates > {{ var('listed_trades') }}
        and not searched.is_beyond_bound
        and not {{ is_reachable('listed.sums', no_bits(), 'listed.target_units') }}

),

mapped_{{ round }} as (

    select
        searched_rule,
        award_id,
        target_units,
        closeness_rank,
        {{ bits_of_sums('sorted_sums') }} as bits,
    from out_of_reach_{{ round }}
    union all
    select
        mapped.searched_rule,
        mapped.award_id,
        mapped.target_units,
        searched.closeness_rank,
        {{ bits_with_trade('mapped.bits', 'searched.units') }} as bits,
    from mapped_{{ round }} as mapped
    inner join searched_{{ round }} as searched
        on
            mapped.searched_rule = searched.searched_rule
            and mapped.award_id = searched.award_id
            and mapped.closeness_rank + 1 = searched.closeness_rank
    -- the first prefix that reaches the award ends the search
    where not {{ is_reachable(no_sums(), 'mapped.bits', 'mapped.target_units') }}

),

reachable_{{ round }} as (

    select
        searched_rule,
        award_id,
        target_units,
        closeness_rank,
        sums,
        {{ no_bits() }} as bits,
    from listed_{{ round }}
    union all
    select
        searched_rule,
        award_id,
        target_units,
        closeness_rank,
        {{ no_sums() }} as sums,
        bits,
    from mapped_{{ round }}
    where closeness_rank > {{ var('listed_trades') }}

),

last_states_{{ round }} as (

    select
        searched_rule,
        award_id,
        max(closeness_rank) as closeness_rank,
    from reachable_{{ round }}
    group by searched_rule, award_id

),

walks_{{ round }} as (

    select
        reachable.searched_rule,
        reachable.award_id,
        reachable.closeness_rank,
        reachable.target_units as remaining_units,
        cast('' as varchar) as path,
        cast(0 as decimal(38, 0)) as value_in_millionths,
    from reachable_{{ round }} as reachable
    inner join last_states_{{ round }} as last_states
        on
            reachable.searched_rule = last_states.searched_rule
            and reachable.award_id = last_states.award_id
            and reachable.closeness_rank = last_states.closeness_rank
    where {{ is_reachable('reachable.sums', 'reachable.bits', 'reachable.target_units') }}
    union all
    (
        select
            walks.searched_rule,
            walks.award_id,
            walks.closeness_rank - 1 as closeness_rank,
            walks.remaining_units - choices.is_taken * searched.units as remaining_units,
            concat(walks.path, cast(choices.is_taken as varchar)) as path,
            walks.value_in_millionths
            + choices.is_taken * cast(searched.price * 1000000 as decimal(38, 0)) * searched.units
                as value_in_millionths,
        from walks_{{ round }} as walks
        inner join searched_{{ round }} as searched
            on
                walks.searched_rule = searched.searched_rule
                and walks.award_id = searched.award_id
                and walks.closeness_rank = searched.closeness_rank
        inner join reachable_{{ round }} as reachable
            on
                walks.searched_rule = reachable.searched_rule
                and walks.award_id = reachable.award_id
                and walks.closeness_rank - 1 = reachable.closeness_rank
        cross join (values (0), (1)) as choices (is_taken)
        where
            {{ is_reachable(
                'reachable.sums', 'reachable.bits', 'walks.remaining_units - choices.is_taken * searched.units'
            ) }}
        -- the least paths survive, so the subset of the nearest trades always does
        qualify
            row_number() over (
                partition by walks.searched_rule, walks.award_id
                order by concat(walks.path, cast(choices.is_taken as varchar))
            ) <= {{ var('most_exact_subsets') }}
    )

),

of_awards_{{ round }} as (

    select * from searched_{{ round }}
    where closeness_rank = 1

),

subsets_{{ round }} as (

    select
        rules.matching_rule,
        walks.award_id,
        walks.path,
        count(*) over (partition by rules.matching_rule, walks.award_id) as exact_subsets,
    from walks_{{ round }} as walks
    inner join of_awards_{{ round }} as of_awards
        on
            walks.searched_rule = of_awards.searched_rule
            and walks.award_id = of_awards.award_id
    inner join {{ rules }} on walks.searched_rule in ('any', rules.matching_rule)
    where walks.closeness_rank = 0
    qualify
        row_number() over (
            partition by rules.matching_rule, walks.award_id
            order by
                case
                    when rules.matching_rule = 'price_consistent'
                        then abs(
                            walks.value_in_millionths
                            - cast(of_awards.average_price * 1000000 as decimal(38, 0)) * of_awards.target_units
                        )
                end asc nulls last,
                walks.path asc
        ) = 1

),

results_{{ round }} as (

    select
        rules.matching_rule,
        eligible.award_id,
        eligible.trade_id,
        eligible.par_usd,
        eligible.closeness_rank,
        -- the path ends with the nearest trade
        coalesce(
            eligible.closeness_rank <= length(subsets.path)
            and substring(
                subsets.path, cast(length(subsets.path) - eligible.closeness_rank + 1 as integer), 1
            ) = '1',
            false
        ) as is_chosen,
        coalesce(subsets.exact_subsets, 0) as exact_subsets,
        coalesce(of_awards.is_beyond_bound and subsets.award_id is null, false) as is_beyond_bound,
    from eligible_{{ round }} as eligible
    inner join {{ rules }} on eligible.searched_rule in ('any', rules.matching_rule)
    left join of_awards_{{ round }} as of_awards
        on
            eligible.searched_rule = of_awards.searched_rule
            and eligible.award_id = of_awards.award_id
    left join subsets_{{ round }} as subsets
        on
            rules.matching_rule = subsets.matching_rule
            and eligible.award_id = subsets.award_id

),

chosen_{{ round }} as (

    select
        matching_rule,
        trade_id,
    from results_{{ round }}
    where is_chosen

),

{% endfor %}
final as (

    {% for round in range(1, var('most_awards_per_cusip_day') + 1) -%}
    select * from results_{{ round }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
