{{ config(materialized='table') }}

-- One row per row of the raw files of market.curve_fit_error: renamed, typed, with the reason to reject it, if any.
with

raw_rows as (

    {{ read_raw('market', 'curve_fit_error') }}

),

typed as (

    select
        {{ to_date('date') }} as observation_date,
        {{ to_number('curve_fit_error_bp') }} as curve_fit_error_bp,
        raw_file,
    from raw_rows

),

checked as (

    select
        *,
        {{ reject_reason([
            ["observation_date is null", 'date is not a date'],
        ]) }} as invalid_reason,
    from typed

),

numbered as (

    select
        *,
        -- of valid rows with one key the first is staged; rows equal in every column are interchangeable
        row_number() over (
            partition by observation_date, invalid_reason is null
            order by raw_file, curve_fit_error_bp
        ) as copy_number,
    from checked

),

final as (

    select
        observation_date,
        curve_fit_error_bp,
        raw_file,
        coalesce(invalid_reason, case when copy_number > 1 then 'key repeated' end) as reject_reason,
    from numbered

)

select * from final
