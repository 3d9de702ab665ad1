-- One row per firm and business day of the event window with customer trades: what it bought from customers, in CUSIPs that the
-- Fed bought that day and in others, and what it sold to customers in the former (the Fed is one of them).
with

trades as (

    select * from {{ ref('int_dealer_customer_trades') }}

),

firms as (

    select * from {{ ref('int_dealer_firms') }}

),

awarded as (

    select distinct
        cusip,
        operation_date
    from {{ ref('int_soma_awards') }}

),

final as (

    select
        firms.firm_rssd,
        trades.trade_date as business_date,
        coalesce(sum(trades.par_usd) filter (where trades.report_side = 'B'), 0) as buys_usd,
        coalesce(sum(trades.par_usd) filter (where trades.report_side = 'B' and awarded.cusip is not null), 0)
            as buys_in_soma_usd,
        coalesce(sum(trades.par_usd) filter (where trades.report_side = 'S' and awarded.cusip is not null), 0)
            as sales_in_soma_usd
    from trades
    inner join firms
        on
            trades.dealer_mpid = firms.dealer_mpid
            and trades.trade_date = firms.business_date
    left join awarded
        on
            trades.cusip = awarded.cusip
            and trades.trade_date = awarded.operation_date
    group by firms.firm_rssd, trades.trade_date

)

select * from final
