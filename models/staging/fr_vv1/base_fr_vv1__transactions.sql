{{ config(materialized='table') }}

-- One row per row of the raw files of fr_vv1.transactions: renamed, typed, with the reason to reject it, if any.
with

raw_rows as (

    {{ read_raw('fr_vv1', 'transactions') }}

),

typed as (

    select
        {{ to_date('business_date') }} as business_date,
        {{ to_text('desk_id') }} as desk_id,
        lower(trim(cast(counterparty_kind as varchar))) as counterparty_kind,
        {{ to_usd('transaction_value') }} as transaction_value_usd,
        try_cast(transaction_count as bigint) as transaction_count,
        raw_file,
    from raw_rows

),

checked as (

    select
        *,
        {{ reject_reason([
            ["business_date is null", 'business_date is not a date'],
            ["desk_id is null", 'desk_id is missing'],
            ["counterparty_kind is null", 'counterparty_kind is missing'],
            ["transaction_value_usd is null", 'transaction_value is not a number'],
            ["transaction_value_usd < 0", 'transaction_value is negative'],
        ]) }} as invalid_reason,
    from typed

),

numbered as (

    select
        *,
        -- of valid rows with one key the first is staged; rows equal in every column are interchangeable
        row_number() over (
            partition by business_date, desk_id, counterparty_kind, invalid_reason is null
            order by raw_file, transaction_value_usd, transaction_count
        ) as copy_number,
    from checked

),

final as (

    select
        business_date,
        desk_id,
        counterparty_kind,
        transaction_value_usd,
        transaction_count,
        raw_file,
        coalesce(invalid_reason, case when copy_number > 1 then 'key repeated' end) as reject_reason,
    from numbered

)

select * from final
