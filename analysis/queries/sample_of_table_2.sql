-- How does the N of Table 2 come about, step by step?
select
    horizon,
    step,
    step_name,
    remaining_desk_days,
    removed_desk_days
from {{ ref('qc_sample_funnel') }}
where sample = 'prime_desks' and scope = 'securities_position'
order by horizon, step
