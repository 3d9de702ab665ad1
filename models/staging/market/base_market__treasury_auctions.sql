{{ config(materialized='table') }}

-- One row per row of the raw files of market.treasury_securities: renamed, typed, with the reason to reject it, if any.
with

raw_rows as (

    {{ read_raw('market', 'treasury_securities') }}

),

typed as (

    select
        upper({{ to_text('"CUSIP"') }}) as cusip,
        {{ to_text('"Security Type"') }} as security_type,
        {{ to_text('"Security Term"') }} as security_term,
        {{ to_date('"Auction Date"', '%m/%d/%Y') }} as auction_date,
        {{ to_date('"Issue Date"', '%m/%d/%Y') }} as issue_date,
        {{ to_date('"Maturity Date"', '%m/%d/%Y') }} as maturity_date,
        {{ to_number('"Price per $100"') }} as auction_price,
        raw_file,
    from raw_rows

),

checked as (

    select
        *,
        {{ reject_reason([
            ["cusip is null", 'CUSIP is missing'],
            ["auction_date is null", 'Auction Date is not a date as MM/DD/YYYY'],
            ["issue_date is null", 'Issue Date is not a date as MM/DD/YYYY'],
            ["maturity_date is null", 'Maturity Date is not a date as MM/DD/YYYY'],
            ["maturity_date <= issue_date", 'Maturity Date is not after Issue Date'],
        ]) }} as invalid_reason,
    from typed

),

numbered as (

    select
        *,
        -- of valid rows with one key the first is staged; rows equal in every column are interchangeable
        row_number() over (
            partition by cusip, issue_date, auction_date, invalid_reason is null
            order by raw_file, security_type, security_term, maturity_date, auction_price
        ) as copy_number,
    from checked

),

final as (

    select
        cusip,
        security_type,
        security_term,
        auction_date,
        issue_date,
        maturity_date,
        auction_price,
        raw_file,
        coalesce(invalid_reason, case when copy_number > 1 then 'key repeated' end) as reject_reason,
    from numbered

)

select * from final
