-- One row per matching rule, award and candidate of its CUSIP and day: what every level chooses from. The rules differ in
-- which of several exact sums they take (level 2), and so in what they leave to later awards and levels.
with

awards as (

    select * from {{ ref('int_soma_awards') }}

),

trades as (

    select * from {{ ref('int_soma_trade_candidates') }}

),

final as (

    select
        rules.matching_rule,
        awards.award_id,
        trades.trade_id,
        awards.award_of_cusip_day,
        awards.awarded_par_usd,
        awards.average_price,
        trades.par_usd,
        trades.price,
        {{ seconds_between('awards.timed_at', 'trades.executed_at') }} as seconds_from_close
    from awards
    inner join trades
        on
            awards.cusip = trades.cusip
            and awards.operation_date = trades.trade_date
    cross join {{ matching_rules() }} as rules

)

select * from final
