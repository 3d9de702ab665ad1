-- The limit usage index by month, beside the MOVE.
select
    cast(date_trunc('month', business_date) as date) as month_start,
    count(*) as business_days,
    round(exp(avg(log_limit_usage_index)), 3) as limit_usage_index,
    round(avg(move), 1) as move
from {{ ref('fct_market_day') }}
group by month_start
order by month_start
