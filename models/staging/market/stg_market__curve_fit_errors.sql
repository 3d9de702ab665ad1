-- Average absolute yield-curve fitting error, basis points, one row per day. Accepted rows of
-- market.curve_fit_error.
select
    observation_date,
    curve_fit_error_bp,
    raw_file,
from {{ ref('base_market__curve_fit_errors') }}
where reject_reason is null
