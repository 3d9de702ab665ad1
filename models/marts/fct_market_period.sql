-- One row per calendar quarter of the sample, and per state: the month that ends on march_last_day, and all other days. What the
-- shadow cost of limits is set beside.
{% set means = ['move', 'log_limit_usage_index', 'net_position_usd_bn', 'gross_position_usd_bn'] -%}
with

market_days as (

    select * from {{ ref('fct_market_day') }}

),

business_days as (

    select * from {{ ref('dim_business_day') }}

),

-- Of a day, over the prime desks that report it.
positions as (

    select
        business_date,
        cast(sum(cast(net_securities_position_usd_mn as decimal(28, 8))) as double) / 1000 as net_position_usd_bn,
        cast(sum(cast(gross_securities_position_usd_mn as decimal(28, 8))) as double) / 1000 as gross_position_usd_bn
    from {{ ref('fct_desk_day') }}
    where is_prime_treasury_desk
    group by business_date

),

days as (

    select
        market_days.business_date,
        business_days.quarter_end,
        market_days.business_date
        between cast(date_trunc('month', cast('{{ var("march_last_day") }}' as date)) as date)
        and cast('{{ var("march_last_day") }}' as date) as is_march,
        market_days.move,
        market_days.log_limit_usage_index,
        positions.net_position_usd_bn,
        positions.gross_position_usd_bn
    from market_days
    inner join business_days on market_days.business_date = business_days.business_date
    left join positions on market_days.business_date = positions.business_date

),

members as (

    select
        'quarter' as period_kind,
        concat(
            cast(extract(year from quarter_end) as string), '-Q', cast(extract(quarter from quarter_end) as string)
        ) as period,
        {% for mean in means -%}
        {{ mean }},
        {% endfor -%}
        business_date
    from days
    union all
    select
        'state' as period_kind,
        case when is_march then 'march' else 'other_days' end as period,
        {% for mean in means -%}
        {{ mean }},
        {% endfor -%}
        business_date
    from days

),

final as (

    select
        period_kind,
        period,
        min(business_date) as first_day,
        max(business_date) as last_day,
        {% for mean in means -%}
        -- as decimals, so that the order of addition does not matter
        cast(sum(cast({{ mean }} as decimal(28, 12))) as double) / nullif(count({{ mean }}), 0) as average_{{ mean }},
        {% endfor -%}
        cast(count(*) as integer) as business_days
    from members
    group by period_kind, period

)

select * from final
order by period_kind, period
