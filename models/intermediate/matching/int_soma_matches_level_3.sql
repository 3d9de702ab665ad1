-- One row per matching rule, award and trade, of awards left over by levels 1 and 2: trades from the highest price down
-- until the award is used up, the last one in part. Awards of one CUSIP and day take turns.
{% call(pairs, turn) in_rounds(
    ['int_soma_matches_level_1', 'int_soma_matches_level_2_exact', 'int_soma_matches_level_2_partial']
) %}
    select
        matching_rule,
        award_id,
        trade_id,
        -- nothing comes before the trade of the highest price
        least(
            par_usd,
            awarded_par_usd + par_usd - sum(par_usd) over (
                partition by matching_rule, award_id
                order by price desc nulls last, trade_id asc
                rows between unbounded preceding and current row
            )
        ) as leg_par_usd
    from {{ pairs }}
    where award_of_cusip_day = {{ turn }}
    qualify leg_par_usd > 0
{% endcall %}
