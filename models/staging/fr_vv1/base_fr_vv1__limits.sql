{{ config(materialized='table') }}

-- One row per row of the raw files of fr_vv1.limits: renamed, typed, with the reason to reject it, if any.
with

raw_rows as (

    {{ read_raw('fr_vv1', 'limits') }}

),

typed as (

    select
        try_cast(rssd_id as bigint) as firm_rssd,
        {{ to_text('limit_id') }} as limit_id,
        {{ to_text('limit_name') }} as limit_name,
        {{ to_text('limit_description') }} as limit_description,
        {{ to_text('unit_of_measurement') }} as unit_of_measurement,
        {{ to_text('limit_category') }} as limit_category,
        {{ to_text('limit_source') }} as limit_source,
        raw_file,
    from raw_rows

),

checked as (

    select
        *,
        {{ reject_reason([
            ["limit_id is null", 'limit_id is missing'],
            ["firm_rssd is null", 'rssd_id is not a whole number'],
            ["limit_name is null", 'limit_name is missing'],
        ]) }} as invalid_reason,
    from typed

),

numbered as (

    select
        *,
        -- of valid rows with one key the first is staged; rows equal in every column are interchangeable
        row_number() over (
            partition by limit_id, invalid_reason is null
            order by
                raw_file,
                firm_rssd,
                limit_name,
                limit_description,
                unit_of_measurement,
                limit_category,
                limit_source
        ) as copy_number,
    from checked

),

final as (

    select
        firm_rssd,
        limit_id,
        limit_name,
        limit_description,
        unit_of_measurement,
        limit_category,
        limit_source,
        raw_file,
        coalesce(invalid_reason, case when copy_number > 1 then 'key repeated' end) as reject_reason,
    from numbered

)

select * from final
