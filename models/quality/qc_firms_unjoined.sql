-- One row per firm with Treasury desks or of a dealer, and source that it is missing from: what the marts lack of it.
-- Banks that file the FR Y-9C and have neither are no concern of the desk path.
with

firms as (

    select
        firm_rssd,
        firm_name,
        coalesce(fr_y9c_rssd, firm_rssd) as filer_rssd
    from {{ ref('stg_reference__firms') }}

),

ratios as (

    select * from {{ ref('int_firm_slr_distances') }}
    where slr_distance_pct is not null

),

dealers as (

    select
        firm_rssd,
        min(dealer_name) as dealer_name
    from {{ ref('stg_reference__dealers') }}
    where firm_rssd is not null
    group by firm_rssd

),

desk_firms as (

    select
        stretches.firm_rssd,
        min(stretches.firm_name) as firm_name,
        max(cast(desks.is_prime_treasury_desk as integer)) = 1 as has_prime_desks
    from {{ ref('int_desk_firms') }} as stretches
    inner join {{ ref('int_desks_classified') }} as desks on stretches.desk_id = desks.desk_id
    where desks.is_treasury_desk
    group by stretches.firm_rssd

),

-- quarters of which a desk-day of the firm should have a ratio
quarters as (

    select distinct
        desk_days.firm_rssd,
        business_days.previous_quarter_end as quarter_end
    from {{ ref('fct_desk_day') }} as desk_days
    inner join {{ ref('int_business_days') }} as business_days on desk_days.business_date = business_days.business_date
    where desk_days.business_date >= cast('{{ var("slr_start") }}' as date)

),

quarters_without_ratio as (

    select
        quarters.firm_rssd,
        count(*) as quarters_missing,
        min(quarters.quarter_end) as first_quarter_missing,
        max(quarters.quarter_end) as last_quarter_missing
    from quarters
    left join ratios
        on
            quarters.firm_rssd = ratios.firm_rssd
            and quarters.quarter_end = ratios.quarter_end
    where ratios.firm_rssd is null
    group by quarters.firm_rssd

),

final as (

    -- no minimum of the leverage ratio, and so no distance to it
    select
        desk_firms.firm_rssd,
        desk_firms.firm_name,
        'desks' as present_in,
        'firms' as missing_from,
        cast(null as bigint) as filer_rssd,
        cast(null as bigint) as quarters_missing,
        cast(null as date) as first_quarter_missing,
        cast(null as date) as last_quarter_missing
    from desk_firms
    left join firms on desk_firms.firm_rssd = firms.firm_rssd
    where firms.firm_rssd is null
    union all
    select
        firms.firm_rssd,
        firms.firm_name,
        'desks' as present_in,
        'fr_y9c' as missing_from,
        firms.filer_rssd,
        quarters_without_ratio.quarters_missing,
        quarters_without_ratio.first_quarter_missing,
        quarters_without_ratio.last_quarter_missing
    from quarters_without_ratio
    inner join firms on quarters_without_ratio.firm_rssd = firms.firm_rssd
    union all
    -- no sales to the Fed and no customer trades
    select
        desk_firms.firm_rssd,
        desk_firms.firm_name,
        'desks' as present_in,
        'dealers' as missing_from,
        cast(null as bigint) as filer_rssd,
        cast(null as bigint) as quarters_missing,
        cast(null as date) as first_quarter_missing,
        cast(null as date) as last_quarter_missing
    from desk_firms
    left join dealers on desk_firms.firm_rssd = dealers.firm_rssd
    where
        desk_firms.has_prime_desks
        and dealers.firm_rssd is null
    union all
    -- sales to the Fed without limit usage
    select
        dealers.firm_rssd,
        dealers.dealer_name as firm_name,
        'dealers' as present_in,
        'desks' as missing_from,
        cast(null as bigint) as filer_rssd,
        cast(null as bigint) as quarters_missing,
        cast(null as date) as first_quarter_missing,
        cast(null as date) as last_quarter_missing
    from dealers
    left join desk_firms on dealers.firm_rssd = desk_firms.firm_rssd
    where coalesce(not desk_firms.has_prime_desks, true)

)

select * from final
