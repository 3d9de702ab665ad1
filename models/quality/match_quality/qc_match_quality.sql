-- One row per matching rule and kind of match, and one of all kinds: how right the match is, weighted by par.
with

awards as (

    select * from {{ ref('qc_awards_judged') }}

),

grouped as (

    select
        matching_rule,
        match_kind,
        right_par_usd,
        matched_par_usd,
        reported_par_usd,
        sold_par_usd,
        alternative_subsets
    from awards
    union all
    select
        matching_rule,
        'all' as match_kind,
        right_par_usd,
        matched_par_usd,
        reported_par_usd,
        sold_par_usd,
        alternative_subsets
    from awards

),

final as (

    select
        matching_rule,
        match_kind,
        count(*) as awards,
        100.0 * count(*) / sum(count(*)) over (partition by matching_rule, match_kind = 'all') as awards_pct,
        cast(sum(right_par_usd) as double) / nullif(cast(sum(matched_par_usd) as double), 0) as precision,
        cast(sum(right_par_usd) as double) / nullif(cast(sum(reported_par_usd) as double), 0) as recall,
        cast(sum(right_par_usd) as double) / cast(sum(sold_par_usd) as double) as recall_of_all_fills,
        100.0 * count(*) filter (where alternative_subsets = 0) / nullif(count(alternative_subsets), 0) as unique_pct,
        median(alternative_subsets) as median_alternatives
    from grouped
    group by matching_rule, match_kind

)

select * from final
