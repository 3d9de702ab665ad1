-- One row per firm that reports desks, or did: a desk that moves counts at each of its firms.
with

firms as (

    select * from {{ ref('stg_reference__firms') }}

),

firm_desks as (

    select
        firm_rssd,
        desk_id,
        min(firm_name) as reported_name
    from {{ ref('int_desk_firms') }}
    group by firm_rssd, desk_id

),

desks as (

    select
        firm_desks.firm_rssd,
        min(firm_desks.reported_name) as reported_name,
        count(*) as desk_count,
        count(*) filter (where classified.is_treasury_desk) as treasury_desk_count,
        count(*) filter (where classified.is_prime_treasury_desk) as prime_treasury_desk_count
    from firm_desks
    inner join {{ ref('int_desks_classified') }} as classified on firm_desks.desk_id = classified.desk_id
    group by firm_desks.firm_rssd

),

final as (

    select
        desks.firm_rssd,
        coalesce(firms.firm_name, desks.reported_name) as firm_name,
        firms.eslr_flag = 'Y' as is_eslr,
        cast(desks.desk_count as integer) as desk_count,
        cast(desks.treasury_desk_count as integer) as treasury_desk_count,
        cast(desks.prime_treasury_desk_count as integer) as prime_treasury_desk_count
    from desks
    left join firms on desks.firm_rssd = firms.firm_rssd

)

select * from final
order by firm_rssd
