-- One row per business day of the sample, as in fct_market_day: what the regressions of Table 15 read.
select
    business_date,
    curve_fit_error,
    on_the_run_premium,
    move,
    log_limit_usage_index,
    log_limit_usage_index_residual
from {{ ref('fct_market_day') }}
order by business_date
