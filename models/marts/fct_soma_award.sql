-- One row per award of the event window: a purchase operation and a CUSIP of which it bought, with the level at which it
-- was matched under matching_rule.
with

awards as (

    select * from {{ ref('int_soma_awards') }}
    where
        operation_date between cast('{{ var("event_start") }}' as date) and cast('{{ var("event_end") }}' as date)

),

matches as (

    select
        award_id,
        -- an award is matched at one level, in one way
        min(match_level) as match_level,
        min(match_kind) as match_kind,
        count(*) as matched_trades,
        sum(leg_par_usd) as matched_par_usd
    from {{ ref('int_soma_matches') }}
    where matching_rule = '{{ var("matching_rule") }}'
    group by award_id

),

searches as (

    select
        award_id,
        max(exact_subsets) as exact_subsets,
        max(cast(is_beyond_bound as integer)) = 1 as is_beyond_bound
    from {{ ref('int_soma_exact_searches') }}
    where matching_rule = '{{ var("matching_rule") }}'
    group by award_id

),

final as (

    select
        awards.award_id,
        awards.operation_id,
        awards.operation_date,
        awards.closed_at,
        awards.cusip,
        awards.awarded_par_usd,
        awards.average_price,
        matches.match_level,
        coalesce(matches.match_kind, 'none') as match_kind,
        cast(coalesce(matches.matched_trades, 0) as integer) as matched_trades,
        cast(coalesce(matches.matched_par_usd, 0) as decimal(38, 2)) as matched_par_usd,
        -- the subset that was chosen is no alternative
        case when matches.match_kind in ('lone', 'exact') then cast(searches.exact_subsets - 1 as integer) end
            as alternative_subsets,
        coalesce(searches.is_beyond_bound, false) as is_search_bounded
    from awards
    left join matches on awards.award_id = matches.award_id
    left join searches on awards.award_id = searches.award_id

)

select * from final
order by award_id
