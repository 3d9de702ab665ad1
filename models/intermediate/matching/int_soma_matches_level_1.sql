-- One row per matching rule and award matched at level 1 (Appendix B): a trade of the same par, executed within the window
-- around the close of the operation; the nearest wins. Where awards of one CUSIP and day want the same trade, pairs are
-- taken from the nearest on: each round takes every pair that is the nearest left to both its award and its trade.
{% call(pairs, round) in_rounds() %}
    select
        matching_rule,
        award_id,
        trade_id,
        par_usd as leg_par_usd,
        seconds_from_close
    from {{ pairs }}
    where
        par_usd = awarded_par_usd
        and seconds_from_close between -{{ var('level_1_seconds_before') }} and {{ var('level_1_seconds_after') }}
    qualify
        row_number() over (
            partition by matching_rule, award_id
            order by abs(seconds_from_close), trade_id
        ) = 1
        and row_number() over (
            partition by matching_rule, trade_id
            order by abs(seconds_from_close), award_id
        ) = 1
{% endcall %}
