{#- How a trade that is searched at level 2 compares with the award: a lone one of equal par, outside the window of level 1, is an
    exact sum, or is left to level 3. -#}
{% macro compared_at_level_2() %}
    {{- {'no_larger': '<=', 'smaller': '<'}[var('level_2_trades')] -}}
{% endmacro %}

{#- What a level of the SOMA match takes, round by round: `{% call(pairs, round) in_rounds(earlier levels) %}` selects from
    the pairs that these levels and earlier rounds have left. The rows that are `taken` take their award and their trade
    from the pairs, under their rule. -#}
{% macro in_rounds(earlier=[], taken='true') %}
    {%- set rounds = range(1, var('most_awards_per_cusip_day') + 1) -%}
with

    {% for round in rounds -%}
    {%- set takers = [] -%}
    {%- if round == 1 -%}
        {%- for level in earlier -%}{%- do takers.append(ref(level)) -%}{%- endfor -%}
    {%- else -%}
        {%- do takers.append('round_' ~ (round - 1)) -%}
    {%- endif -%}
left_{{ round }} as (

    select pairs.*
    from {{ ref('int_soma_pairs') if round == 1 else 'left_' ~ (round - 1) }} as pairs
    where
        {{ found_once() }}
        {%- for taker in takers -%}
        {%- for key in ['award_id', 'trade_id'] %}
        and not exists (
            select 1
            from {{ taker }} as taken
            where
                pairs.matching_rule = taken.matching_rule
                and pairs.{{ key }} = taken.{{ key }}
                and {{ taken if round > 1 else 'true' }}
        )
        {%- endfor %}
        {%- endfor %}

),

round_{{ round }} as (

    select *
    from (
{{ caller('left_' ~ round, round) }}
    ) as taking
    where {{ found_once() }}

),

    {% endfor -%}
final as (

    {% for round in rounds -%}
    select * from round_{{ round }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
{% endmacro %}
