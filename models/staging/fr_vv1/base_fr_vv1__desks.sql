{{ config(materialized='table') }}

-- One row per row of the raw files of fr_vv1.desks: renamed, typed, with the reason to reject it, if any.
with

raw_rows as (

    {{ read_raw('fr_vv1', 'desks') }}

),

typed as (

    select
        try_cast(rssd_id as bigint) as firm_rssd,
        {{ to_text('firm_name') }} as firm_name,
        {{ to_text('desk_id') }} as desk_id,
        {{ to_text('desk_name') }} as desk_name,
        {{ to_text('desk_description') }} as desk_description,
        {{ to_text('claimed_exclusions') }} as claimed_exclusions,
        {{ to_date('valid_from') }} as valid_from,
        {{ to_date('valid_to') }} as valid_to,
        raw_file,
    from raw_rows

),

checked as (

    select
        *,
        {{ reject_reason([
            ["desk_id is null", 'desk_id is missing'],
            ["firm_rssd is null", 'rssd_id is not a whole number'],
            ["valid_from is null", 'valid_from is not a date'],
            ["valid_to < valid_from", 'valid_to is before valid_from'],
        ]) }} as invalid_reason,
    from typed

),

numbered as (

    select
        *,
        -- of valid rows with one key the first is staged; rows equal in every column are interchangeable
        row_number() over (
            partition by desk_id, valid_from, invalid_reason is null
            order by raw_file, firm_rssd, firm_name, desk_name, desk_description, claimed_exclusions, valid_to
        ) as copy_number,
    from checked

),

final as (

    select
        firm_rssd,
        firm_name,
        desk_id,
        desk_name,
        desk_description,
        claimed_exclusions,
        valid_from,
        valid_to,
        raw_file,
        coalesce(invalid_reason, case when copy_number > 1 then 'key repeated' end) as reject_reason,
    from numbered

)

select * from final
