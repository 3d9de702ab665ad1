-- One row per firm that reports desks.
with

firms as (

    select * from {{ ref('stg_reference__firms') }}

),

desks as (

    select
        firm_rssd,
        min(firm_name) as reported_name,
        count(*) as desk_count,
        count(*) filter (where is_treasury_desk) as treasury_desk_count,
        count(*) filter (where is_prime_treasury_desk) as prime_treasury_desk_count,
    from {{ ref('int_desks_classified') }}
    group by firm_rssd

),

final as (

    select
        desks.firm_rssd,
        coalesce(firms.firm_name, desks.reported_name) as firm_name,
        firms.eslr_flag = 'Y' as is_eslr,
        cast(desks.desk_count as integer) as desk_count,
        cast(desks.treasury_desk_count as integer) as treasury_desk_count,
        cast(desks.prime_treasury_desk_count as integer) as prime_treasury_desk_count,
    from desks
    left join firms on desks.firm_rssd = firms.firm_rssd

)

select * from final
order by firm_rssd
