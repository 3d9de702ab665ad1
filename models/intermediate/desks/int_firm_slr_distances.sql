-- One row per firm and quarter: supplementary leverage ratio less the minimum that the firm must hold, percent (4.2).
-- The ratio is that of the firm's filer of the FR Y-9C, which may go by another RSSD ID than its desks report under.
-- Where the ratio itself is not in the file it is tier 1 capital over total leverage exposure. From April 2020 to March 2021
-- Treasuries and balances at the Fed were left out of the exposure: with `slr_relief` added_back they are in it again, as far as the
-- filing has all four items.
{% set relief = "ratios.quarter_end between cast('" ~ var('slr_relief_start') ~ "' as date) and cast('"
    ~ var('slr_relief_end') ~ "' as date)" -%}
with

ratios as (

    select * from {{ ref('stg_fr_y9c__leverage_ratios') }}

),

firms as (

    select * from {{ ref('stg_reference__firms') }}

),

measured as (

    select
        firm_rssd,
        quarter_end,
        cast(slr_pct as double) as filed_slr_pct,
        cast(tier_1_capital_usd_th as double) as tier_1_capital_usd_th,
        cast(leverage_exposure_usd_th as double) as leverage_exposure_usd_th,
        cast(
            us_balances_usd_th + treasuries_held_to_maturity_usd_th + treasuries_for_sale_usd_th
            + treasuries_for_trading_usd_th
            as double
        ) as relieved_usd_th
    from ratios

),

required as (

    select
        firms.firm_rssd,
        ratios.quarter_end,
        case
            when {{ relief }} and {{ 'true' if var('slr_relief') == 'added_back' else 'false' }}
                then
                    100 * ratios.tier_1_capital_usd_th / nullif(
                        coalesce(
                            ratios.leverage_exposure_usd_th,
                            100 * ratios.tier_1_capital_usd_th / nullif(ratios.filed_slr_pct, 0)
                        ) + ratios.relieved_usd_th,
                        0
                    )
            else
                coalesce(
                    ratios.filed_slr_pct,
                    100 * ratios.tier_1_capital_usd_th / nullif(ratios.leverage_exposure_usd_th, 0)
                )
        end as slr_pct,
        case when firms.eslr_flag = 'Y' then {{ var('eslr_minimum_pct') }} else {{ var('slr_minimum_pct') }} end
            as minimum_slr_pct
    from measured as ratios
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
