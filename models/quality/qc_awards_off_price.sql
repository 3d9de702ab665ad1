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
        sum(cast(sale_price as decimal(38, 6)) * matched_par_usd) as value_in_hundredths,
    from {{ ref('fct_soma_sale') }}
    group by award_id

),

final as (

    select
        awards.award_id,
        awards.match_level,
        awards.alternative_subsets,
        awards.average_price,
        cast(sales.value_in_hundredths as double) / cast(awards.awarded_par_usd as double) as matched_price,
        cast(sales.value_in_hundredths as double) / cast(awards.awarded_par_usd as double) - cast(awards.average_price as double)
            as price_gap,
    from awards
    inner join sales on awards.award_id = sales.award_id
    where
        abs(cast(sales.value_in_hundredths as double) / cast(awards.awarded_par_usd as double) - cast(awards.average_price as double))
        > {{ var('off_price_usd') }}

)

select * from final
