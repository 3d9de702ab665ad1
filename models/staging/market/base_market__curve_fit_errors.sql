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

numbered as (

    select
        *,
        -- of rows with one key the first is staged; rows that are equal in every column are interchangeable
        row_number() over (
            partition by observation_date
            order by raw_file, curve_fit_error_bp
        ) as copy_number,
    from typed

),

final as (

    select
        observation_date,
        curve_fit_error_bp,
        raw_file,
        {{ reject_reason([
            ["observation_date is null", 'date is not a date'],
            ["copy_number > 1", 'key repeated'],
        ]) }} as reject_reason,
    from numbered

)

select * from final
