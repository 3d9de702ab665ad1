-- One row per MPID and business day on which it belongs to a firm that has prime Treasury desks that day.
-- Of several rows of an MPID, the one whose period as primary dealer holds the day says whose it is, then one without
-- such a period, then the last that ended before the day, then the first to come.
with

dealers as (

    select * from {{ ref('stg_reference__dealers') }}

),

business_days as (

    select * from {{ ref('int_business_days') }}

),

firm_days as (

    select distinct
        desk_firms.firm_rssd,
        business_days.business_date
    from {{ ref('int_desk_firms') }} as desk_firms
    inner join {{ ref('int_desks_classified') }} as desks on desk_firms.desk_id = desks.desk_id
    inner join business_days
        on business_days.business_date between desk_firms.first_day and desk_firms.last_day
    where desks.is_prime_treasury_desk

),

-- few of all MPIDs are ever of such a firm
mpids as (

    select distinct dealers.dealer_mpid
    from dealers
    inner join firm_days on dealers.firm_rssd = firm_days.firm_rssd

),

dated as (

    select
        dealers.dealer_mpid,
        dealers.firm_rssd,
        dealers.valid_from,
        dealers.primary_from,
        business_days.business_date,
        case
            when dealers.primary_from is null then 2
            when dealers.primary_from > business_days.business_date then 4
            when dealers.primary_to < business_days.business_date then 3
            else 1
        end as place
    from dealers
    inner join mpids on dealers.dealer_mpid = mpids.dealer_mpid
    inner join business_days
        on
            coalesce(dealers.valid_from, business_days.business_date) <= business_days.business_date
            and coalesce(dealers.valid_to, business_days.business_date) >= business_days.business_date

),

daily as (

    select
        dealer_mpid,
        business_date,
        firm_rssd
    from dated
    -- an MPID has one row of each primary_from and valid_from
    qualify
        row_number() over (
            partition by dealer_mpid, business_date
            order by
                place asc,
                case when place < 4 then primary_from end desc nulls last,
                primary_from asc,
                valid_from desc nulls last
        ) = 1

),

final as (

    select
        daily.dealer_mpid,
        daily.business_date,
        daily.firm_rssd
    from daily
    inner join firm_days
        on
            daily.firm_rssd = firm_days.firm_rssd
            and daily.business_date = firm_days.business_date

)

select * from final
