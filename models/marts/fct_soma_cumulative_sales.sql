-- One row per group of firms and business day of the event window: sales to the Fed added up since its first day, and the
-- share of a day's sales to customers that went to the Fed, averaged over the firms of the group (Figure 5). Firms of
-- high usage are those with a limit usage above the median of {{ var('grouping_date') }}.
with

dealer_days as (

    select * from {{ ref('fct_firm_day') }}

),

usages as (

    select * from {{ ref('int_firm_limit_usages') }}
    where business_date = cast('{{ var("grouping_date") }}' as date)

),

firms as (

    select distinct firm_rssd
    from dealer_days

),

ranked as (

    select
        firms.firm_rssd,
        -- firm_rssd breaks ties, so that the groups have the same size where the number of firms is even
        row_number() over (order by usages.limit_usage desc, firms.firm_rssd asc) as usage_rank,
        count(*) over () as firms
    from firms
    inner join usages on firms.firm_rssd = usages.firm_rssd

),

firm_groups as (

    select
        firm_rssd,
        case when usage_rank <= firms / 2 then 'high' else 'low' end as usage_group
    from ranked

),

group_days as (

    select
        firm_groups.usage_group,
        dealer_days.business_date,
        count(*) as firms,
        count(dealer_days.soma_sales_to_customer_sales) as firms_with_fraction,
        -- decimals add up the same in any order; par is exact to the cent
        sum(cast(dealer_days.soma_sales_usd_mn as decimal(28, 8))) as soma_sales_usd_mn,
        sum(cast(dealer_days.soma_sales_to_customer_sales as decimal(28, 14))) as fractions
    from dealer_days
    inner join firm_groups on dealer_days.firm_rssd = firm_groups.firm_rssd
    group by firm_groups.usage_group, dealer_days.business_date

),

final as (

    select
        usage_group,
        business_date,
        cast(firms as integer) as firms,
        cast(soma_sales_usd_mn as double) / 1000 as soma_sales_usd_bn,
        cast(
            sum(soma_sales_usd_mn) over (
                partition by usage_group
                order by business_date asc
                rows between unbounded preceding and current row
            ) as double
        ) / 1000 as cumulative_soma_sales_usd_bn,
        cast(firms_with_fraction as integer) as firms_with_fraction,
        cast(fractions as double) / nullif(firms_with_fraction, 0) as mean_soma_fraction
    from group_days

)

select * from final
order by usage_group, business_date
