-- One row per bond-market business day of the sample: the limit-usage index, volatility and illiquidity.
-- The residual is of the regression of the index on MOVE over the days that have both.
with

business_days as (

    select * from {{ ref('dim_business_day') }}
    where is_in_sample

),

usage_index as (

    select * from {{ ref('int_limit_usage_index') }}

),

volatility as (

    select * from {{ ref('stg_market__volatility') }}

),

fit_errors as (

    select * from {{ ref('stg_market__curve_fit_errors') }}

),

premiums as (

    select * from {{ ref('stg_market__on_the_run_premiums') }}

),

days as (

    select
        business_days.business_date,
        business_days.is_stress,
        usage_index.log_limit_usage_index,
        cast(volatility.move as double) as move,
        cast(fit_errors.curve_fit_error_bp as double) as curve_fit_error,
        cast(premiums.on_the_run_premium_bp as double) as on_the_run_premium
    from business_days
    left join usage_index on business_days.business_date = usage_index.business_date
    left join volatility on business_days.business_date = volatility.observation_date
    left join fit_errors on business_days.business_date = fit_errors.observation_date
    left join premiums on business_days.business_date = premiums.observation_date

),

-- Least squares by its sums, as decimals: a built-in regression adds floats in an order that varies.
sums as (

    select
        count(*) as observations,
        cast(sum(cast(move as decimal(28, 12))) as double) as sum_move,
        cast(sum(cast(log_limit_usage_index as decimal(28, 12))) as double) as sum_index,
        cast(sum(cast(move * move as decimal(28, 12))) as double) as sum_move_squared,
        cast(sum(cast(move * log_limit_usage_index as decimal(28, 12))) as double) as sum_product
    from days
    where
        move is not null
        and log_limit_usage_index is not null

),

fitted as (

    select
        observations,
        sum_move / nullif(observations, 0) as mean_move,
        sum_index / nullif(observations, 0) as mean_index,
        (sum_product - sum_move * sum_index / nullif(observations, 0))
        / nullif(sum_move_squared - sum_move * sum_move / nullif(observations, 0), 0) as slope
    from sums

),

final as (

    select
        days.business_date,
        days.log_limit_usage_index,
        days.log_limit_usage_index - fitted.mean_index - fitted.slope * (days.move - fitted.mean_move)
            as log_limit_usage_index_residual,
        days.move,
        days.curve_fit_error,
        days.on_the_run_premium,
        days.is_stress
    from days
    cross join fitted

)

select * from final
order by business_date
