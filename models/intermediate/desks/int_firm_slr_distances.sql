-- One row per firm and quarter: supplementary leverage ratio less the minimum that the firm must hold, percent (4.2).
-- The ratio is that of the firm's filer of the FR Y-9C, which may go by another RSSD ID than its desks report under.
-- Where the ratio itself is not in the file it is tier 1 capital over total leverage exposure.
with

ratios as (

    select * from {{ ref('stg_fr_y9c__leverage_ratios') }}

),

firms as (

    select * from {{ ref('stg_reference__firms') }}

),

required as (

    select
        firms.firm_rssd,
        ratios.quarter_end,
        coalesce(
            cast(ratios.slr_pct as double),
            100 * cast(ratios.tier_1_capital_usd_th as double)
            / nullif(cast(ratios.leverage_exposure_usd_th as double), 0)
        ) as slr_pct,
        case when firms.eslr_flag = 'Y' then {{ var('eslr_minimum_pct') }} else {{ var('slr_minimum_pct') }} end
            as minimum_slr_pct
    from ratios
    inner join firms on ratios.firm_rssd = coalesce(firms.fr_y9c_rssd, firms.firm_rssd)

),

final as (

    select
        firm_rssd,
        quarter_end,
        slr_pct,
        minimum_slr_pct,
        slr_pct - minimum_slr_pct as slr_distance_pct
    from required

)

select * from final
