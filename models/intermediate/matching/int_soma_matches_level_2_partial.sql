-- One row per matching rule, award and trade, of awards that no trades add up to exactly and that all trades no larger
-- than them leave short: all of these are matched. Awards of one CUSIP and day take turns.
{% call(pairs, turn) in_rounds(['int_soma_matches_level_1', 'int_soma_matches_level_2_exact']) %}
    select
        matching_rule,
        award_id,
        trade_id,
        par_usd as leg_par_usd
    from {{ pairs }}
    where
        award_of_cusip_day = {{ turn }}
        and par_usd {{ compared_at_level_2() }} awarded_par_usd
    qualify sum(par_usd) over (partition by matching_rule, award_id) < awarded_par_usd
{% endcall %}
