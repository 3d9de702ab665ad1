-- One row per desk and business day with positions: net, gross, long and short, of securities, and of securities
-- and derivatives combined (4.1.4). Net is |long - short|. Combined only while derivatives are at notional:
-- market values of derivatives are no positions.
with

positions as (

    select
        *,
        derivatives_basis = 'notional'
        and business_date <= cast('{{ var("combined_positions_end") }}' as date) as is_at_notional
    from {{ ref('stg_fr_vv1__positions') }}

),

business_days as (

    select * from {{ ref('int_business_days') }}

),

sides as (

    select
        positions.desk_id,
        positions.business_date,
        business_days.business_day_index,
        positions.securities_long_usd as long_securities_position_usd,
        positions.securities_short_usd as short_securities_position_usd,
        case when positions.is_at_notional then positions.securities_long_usd + positions.derivatives_long_usd end
            as long_position_usd,
        case when positions.is_at_notional then positions.securities_short_usd + positions.derivatives_short_usd end
            as short_position_usd
    from positions
    inner join business_days on positions.business_date = business_days.business_date

),

final as (

    select
        *,
        abs(long_position_usd - short_position_usd) as net_position_usd,
        long_position_usd + short_position_usd as gross_position_usd,
        abs(long_securities_position_usd - short_securities_position_usd) as net_securities_position_usd,
        long_securities_position_usd + short_securities_position_usd as gross_securities_position_usd
    from sides

)

select * from final
