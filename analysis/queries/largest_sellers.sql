-- Who sold most to the Fed in the event window, how near to limits were they, and how cheaply did they sell?
with

sales as (

    select
        operation_date,
        seller,
        dealer_name,
        firm_rssd,
        sold_par_usd,
        average_price - average_sale_price as offer_aggressiveness
    from {{ ref('fct_soma_award_dealer') }}
    where dealer_mpid is not null

)

select
    sales.seller,
    sales.dealer_name,
    round(sum(sales.sold_par_usd) / 1e9, 2) as sold_usd_bn,
    round(100 * sum(sales.sold_par_usd) / sum(sum(sales.sold_par_usd)) over (), 1) as share_pct,
    round(avg(firm_days.limit_usage), 3) as limit_usage_on_days_of_sales,
    round(sum(sales.sold_par_usd * sales.offer_aggressiveness) / sum(sales.sold_par_usd), 4) as offer_aggressiveness
from sales
left join {{ ref('fct_firm_limit_day') }} as firm_days
    on
        sales.firm_rssd = firm_days.firm_rssd
        and sales.operation_date = firm_days.business_date
group by sales.seller, sales.dealer_name
order by sold_usd_bn desc, sales.seller asc
