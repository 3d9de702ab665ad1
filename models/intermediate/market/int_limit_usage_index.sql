-- One row per business day: the limit-usage index, log limit usage of prime desks weighted by their share of past
-- customer volume (eq. 14). Summed as decimals, which add up the same in any order.
with

usages as (

    select
        desk_id,
        business_date,
        {{ ln_or_null('limit_usage') }} as log_limit_usage
    from {{ ref('int_desk_limit_usages') }}

),

shares as (

    select * from {{ ref('int_desk_market_shares') }}

),

final as (

    select
        shares.business_date,
        count(*) as desks,
        cast(
            sum(cast(shares.market_share_weight * usages.log_limit_usage as decimal(28, 16))) as double
        ) as log_limit_usage_index
    from shares
    inner join usages
        on
            shares.desk_id = usages.desk_id
            and shares.business_date = usages.business_date
    where
        shares.market_share_weight is not null
        and usages.log_limit_usage is not null
    group by shares.business_date

)

select * from final
