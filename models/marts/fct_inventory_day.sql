-- One row per business day with positions: net securities positions of prime Treasury desks, their index and the
-- ten-year yield (Figure 1).
with

desk_days as (

    select * from {{ ref('fct_desk_day') }}
    where is_prime_treasury_desk

),

business_days as (

    select * from {{ ref('dim_business_day') }}

),

yields as (

    select * from {{ ref('stg_market__treasury_yields') }}

),

inventories as (

    select
        business_date,
        count(net_securities_position_usd_mn) as desks,
        cast(sum(cast(net_securities_position_usd_mn as decimal(28, 8))) as double) / 1000
            as net_securities_position_usd_bn
    from desk_days
    where net_securities_position_usd_mn is not null
    group by business_date

),

base as (

    select net_securities_position_usd_bn as base_usd_bn
    from inventories
    where business_date = cast('{{ var("stress_start") }}' as date)

),

final as (

    select
        inventories.business_date,
        cast(inventories.desks as integer) as desks,
        inventories.net_securities_position_usd_bn,
        100 * inventories.net_securities_position_usd_bn / nullif(base.base_usd_bn, 0) as inventory_index,
        cast(yields.ten_year_yield_pct as double) as ten_year_yield_pct,
        coalesce(business_days.is_stress, false) as is_stress
    from inventories
    left join base on true
    left join business_days on inventories.business_date = business_days.business_date
    left join yields on inventories.business_date = yields.observation_date

)

select * from final
order by business_date
