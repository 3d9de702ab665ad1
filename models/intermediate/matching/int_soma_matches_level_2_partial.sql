-- One row per matching rule, award and trade, of awards that no trades add up to exactly and that all trades no larger
-- than them leave short: all of these are matched. Awards of one CUSIP and day take turns.
with

awards as (

    select
        awards.*,
        rules.matching_rule,
        row_number() over (
            partition by rules.matching_rule, awards.cusip, awards.operation_date
            order by awards.award_of_cusip_day
        ) as turn,
    from {{ ref('int_soma_awards') }} as awards
    cross join (values ('paper'), ('price_consistent')) as rules (matching_rule)
    left join {{ ref('int_soma_matches_level_1') }} as level_1 on awards.award_id = level_1.award_id
    where
        level_1.award_id is null
        and not exists (
            select 1
            from {{ ref('int_soma_matches_level_2_exact') }} as level_2
            where
                rules.matching_rule = level_2.matching_rule
                and awards.award_id = level_2.award_id
        )

),

trades as (

    select
        trades.*,
        rules.matching_rule,
    from {{ ref('int_soma_trade_candidates') }} as trades
    cross join (values ('paper'), ('price_consistent')) as rules (matching_rule)
    left join {{ ref('int_soma_matches_level_1') }} as level_1 on trades.trade_id = level_1.trade_id
    where
        level_1.trade_id is null
        and not exists (
            select 1
            from {{ ref('int_soma_matches_level_2_exact') }} as level_2
            where
                rules.matching_rule = level_2.matching_rule
                and trades.trade_id = level_2.trade_id
        )

),

{% for round in range(1, var('most_awards_per_cusip_day') + 1) %}
round_{{ round }} as (

    select
        awards.matching_rule,
        awards.award_id,
        trades.trade_id,
        trades.par_usd as matched_par_usd,
    from awards
    inner join trades
        on
            awards.matching_rule = trades.matching_rule
            and awards.cusip = trades.cusip
            and awards.operation_date = trades.trade_date
            and awards.awarded_par_usd >= trades.par_usd
    {% for earlier in range(1, round) -%}
    left join round_{{ earlier }}
        on
            trades.matching_rule = round_{{ earlier }}.matching_rule
            and trades.trade_id = round_{{ earlier }}.trade_id
    {% endfor -%}
    where
        awards.turn = {{ round }}
        {%- for earlier in range(1, round) %}
        and round_{{ earlier }}.trade_id is null
        {%- endfor %}
    qualify sum(trades.par_usd) over (partition by awards.matching_rule, awards.award_id) < awards.awarded_par_usd

),

{% endfor %}
final as (

    {% for round in range(1, var('most_awards_per_cusip_day') + 1) -%}
    select * from round_{{ round }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
