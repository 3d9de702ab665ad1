-- One row per matching rule, award and trade, of awards that trades no larger than them add up to exactly.
select
    matching_rule,
    award_id,
    trade_id,
    par_usd as leg_par_usd
from {{ ref('int_soma_exact_searches') }}
where is_chosen
