-- One row per MPID of a firm that reports desks.
select distinct
    dealers.dealer_mpid,
    dealers.firm_rssd,
from {{ ref('stg_reference__dealers') }} as dealers
inner join {{ ref('int_desks_classified') }} as desks on dealers.firm_rssd = desks.firm_rssd
where desks.is_prime_treasury_desk
