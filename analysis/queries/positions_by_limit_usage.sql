-- Are desks nearer to their limits smaller? Average positions of prime desks by quartile of their own usage.
select
    limit_usage_quartile,
    count(*) as desk_days,
    round(avg(limit_usage), 3) as limit_usage,
    round(avg(net_securities_position_usd_mn), 1) as net_position_usd_mn,
    round(avg(gross_securities_position_usd_mn), 1) as gross_position_usd_mn,
    round(avg(var_usd_mn), 2) as var_usd_mn
from {{ ref('fct_desk_day') }}
where is_prime_treasury_desk and limit_usage_quartile is not null
group by limit_usage_quartile
order by limit_usage_quartile
