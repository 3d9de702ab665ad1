-- One row per bond-market business day.
select
    business_date,
    business_day_index,
    quarter_end,
    previous_quarter_end,
    business_date between cast('{{ var("sample_start") }}' as date) and cast('{{ var("sample_end") }}' as date)
        as is_in_sample,
    business_date between cast('{{ var("stress_start") }}' as date) and cast('{{ var("stress_end") }}' as date)
        as is_stress
from {{ ref('int_business_days') }}
order by business_date
