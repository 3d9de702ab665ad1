-- How much of the matched par was sold by dealers whose limits are not known, and why are they not?
select
    firm_status,
    count(distinct dealer_mpid) as dealers,
    count(distinct award_id) as awards,
    round(sum(sold_par_usd) / 1e9, 2) as sold_usd_bn,
    round(100 * sum(sold_par_usd) / sum(sum(sold_par_usd)) over (), 1) as share_pct
from {{ ref('fct_soma_award_dealer') }}
group by firm_status
order by sold_usd_bn desc
