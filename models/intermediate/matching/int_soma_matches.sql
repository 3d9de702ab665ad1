-- One row per matched leg: matching rule, award and a trade that filled it, at all levels. An exact sum of one trade is a kind of
-- its own: the trade has the award's par, as at level 1, but not its time.
{% set exact = "case when count(*) over (partition by matching_rule, award_id) = 1 then 'lone' else 'exact' end" -%}
{% for model, level, kind in [
    ('int_soma_matches_level_1', 1, "'equal'"),
    ('int_soma_matches_level_2_exact', 2, exact),
    ('int_soma_matches_level_2_partial', 2, "'partial'"),
    ('int_soma_matches_level_3', 3, "'by_price'")
] -%}
select
    matching_rule,
    award_id,
    trade_id,
    {{ level }} as match_level,
    {{ kind }} as match_kind,
    leg_par_usd
from {{ ref(model) }}
{{ 'union all' if not loop.last }}
{% endfor %}
