-- One row per decile of limit usage and position measure: the mean log change of prime desks' securities positions over
-- the longest horizon, percent (Figure 4). Ranks are of usage in the desk's own past year, or among all desk-days (`figure_4_ranks`).
{% set ranked_by = {'own_year': 'limit_usage_percentile_rank', 'pooled': 'limit_usage'}[var('figure_4_ranks')] -%}
with

desk_days as (

    select
        desk_id,
        business_date,
        {% if var('figure_4_ranks') == 'pooled' -%}
        percent_rank() over (order by limit_usage) as usage_rank
        {%- else -%}
        limit_usage_percentile_rank as usage_rank
        {%- endif %}
    from {{ ref('fct_desk_day') }}
    where
        is_prime_treasury_desk
        and {{ ranked_by }} is not null

),

changes as (

    select * from {{ ref('obs_desk_horizon') }}
    where horizon = {{ var('horizons') | max }}

),

joined as (

    select
        cast(least(floor(desk_days.usage_rank * 10), 9) + 1 as integer) as usage_rank_decile,
        changes.d_log_net_securities_position,
        changes.d_log_gross_securities_position
    from desk_days
    inner join changes
        on
            desk_days.desk_id = changes.desk_id
            and desk_days.business_date = changes.business_date

),

final as (

    {% for measure in ['net', 'gross'] -%}
    select
        '{{ measure }}' as position_measure,
        usage_rank_decile,
        cast(count(d_log_{{ measure }}_securities_position) as integer) as desk_days,
        100 * cast(sum(cast(d_log_{{ measure }}_securities_position as decimal(28, 14))) as double)
        / nullif(count(d_log_{{ measure }}_securities_position), 0) as mean_log_change_pct
    from joined
    group by usage_rank_decile
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
order by position_measure, usage_rank_decile
