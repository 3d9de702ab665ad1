-- One row per award of the event window, with what truly filled it. Empty where an award is not in the truth, which then is
-- of other data, and where there is no truth.
with

awards as (

    select * from {{ ref('fct_soma_award') }}

),

sales as (

    select
        award_id,
        sum(sold_par_usd) as sold_par_usd
    from {{ ref('qc_truth_sales') }}
    group by award_id

),

fills as (

    select
        award_id,
        sum(filled_par_usd) as reported_par_usd
    from {{ ref('qc_truth_fills') }}
    group by award_id

),

final as (

    select
        awards.award_id,
        sales.sold_par_usd,
        coalesce(fills.reported_par_usd, 0) as reported_par_usd
    from awards
    left join sales on awards.award_id = sales.award_id
    left join fills on awards.award_id = fills.award_id
    qualify count(*) over () = count(sales.sold_par_usd) over ()

)

select * from final
