-- One row per dealer: an MPID, with its firm, its name and its period as primary dealer, as of its latest row. A dealer is an
-- MPID, a firm an RSSD ID; whose the MPID is on a day, int_dealer_firms says.
with

dealers as (

    select * from {{ ref('stg_reference__dealers') }}

),

final as (

    select
        dealer_mpid,
        firm_rssd,
        dealer_name,
        primary_from,
        primary_to
    from dealers
    -- an MPID has one row of each primary_from and valid_from
    qualify
        row_number() over (
            partition by dealer_mpid
            order by
                coalesce(valid_from, primary_from) desc nulls last,
                primary_from desc nulls last,
                valid_from desc nulls last
        ) = 1

)

select * from final
order by dealer_mpid
