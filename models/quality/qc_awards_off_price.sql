-- One row per matched award whose par-weighted sale price strays from the published average, $ per $100 of par.
-- Suspicious: some of its trades will have gone to other customers. Wholly matched awards only.
with

awards as (

    select * from {{ ref('fct_soma_award') }}
    where matched_par_usd = awarded_par_usd

),

sales as (

    select
        award_id,
        sum(cast(sale_price as decimal(38, 6)) * leg_par_usd) as value_of_par
    from {{ ref('fct_soma_sale') }}
    group by award_id

),

priced as (

    select
        awards.award_id,
        awards.match_level,
        awards.match_kind,
        awards.alternative_subsets,
        awards.average_price,
        cast(sales.value_of_par as double) / cast(awards.awarded_par_usd as double) as matched_price
    from awards
    inner join sales on awards.award_id = sales.award_id

),

final as (

    select
        *,
        matched_price - cast(average_price as double) as price_gap
    from priced
    where abs(matched_price - cast(average_price as double)) > {{ var('off_price_usd') }}

)

select * from final
