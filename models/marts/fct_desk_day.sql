-- One row per Treasury desk (broad set) and business day of the sample on which the desk reports anything.
-- Positions are of the end of the day: do not sum them over days. firm_* repeat over the desks that a firm has that day.
{% set position_kinds = ['net', 'gross', 'long', 'short'] -%}
with

business_days as (

    select * from {{ ref('int_business_days') }}
    where
        business_date between cast('{{ var("sample_start") }}' as date) and cast('{{ var("sample_end") }}' as date)

),

desks as (

    select * from {{ ref('int_desks_classified') }}
    where is_treasury_desk

),

desk_firms as (

    select * from {{ ref('int_desk_firms') }}

),

positions as (

    select * from {{ ref('int_desk_positions_measured') }}

),

ages as (

    select * from {{ ref('int_desk_inventory_ages_grouped') }}

),

usages as (

    select * from {{ ref('int_desk_limit_usages') }}

),

ranks as (

    select * from {{ ref('int_desk_limit_usages_ranked') }}

),

dv01_limits as (

    select distinct desk_id
    from {{ ref('int_desk_dv01_limits_identified') }}

),

profits as (

    select * from {{ ref('int_desk_profits_scaled') }}

),

volumes as (

    select * from {{ ref('int_desk_customer_volumes') }}

),

shares as (

    select * from {{ ref('int_desk_market_shares') }}

),

distances as (

    select * from {{ ref('int_firm_slr_distances') }}

),

limit_changes as (

    select * from {{ ref('int_firm_limit_changes') }}

),

reported as (

    select
        desk_id,
        business_date
    from positions
    union distinct
    select
        desk_id,
        business_date
    from ages
    union distinct
    select
        desk_id,
        business_date
    from usages
    union distinct
    select
        desk_id,
        business_date
    from profits
    union distinct
    select
        desk_id,
        business_date
    from volumes

),

desk_days as (

    select
        reported.desk_id,
        reported.business_date,
        business_days.business_day_index,
        business_days.quarter_end,
        business_days.previous_quarter_end,
        -- the requirement binds from this day
        reported.business_date >= cast('{{ var("slr_start") }}' as date) as is_slr_binding,
        desk_firms.firm_rssd,
        desks.is_treasury_desk,
        desks.is_prime_treasury_desk
    from reported
    inner join desks on reported.desk_id = desks.desk_id
    inner join business_days on reported.business_date = business_days.business_date
    inner join desk_firms
        on
            reported.desk_id = desk_firms.desk_id
            and reported.business_date between desk_firms.first_day and desk_firms.last_day

),

final as (

    select
        desk_days.desk_id,
        desk_days.business_date,
        desk_days.business_day_index,
        desk_days.firm_rssd,
        desk_days.is_treasury_desk,
        desk_days.is_prime_treasury_desk,
        {% for scope in ['position', 'securities_position'] -%}
        {% for kind in position_kinds -%}
        {{ usd_mn('positions.' ~ kind ~ '_' ~ scope ~ '_usd') }} as {{ kind }}_{{ scope }}_usd_mn,
        {% endfor -%}
        {% endfor -%}
        {% for age in ['assets_le_30d', 'assets_gt_30d', 'liabilities_le_30d', 'liabilities_gt_30d'] -%}
        {{ usd_mn('ages.' ~ age ~ '_usd') }} as {{ age }}_usd_mn,
        {% endfor -%}
        {{ usd_mn('usages.var_usd') }} as var_usd_mn,
        {{ usd_mn('usages.var_limit_usd') }} as var_limit_usd_mn,
        usages.limit_usage,
        {{ ln_or_null('usages.limit_usage') }} as log_limit_usage,
        {{ usd_mn('usages.var_limit_lag_usd') }} as var_limit_lag_usd_mn,
        {{ ln_or_null('usages_before.limit_usage') }} as log_limit_usage_lag,
        -- the change that the usage of the day is the first to have
        {{ ln_or_null(
            'cast(usages.var_limit_lag_usd as double)'
            ~ ' / nullif(cast(usages_before.var_limit_lag_usd as double), 0)'
        ) }} as log_var_limit_change,
        ranks.limit_usage_std,
        ranks.limit_usage_percentile_rank,
        ranks.limit_usage_quartile,
        usages.dv01_limit_usage,
        -- zero for desks without a limit, whose indicator the desk effects absorb; a desk with a limit that uses
        -- none of it has no log
        case
            when dv01_limits.desk_id is null then {{ {'zero': 0, 'missing': 'null'}[var('without_dv01_limit')] }}
            else {{ ln_or_null('usages.dv01_limit_usage') }}
        end as log_dv01_limit_usage,
        dv01_limits.desk_id is not null as has_dv01_limit,
        {% for part in ['total', 'new', 'existing'] -%}
        {{ usd_mn('profits.pnl_' ~ part ~ '_usd') }} as pnl_{{ part }}_usd_mn,
        cast(profits.pnl_{{ part }}_to_var as double) as pnl_{{ part }}_to_var,
        {% endfor -%}
        own_quarter.slr_distance_pct,
        previous_quarter.slr_distance_pct as slr_distance_lag_pct,
        {{ usd_mn('volumes.customer_volume_usd') }} as customer_volume_usd_mn,
        shares.market_share_weight,
        limit_changes.firm_limit_increase,
        limit_changes.firm_limit_decrease
    from desk_days
    {% for daily in ['positions', 'ages', 'usages', 'ranks', 'profits', 'volumes', 'shares'] -%}
    left join {{ daily }}
        on
            desk_days.desk_id = {{ daily }}.desk_id
            and desk_days.business_date = {{ daily }}.business_date
    {% endfor -%}
    left join usages as usages_before
        on
            desk_days.desk_id = usages_before.desk_id
            and desk_days.business_day_index - 1 = usages_before.business_day_index
    left join dv01_limits on desk_days.desk_id = dv01_limits.desk_id
    left join distances as own_quarter
        on
            desk_days.firm_rssd = own_quarter.firm_rssd
            and desk_days.quarter_end = own_quarter.quarter_end
            and desk_days.is_slr_binding
    left join distances as previous_quarter
        on
            desk_days.firm_rssd = previous_quarter.firm_rssd
            and desk_days.previous_quarter_end = previous_quarter.quarter_end
            and desk_days.is_slr_binding
    left join limit_changes
        on
            desk_days.firm_rssd = limit_changes.firm_rssd
            and desk_days.business_date = limit_changes.business_date

)

select * from final
order by desk_id, business_date
