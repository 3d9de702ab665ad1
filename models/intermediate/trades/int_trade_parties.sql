-- One row per file of TRACE: customer trades, those that name a party, and those of a dealer that the dealer file knows. Of
-- layouts without parties, and of hashes that the file does not know, no award can be matched.
with

reports as (

    select
        raw_file,
        dealer_mpid,
        sum(reports) as customer_trades
    from {{ ref('int_trade_file_totals') }}
    where is_with_customer
    group by raw_file, dealer_mpid

),

dealers as (

    select distinct dealer_mpid
    from {{ ref('stg_reference__dealers') }}

),

final as (

    select
        reports.raw_file,
        sum(reports.customer_trades) as customer_trades,
        sum(case when reports.dealer_mpid is null then 0 else reports.customer_trades end) as trades_with_a_party,
        sum(case when dealers.dealer_mpid is null then 0 else reports.customer_trades end) as trades_of_known_dealers
    from reports
    left join dealers on reports.dealer_mpid = dealers.dealer_mpid
    group by reports.raw_file

)

select * from final
