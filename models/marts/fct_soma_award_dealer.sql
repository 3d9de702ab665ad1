-- Who filled each award: one row per award of the event window and dealer that sold, and one for the par that no trade was
-- matched with, under matching_rule. Par adds up to the award over its rows.
with

awards as (

    select * from {{ ref('fct_soma_award') }}

),

sales as (

    select
        award_id,
        dealer_mpid,
        min(firm_rssd) as panel_firm_rssd,
        count(*) as trades,
        sum(leg_par_usd) as sold_par_usd,
        sum(cast(leg_par_usd * sale_price as decimal(38, 6))) as par_times_price
    from {{ ref('fct_soma_sale') }}
    group by award_id, dealer_mpid

),

dealers as (

    select * from {{ ref('dim_dealer') }}

),

firms as (

    select * from {{ ref('dim_firm') }}

),

sold as (

    select
        awards.award_id,
        sales.dealer_mpid as seller,
        sales.dealer_mpid,
        dealers.dealer_name,
        coalesce(sales.panel_firm_rssd, dealers.firm_rssd) as firm_rssd,
        case
            when sales.panel_firm_rssd is not null then 'in the panel'
            when dealers.dealer_mpid is null then 'dealer is in no file'
            when dealers.firm_rssd is null then 'dealer has no firm'
            else 'firm has no prime Treasury desk'
        end as firm_status,
        sales.trades,
        sales.sold_par_usd,
        sales.par_times_price
    from awards
    inner join sales on awards.award_id = sales.award_id
    left join dealers on sales.dealer_mpid = dealers.dealer_mpid

),

unmatched as (

    select
        award_id,
        '(unmatched)' as seller,
        cast(null as string) as dealer_mpid,
        cast(null as string) as dealer_name,
        cast(null as bigint) as firm_rssd,
        'no trade was matched' as firm_status,
        0 as trades,
        awarded_par_usd - matched_par_usd as sold_par_usd,
        cast(null as decimal(38, 6)) as par_times_price
    from awards
    where awarded_par_usd > matched_par_usd

),

sellers as (

    select * from sold
    union all
    select * from unmatched

),

final as (

    select
        awards.award_id,
        sellers.seller,
        awards.operation_id,
        awards.operation_date,
        awards.cusip,
        sellers.dealer_mpid,
        sellers.dealer_name,
        sellers.firm_rssd,
        firms.firm_name,
        sellers.firm_status,
        awards.match_level,
        awards.match_kind,
        awards.awarded_par_usd,
        cast(sellers.sold_par_usd as decimal(18, 2)) as sold_par_usd,
        cast(sellers.sold_par_usd as double) / cast(awards.awarded_par_usd as double) as award_share,
        cast(sellers.trades as integer) as trades,
        awards.average_price,
        cast(sellers.par_times_price as double) / cast(sellers.sold_par_usd as double) as average_sale_price
    from sellers
    inner join awards on sellers.award_id = awards.award_id
    left join firms on sellers.firm_rssd = firms.firm_rssd

)

select * from final
order by award_id, seller
