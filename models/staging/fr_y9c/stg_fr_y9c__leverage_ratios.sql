-- One row per holding company and quarter, one column per item; items come and go between quarters.
-- Accepted rows of fr_y9c.bulk.
select
    firm_rssd,
    quarter_end,
    firm_name,
    slr_pct,
    tier_1_capital_usd_th,
    leverage_exposure_usd_th,
    raw_file,
from {{ ref('base_fr_y9c__leverage_ratios') }}
where reject_reason is null
