{{ config(materialized='table') }}

-- One row per row of the raw files of reference.firms: renamed, typed, with the reason to reject it, if any.
with

raw_rows as (

    {{ read_raw('reference', 'firms') }}

),

typed as (

    select
        try_cast("RSSD" as bigint) as firm_rssd,
        {{ to_text('"NAME"') }} as firm_name,
        upper({{ to_text('"ESLR"') }}) as eslr_flag,
        raw_file,
    from raw_rows

),

checked as (

    select
        *,
        {{ reject_reason([
            ["firm_rssd is null", 'RSSD is not a whole number'],
            ["coalesce(eslr_flag, '') not in ('Y', 'N')", 'ESLR is neither Y nor N'],
        ]) }} as invalid_reason,
    from typed

),

numbered as (

    select
        *,
        -- of valid rows with one key the first is staged; rows equal in every column are interchangeable
        row_number() over (
            partition by firm_rssd, invalid_reason is null
            order by raw_file, firm_name, eslr_flag
        ) as copy_number,
    from checked

),

final as (

    select
        firm_rssd,
        firm_name,
        eslr_flag,
        raw_file,
        coalesce(invalid_reason, case when copy_number > 1 then 'key repeated' end) as reject_reason,
    from numbered

)

select * from final
