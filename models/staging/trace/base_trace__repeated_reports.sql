{{ config(materialized='table') }}

-- One row per control number that more than one row of the trace files carries.
with

raw_rows as (

    {{ read_raw('trace', 'reports') }}

),

final as (

    select {{ to_text('"SYSTM_CNTRL_NB"') }} as control_number
    from raw_rows
    where {{ to_text('"SYSTM_CNTRL_NB"') }} is not null
    group by {{ to_text('"SYSTM_CNTRL_NB"') }}
    having count(*) > 1

)

select * from final
