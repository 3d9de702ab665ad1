-- One row per award that is matched by nothing or falls short, with what there was to match.
with

awards as (

    select * from {{ ref('fct_soma_award') }}
    where matched_par_usd < awarded_par_usd

),

candidates as (

    select
        cusip,
        trade_date,
        count(*) as candidate_trades,
        sum(par_usd) as candidate_par_usd
    from {{ ref('int_soma_trade_candidates') }}
    group by cusip, trade_date

),

final as (

    select
        awards.award_id,
        awards.match_level,
        awards.match_kind,
        awards.awarded_par_usd,
        awards.matched_par_usd,
        awards.awarded_par_usd - awards.matched_par_usd as unmatched_par_usd,
        coalesce(candidates.candidate_trades, 0) as candidate_trades,
        coalesce(candidates.candidate_par_usd, 0) as candidate_par_usd
    from awards
    left join candidates
        on
            awards.cusip = candidates.cusip
            and awards.operation_date = candidates.trade_date

)

select * from final
