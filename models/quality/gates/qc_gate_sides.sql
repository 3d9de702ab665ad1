-- Long for short: by firm and quarter, the share of desk-days on which the securities that a desk ages as assets are nearer
-- to its short than to its long position. Only days on which the two differ by a fifth can tell.
with

assets as (

    select
        desk_id,
        business_date,
        cast(sum(value_usd) as double) as assets_usd
    from {{ ref('stg_fr_vv1__inventory_ages') }}
    where
        side = 'assets'
        and instrument = 'securities'
    group by desk_id, business_date

),

positions as (

    select
        desk_id,
        business_date,
        cast(securities_long_usd as double) as securities_long_usd,
        cast(securities_short_usd as double) as securities_short_usd
    from {{ ref('stg_fr_vv1__positions') }}

),

firms as (

    select
        desk_id,
        min(firm_rssd) as firm_rssd
    from {{ ref('stg_fr_vv1__desks') }}
    group by desk_id

),

told as (

    select
        firms.firm_rssd,
        extract(year from positions.business_date) as year_of_day,
        extract(quarter from positions.business_date) as quarter_of_day,
        abs(assets.assets_usd - positions.securities_short_usd) < abs(assets.assets_usd - positions.securities_long_usd)
            as is_nearer_to_short
    from assets
    inner join positions
        on
            assets.desk_id = positions.desk_id
            and assets.business_date = positions.business_date
    inner join firms on assets.desk_id = firms.desk_id
    where
        assets.assets_usd > 0
        and abs(positions.securities_long_usd - positions.securities_short_usd)
        > 0.2 * greatest(positions.securities_long_usd, positions.securities_short_usd)

),

final as (

    select
        'long_for_short' as gate,
        'fr_vv1.positions' as subject,
        concat('firm ', firm_rssd, ', ', year_of_day, ' Q', quarter_of_day) as part,
        count(*) as counted,
        round(cast(count(*) filter (where is_nearer_to_short) as double) / count(*), 4) as measured
    from told
    group by firm_rssd, year_of_day, quarter_of_day

)

select * from final
