-- One row per leg: an award of the event window and a trade that filled it, whole or in part, under matching_rule.
-- awarded_par_usd and average_price are the award's: they repeat over its legs, do not sum them.
with

matches as (

    select * from {{ ref('int_soma_matches') }}
    where matching_rule = '{{ var("matching_rule") }}'

),

awards as (

    select * from {{ ref('fct_soma_award') }}

),

trades as (

    select * from {{ ref('int_soma_trade_candidates') }}

),

firms as (

    select * from {{ ref('int_dealer_firms') }}

),

securities as (

    select * from {{ ref('dim_security') }}

),

business_days as (

    select * from {{ ref('int_business_days') }}

),

usages as (

    select * from {{ ref('int_firm_limit_usages') }}

),

final as (

    select
        matches.award_id,
        matches.trade_id,
        awards.operation_date,
        awards.cusip,
        trades.dealer_mpid,
        firms.firm_rssd,
        matches.match_level,
        matches.match_kind,
        awards.awarded_par_usd,
        cast(matches.leg_par_usd as decimal(18, 2)) as leg_par_usd,
        trades.executed_at,
        trades.price as sale_price,
        awards.average_price,
        -- higher: the dealer sold cheaper than the average seller ($ per $100 of par)
        cast(awards.average_price - trades.price as double) as offer_aggressiveness,
        awards.alternative_subsets,
        cast(
            {{ dbt.datediff('awards.operation_date', 'securities.maturity_date', 'day') }}
            as double
        ) / 365.25 as years_to_maturity,
        {{ ln_or_null('usages.limit_usage') }} as log_limit_usage_lag
    from matches
    inner join awards on matches.award_id = awards.award_id
    inner join trades on matches.trade_id = trades.trade_id
    inner join business_days on awards.operation_date = business_days.business_date
    left join securities on awards.cusip = securities.cusip
    left join firms
        on
            trades.dealer_mpid = firms.dealer_mpid
            and awards.operation_date = firms.business_date
    left join usages
        on
            firms.firm_rssd = usages.firm_rssd
            and business_days.business_day_index - 1 = usages.business_day_index

)

select * from final
order by award_id, trade_id
