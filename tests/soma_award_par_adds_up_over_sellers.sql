-- An award whose par is not that of its sellers and of what is unmatched.
with

sold as (

    select
        award_id,
        sum(sold_par_usd) as sold_par_usd
    from {{ ref('fct_soma_award_dealer') }}
    group by award_id

)

select awards.award_id
from {{ ref('fct_soma_award') }} as awards
left join sold on awards.award_id = sold.award_id
where sold.sold_par_usd is distinct from awards.awarded_par_usd
