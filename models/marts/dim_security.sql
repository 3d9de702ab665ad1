-- One row per Treasury security (CUSIP): its first auction, and how often it was reopened.
with

auctions as (

    select * from {{ ref('stg_market__treasury_auctions') }}

),

first_auctions as (

    select * from auctions
    qualify row_number() over (partition by cusip order by issue_date asc, auction_date asc) = 1

),

counted as (

    select
        cusip,
        count(*) as auction_count
    from auctions
    group by cusip

),

final as (

    select
        first_auctions.cusip,
        first_auctions.security_type,
        first_auctions.security_term,
        first_auctions.auction_date as first_auction_date,
        first_auctions.issue_date as first_issue_date,
        first_auctions.maturity_date,
        cast(counted.auction_count as integer) as auction_count
    from first_auctions
    inner join counted on first_auctions.cusip = counted.cusip

)

select * from final
order by cusip
