-- One row per bill and day of maturity; a bill that is reopened is one bill.
with

auctions as (

    select * from {{ ref('stg_market__treasury_auctions') }}
    where security_type in ('Bill', 'CMB')

),

final as (

    select distinct
        cusip,
        maturity_date
    from auctions

)

select * from final
