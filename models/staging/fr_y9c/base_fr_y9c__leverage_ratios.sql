{{ config(materialized='table') }}

-- One row per row of the raw files of fr_y9c.bulk: renamed, typed, with the reason to reject it, if any.
with

raw_rows as (

    {{ read_raw('fr_y9c', 'bulk') }}

),

typed as (

    select
        try_cast("RSSD9001" as bigint) as firm_rssd,
        {{ to_date('"RSSD9999"', '%Y%m%d') }} as quarter_end,
        {{ to_text('"RSSD9017"') }} as firm_name,
        {{ to_number('"BHCAH036"', missing='--------') }} as slr_pct,
        {{ to_number('"BHCA8274"', missing='--------') }} as tier_1_capital_usd_th,
        {{ to_number('"BHCALE88"', missing='--------') }} as leverage_exposure_usd_th,
        raw_file,
    from raw_rows

),

checked as (

    select
        *,
        {{ reject_reason([
            ["firm_rssd is null", 'RSSD9001 is not a whole number'],
            ["quarter_end is null", 'RSSD9999 is not a date as YYYYMMDD'],
        ]) }} as invalid_reason,
    from typed

),

numbered as (

    select
        *,
        -- of valid rows with one key the first is staged; rows equal in every column are interchangeable
        row_number() over (
            partition by firm_rssd, quarter_end, invalid_reason is null
            order by raw_file, firm_name, slr_pct, tier_1_capital_usd_th, leverage_exposure_usd_th
        ) as copy_number,
    from checked

),

final as (

    select
        firm_rssd,
        quarter_end,
        firm_name,
        slr_pct,
        tier_1_capital_usd_th,
        leverage_exposure_usd_th,
        raw_file,
        coalesce(invalid_reason, case when copy_number > 1 then 'key repeated' end) as reject_reason,
    from numbered

)

select * from final
