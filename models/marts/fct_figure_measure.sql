-- One row per figure and number that its lines can be told by: where they end, turn and lie, beside what the printed axes
-- let one read (Figures 1 to 5).
{%- set is_first_half = var('stress_start')[5:7] | int <= 6 %}
{%- set half_year = ['01-01', '06-30'] if is_first_half else ['07-01', '12-31'] %}
{% set measures = {
    '1': {
        'index_lowest': 'min(inventory_index)',
        'index_highest': 'max(inventory_index)',
        'index_at_stress_end':
            "max(case when business_date = cast('" ~ var('stress_end') ~ "' as date) then inventory_index end)",
        'daily_change_median_pct': 'percentile_cont(0.5) within group (order by abs(daily_change_pct))',
    },
    '2': {
        'usage_highest': 'max(average_limit_usage)',
    },
    '3': {
        'constrained_lowest_usd_bn':
            "min(case when constraint_group = 'constrained' then total_change_usd_bn end)",
        'unconstrained_lowest_usd_bn':
            "min(case when constraint_group = 'unconstrained' then total_change_usd_bn end)",
        'constrained_mean_usd_bn':
            "avg(cast(case when constraint_group = 'constrained' then total_change_usd_bn end as decimal(28, 8)))",
        'unconstrained_mean_usd_bn':
            "avg(cast(case when constraint_group = 'unconstrained' then total_change_usd_bn end as decimal(28, 8)))",
    },
    '4': {
        'net_first_decile_pct':
            "max(case when position_measure = 'net' and usage_rank_decile = 1 then mean_log_change_pct end)",
        'net_last_decile_pct':
            "max(case when position_measure = 'net' and usage_rank_decile = 10 then mean_log_change_pct end)",
        'gross_first_decile_pct':
            "max(case when position_measure = 'gross' and usage_rank_decile = 1 then mean_log_change_pct end)",
        'gross_last_decile_pct':
            "max(case when position_measure = 'gross' and usage_rank_decile = 10 then mean_log_change_pct end)",
    },
    '5': {
        'high_sales_usd_bn': "max(case when usage_group = 'high' then cumulative_soma_sales_usd_bn end)",
        'low_sales_usd_bn': "max(case when usage_group = 'low' then cumulative_soma_sales_usd_bn end)",
        'high_fraction':
            "avg(cast(case when usage_group = 'high' then mean_soma_fraction end as decimal(28, 14)))",
        'low_fraction':
            "avg(cast(case when usage_group = 'low' then mean_soma_fraction end as decimal(28, 14)))",
    },
} -%}
with

inventories as (

    select
        *,
        100 * (inventory_index / lag(inventory_index) over (order by business_date) - 1) as daily_change_pct
    from {{ ref('fct_inventory_day') }}

),

rows_of_figure_1 as (

    select * from inventories
    where
        business_date
        between cast('{{ var("stress_start")[:5] ~ half_year[0] }}' as date)
        and cast('{{ var("stress_start")[:5] ~ half_year[1] }}' as date)

),

rows_of_figure_2 as (

    select * from {{ ref('fct_limit_usage_day') }}

),

rows_of_figure_3 as (

    select * from {{ ref('fct_inventory_change_by_constraint') }}

),

rows_of_figure_4 as (

    select * from {{ ref('fct_position_change_by_usage_rank') }}

),

rows_of_figure_5 as (

    select * from {{ ref('fct_soma_cumulative_sales') }}

),

printed as (

    select * from {{ ref('printed_figures') }}

),

measured as (

    {% for figure, of_figure in measures.items() -%}
    {% set is_last_figure = loop.last -%}
    {% for measure, expression in of_figure.items() -%}
    select
        '{{ figure }}' as figure,
        '{{ measure }}' as measure,
        cast({{ expression }} as double) as level
    from rows_of_figure_{{ figure }}
    {% if not (loop.last and is_last_figure) -%}
    union all
    {% endif -%}
    {% endfor -%}
    {% endfor %}
),

final as (

    select
        measured.figure,
        measured.measure,
        measured.level,
        printed.printed_low,
        printed.printed_high
    from measured
    left join printed
        on
            measured.figure = printed.figure
            and measured.measure = printed.measure

)

select * from final
order by figure, measure
