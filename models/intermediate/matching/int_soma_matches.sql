-- One row per matched leg: matching rule, award and a trade that filled it, at all levels.
{% for level in ['1', '2_exact', '2_partial', '3'] -%}
select
    matching_rule,
    award_id,
    trade_id,
    '{{ level }}' as match_level,
    matched_par_usd
from {{ ref('int_soma_matches_level_' ~ level) }}
{{ 'union all' if not loop.last }}
{% endfor %}
