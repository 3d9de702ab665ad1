-- One row per matching rule, firm with prime Treasury desks and business day: what it truly sold to the Fed, and what is
-- matched. Awards of the event window only.
with

dealer_firms as (

    select * from {{ ref('int_dealer_firms') }}

),

sold as (

    select
        awards.matching_rule,
        dealer_firms.firm_rssd,
        dealer_firms.business_date,
        sum(sales.sold_par_usd) as sold_par_usd
    from {{ ref('qc_awards_judged') }} as awards
    inner join {{ ref('qc_truth_sales') }} as sales on awards.award_id = sales.award_id
    inner join dealer_firms
        on
            sales.dealer_mpid = dealer_firms.dealer_mpid
            and sales.operation_date = dealer_firms.business_date
    group by awards.matching_rule, dealer_firms.firm_rssd, dealer_firms.business_date

),

matched as (

    select
        legs.matching_rule,
        dealer_firms.firm_rssd,
        dealer_firms.business_date,
        sum(legs.leg_par_usd) as matched_par_usd
    from {{ ref('qc_legs_judged') }} as legs
    inner join {{ ref('int_soma_trade_candidates') }} as trades on legs.trade_id = trades.trade_id
    inner join dealer_firms
        on
            trades.dealer_mpid = dealer_firms.dealer_mpid
            and trades.trade_date = dealer_firms.business_date
    group by legs.matching_rule, dealer_firms.firm_rssd, dealer_firms.business_date

),

final as (

    select
        coalesce(sold.matching_rule, matched.matching_rule) as matching_rule,
        coalesce(sold.firm_rssd, matched.firm_rssd) as firm_rssd,
        coalesce(sold.business_date, matched.business_date) as business_date,
        coalesce(sold.sold_par_usd, 0) as sold_par_usd,
        coalesce(matched.matched_par_usd, 0) as matched_par_usd
    from sold
    full outer join matched
        on
            sold.matching_rule = matched.matching_rule
            and sold.firm_rssd = matched.firm_rssd
            and sold.business_date = matched.business_date

)

select * from final
