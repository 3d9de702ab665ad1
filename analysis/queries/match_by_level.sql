-- How were awards matched, by level and kind, and how much of their par?
select
    match_level,
    match_kind,
    count(*) as awards,
    sum(matched_trades) as trades,
    round(sum(awarded_par_usd) / 1e9, 2) as awarded_usd_bn,
    round(sum(matched_par_usd) / 1e9, 2) as matched_usd_bn,
    round(100 * sum(matched_par_usd) / sum(sum(awarded_par_usd)) over (), 1) as share_of_par_pct
from {{ ref('fct_soma_award') }}
group by match_level, match_kind
order by match_level nulls last, match_kind
