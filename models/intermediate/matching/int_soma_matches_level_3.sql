-- One row per matching rule, award and trade, of awards left over by levels 1 and 2: trades from the highest price down
-- until the award is used up, the last one in part. Awards of one CUSIP and day take turns.
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
    where
        not exists (
            select 1
            from {{ ref('int_soma_matches_level_1_2') }} as earlier
            where
                rules.matching_rule = earlier.matching_rule
                and awards.award_id = earlier.award_id
        )

),

trades as (

    select
        trades.*,
        rules.matching_rule,
    from {{ ref('int_soma_trade_candidates') }} as trades
    cross join (values ('paper'), ('price_consistent')) as rules (matching_rule)
    where
        not exists (
            select 1
            from {{ ref('int_soma_matches_level_1_2') }} as earlier
            where
                rules.matching_rule = earlier.matching_rule
                and trades.trade_id = earlier.trade_id
        )

),

{% for round in range(1, var('most_awards_per_cusip_day') + 1) %}
round_{{ round }} as (

    select
        awards.matching_rule,
        awards.award_id,
        trades.trade_id,
        trades.par_usd,
        awards.awarded_par_usd,
        -- nothing comes before the trade of the highest price
        sum(trades.par_usd) over (
            partition by awards.matching_rule, awards.award_id
            order by trades.price desc nulls last, trades.trade_id asc
            rows between unbounded preceding and current row
        ) - trades.par_usd as par_before_{{ round }}_usd,
    from awards
    inner join trades
        on
            awards.matching_rule = trades.matching_rule
            and awards.cusip = trades.cusip
            and awards.operation_date = trades.trade_date
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
    qualify par_before_{{ round }}_usd < awards.awarded_par_usd

),

{% endfor %}
final as (

    {% for round in range(1, var('most_awards_per_cusip_day') + 1) -%}
    select
        matching_rule,
        award_id,
        trade_id,
        least(par_usd, awarded_par_usd - par_before_{{ round }}_usd) as matched_par_usd,
    from round_{{ round }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
