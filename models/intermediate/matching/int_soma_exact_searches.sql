-- One row per matching rule, award without a match at level 1 and trade that `level_2_trades` takes: the search for trades whose
-- pars add up to the award exactly, and whether the trade is among those chosen (Appendix B, level 2).
--
-- A subset-sum problem, one award per row. Which sums do the nearest trades reach? A trade more at a time, up to the first
-- that reaches the award, and `listed_trades` at least. From the award the way leads back to zero, farthest trade first.
-- The `path` of a way says trade by trade, farthest first, whether it is taken: the least avoids the farthest trades.
--
-- Awards of one CUSIP and day take turns in the order of their operations.
{# what takes as much memory as the longest bit string #}
{% set longest_list = var('subset_sum_most_states') // 62 + 1 %}
{% call(pairs, turn) in_rounds(['int_soma_matches_level_1'], taken='is_chosen') %}
    with recursive

    eligible as (

        select
            *,
            row_number() over (
                partition by matching_rule, award_id
                -- trades of which only the day is known come last
                order by abs(seconds_from_close) nulls last, trade_id
            ) as closeness_rank
        from {{ pairs }}
        where
            award_of_cusip_day = {{ turn }}
            and par_usd {{ compared_at_level_2() }} awarded_par_usd

    ),

    -- One award per row. When all trades add up to less there is nothing to search.
    offers as (

        select
            matching_rule,
            award_id,
            awarded_par_usd,
            average_price,
            count(*) as candidates,
            {{ values_in_order('trade_id', 'closeness_rank') }} as trade_ids,
            {{ values_in_order('par_usd', 'closeness_rank') }} as pars,
            {{ values_in_order('cast(price * 1000000 as decimal(38, 0))', 'closeness_rank') }} as millionths,
            {{ common_unit('par_usd', 'awarded_par_usd') }} as unit_usd
        from eligible
        group by matching_rule, award_id, awarded_par_usd, average_price
        having sum(par_usd) >= awarded_par_usd

    ),

    measured as (

        select
            *,
            {{ whole_units('pars', 'unit_usd') }} as units,
            cast(awarded_par_usd / unit_usd as bigint) as target_units,
            -- rules that see the same trades share a search
            min(matching_rule) over (partition by award_id, trade_ids) as searched_rule
        from offers

    ),

    searches as (

        select
            *,
            -- as a list where there are fewer subsets than sums; as bits up to the bound on sums alone
            pow(2, candidates) <= least(target_units, {{ longest_list }})
            or target_units > {{ var('subset_sum_most_states') }} as is_listed
        from measured
        where matching_rule = searched_rule

    ),

    -- How many of the nearest trades a search went through, and the ways from the award back through these to zero.
    {{ ways_of_searches(longest_list) }},

    chosen as (

        select
            measured.matching_rule,
            measured.award_id,
            {{ path_nearest_to(
                'ways.ways',
                "case when measured.matching_rule = 'price_consistent' then measured.average_price end",
                'measured.target_units'
            ) }} as path,
            {{ length_of('ways.ways') }} as exact_subsets,
            -- a search that would need more sums ends before the farthest trade: an award that it misses is flagged
            {{ length_of('ways.ways') }} = 0 and ways.searched_trades < measured.candidates as is_beyond_bound
        from measured
        inner join ways
            on
                measured.searched_rule = ways.searched_rule
                and measured.award_id = ways.award_id

    )

    select
        eligible.matching_rule,
        eligible.award_id,
        eligible.trade_id,
        eligible.par_usd,
        eligible.closeness_rank,
        -- the path ends with the nearest trade
        coalesce(substring(reverse(chosen.path), cast(eligible.closeness_rank as integer), 1) = '1', false) as is_chosen,
        coalesce(chosen.exact_subsets, 0) as exact_subsets,
        coalesce(chosen.is_beyond_bound, false) as is_beyond_bound
    from eligible
    left join chosen
        on
            eligible.matching_rule = chosen.matching_rule
            and eligible.award_id = chosen.award_id
{% endcall %}
