-- One row per desk and business day with customer transactions: their value.
with

transactions as (

    select * from {{ ref('stg_fr_vv1__transactions') }}
    where counterparty_kind = 'customer'

),

business_days as (

    select * from {{ ref('int_business_days') }}

),

final as (

    select
        transactions.desk_id,
        transactions.business_date,
        business_days.business_day_index,
        transactions.transaction_value_usd as customer_volume_usd
    from transactions
    inner join business_days on transactions.business_date = business_days.business_date

)

select * from final
