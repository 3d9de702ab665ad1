-- Both models apply the same filters: one names the first that applies, the other wants that none does.
with

standing as (

    select
        control_date,
        control_number
    from {{ ref('int_trades_classified') }}
    where
        set_apart_as is null
        and {{ is_touched(['control_date'], of='report days') }}

),

cleaned as (

    select
        control_date,
        control_number
    from {{ ref('int_trades_cleaned') }}
    where {{ is_touched(['control_date'], of='report days') }}

)

select
    standing.control_number as standing_control_number,
    cleaned.control_number as cleaned_control_number
from standing
full join cleaned
    on
        standing.control_date = cleaned.control_date
        and standing.control_number = cleaned.control_number
where
    standing.control_number is null
    or cleaned.control_number is null
