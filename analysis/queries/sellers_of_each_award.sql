-- Who filled each award of a day, and at what price against the average?
select
    cusip,
    round(awarded_par_usd / 1e6, 1) as awarded_usd_mn,
    match_level,
    seller,
    firm_name,
    round(sold_par_usd / 1e6, 1) as sold_usd_mn,
    round(100 * award_share, 1) as award_share_pct,
    round(average_price - average_sale_price, 4) as offer_aggressiveness
from {{ ref('fct_soma_award_dealer') }}
where operation_date = date '2020-03-18'
order by cusip asc, award_id asc, sold_usd_mn desc, seller asc
