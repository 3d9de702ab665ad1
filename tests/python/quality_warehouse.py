"""A small warehouse in which every rule of the quality suites holds."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from dealer_limits.sources.contracts import load_contracts
from dealer_limits.variables import WORDS, documented
from workspace import ROOT

DEFAULTS = documented(ROOT)
# the staged tables are in the same file
EVERYTHING = {"published_schemas": WORDS["published_schemas"]}

# Seven days stand for the business days of the sample: around the first day of the leverage requirement, the
# last day of derivatives at notional and the end of the sample. 40 Treasury desks, 18 prime, of ten firms.
GOOD_WORLD = """
create schema staging;
create schema quality;
create schema marts;
create schema observations;

create table marts.dim_business_day as
select
    business_date,
    cast(row_number() over (order by business_date) as integer) as business_day_index,
    last_day(date_trunc('quarter', business_date) + interval 2 month) as quarter_end,
    cast(date_trunc('quarter', business_date) - interval 1 day as date) as previous_quarter_end,
    true as is_in_sample,
from unnest([
    date '2017-12-28', date '2017-12-29', date '2018-01-02', date '2020-12-30', date '2020-12-31',
    date '2023-03-30', date '2023-03-31',
]) as days (business_date);

create table marts.dim_firm as
select
    firm_rssd,
    'Firm ' || firm_rssd as firm_name,
    firm_rssd <= 7 as is_eslr,
    5 as desk_count,
    4 as treasury_desk_count,
    2 as prime_treasury_desk_count,
from range(1, 11) as firms (firm_rssd);

create table marts.dim_desk as
select
    'desk ' || desk as desk_id,
    1 + desk % 10 as firm_rssd,
    desk < 40 as is_treasury_desk,
    desk < 18 as is_prime_treasury_desk,
    1 as var_limit_count,
from range(50) as desks (desk);

create table marts.dim_security as
select
    '91282800' || n as cusip,
    'Note' as security_type,
    date '2018-01-02' as first_issue_date,
    date '2028-01-02' as maturity_date,
    1 as auction_count,
from range(5) as securities (n);

create table marts.fct_desk_day as
with

sides as (

    select
        desk_id,
        business_date,
        firm_rssd,
        case when business_date <= date '2020-12-30' then 300.1e0 end as long_position_usd_mn,
        case when business_date <= date '2020-12-30' then 200.2e0 end as short_position_usd_mn,
        100.3e0 as long_securities_position_usd_mn,
        150.4e0 as short_securities_position_usd_mn,
        business_date >= date '2018-01-01' as is_slr_binding,
    from marts.dim_desk
    cross join marts.dim_business_day
    where is_treasury_desk

)

select
    * exclude (is_slr_binding),
    abs(long_position_usd_mn - short_position_usd_mn) as net_position_usd_mn,
    long_position_usd_mn + short_position_usd_mn as gross_position_usd_mn,
    abs(long_securities_position_usd_mn - short_securities_position_usd_mn) as net_securities_position_usd_mn,
    long_securities_position_usd_mn + short_securities_position_usd_mn as gross_securities_position_usd_mn,
    5.0e0 as var_usd_mn,
    10.0e0 as var_limit_usd_mn,
    0.5e0 as limit_usage,
    ln(0.5e0) as log_limit_usage,
    0.1e0 as limit_usage_std,
    0.6e0 as limit_usage_percentile_rank,
    3 as limit_usage_quartile,
    desk_id = 'desk 0' as has_dv01_limit,
    case when has_dv01_limit then 0.5e0 end as dv01_limit_usage,
    case when has_dv01_limit then ln(0.5e0) else 0 end as log_dv01_limit_usage,
    0.3e0 as pnl_total_usd_mn,
    0.1e0 as pnl_new_usd_mn,
    0.2e0 as pnl_existing_usd_mn,
    case when is_slr_binding then 1.5e0 end as slr_distance_pct,
    case when is_slr_binding then 1.6e0 end as slr_distance_lag_pct,
    1 / 40 as market_share_weight,
    0.01e0 as firm_limit_increase,
    -0.02e0 as firm_limit_decrease,
from sides;

create table observations.obs_desk_horizon as
select
    desk_id,
    business_date,
    horizon,
    case when business_date < date '2020-12-30' then 0.3e0 end as d_log_net_position,
    case when business_date < date '2020-12-30' then 0.1e0 end as d_log_gross_position,
    case when business_date < date '2020-12-30' then 0.1e0 end as d_log_long_position,
    case when business_date < date '2020-12-30' then 0.1e0 end as d_log_short_position,
    d_log_net_position - d_log_gross_position as d_log_net_to_gross_position,
    0.3e0 as d_log_net_securities_position,
    0.1e0 as d_log_gross_securities_position,
    0.1e0 as d_log_long_securities_position,
    0.1e0 as d_log_short_securities_position,
    0.2e0 as d_log_net_to_gross_securities_position,
    0.1e0 as d_log_assets_le_30d,
    0.1e0 as d_log_assets_gt_30d,
    0.1e0 as d_log_liabilities_le_30d,
    0.1e0 as d_log_liabilities_gt_30d,
    0.1e0 as d_pnl_total_to_var,
    0.1e0 as d_pnl_new_to_var,
    0.1e0 as d_pnl_existing_to_var,
from marts.fct_desk_day
cross join unnest([1, 5, 10]) as horizons (horizon);

create table marts.fct_summary_statistics as
select
    outcome,
    statistic,
    10.0e0 as value,
from unnest(['var', 'limit_usage']) as outcomes (outcome)
cross join unnest(['mean', 'sd', 'p25', 'p50', 'p75', 'count']) as statistics (statistic);

create table quality.qc_row_counts as
select
    'source.' || n as source_table,
    'source/file ' || n as raw_file,
    1000 as rows_read,
    995 as rows_staged,
    5 as rows_rejected,
from range(5) as files (n);

create table staging.stg_fr_vv1__desks as
select
    desk_id,
    firm_rssd,
    'Desk of ' || firm_rssd as desk_name,
    valid_from,
    case when valid_from < date '2019-01-01' then date '2018-12-31' end as valid_to,
from marts.dim_desk
cross join unnest([date '2015-01-01', date '2019-01-01']) as schedules (valid_from);

create table staging.stg_fr_vv1__limits as
select
    'limit ' || desk_id as limit_id,
    'VaR limit' as limit_name,
    'USD' as unit_of_measurement,
    'VaR' as limit_category,
from marts.dim_desk;

create table staging.stg_fr_vv1__limit_usages as
select
    business_date,
    desk_id,
    'limit ' || desk_id as limit_id,
    10e6::decimal(18, 2) as limit_size,
from marts.fct_desk_day;

create table staging.stg_fr_vv1__values_at_risk as
select business_date, desk_id, 5e6::decimal(18, 2) as var_usd from marts.fct_desk_day;

create table staging.stg_fr_vv1__profits as
select
    business_date,
    desk_id,
    6.00::decimal(18, 2) as pnl_comprehensive_usd,
    1.00::decimal(18, 2) as pnl_existing_usd,
    2.00::decimal(18, 2) as pnl_new_usd,
    3.00::decimal(18, 2) as pnl_residual_usd,
from marts.fct_desk_day;

create table staging.stg_fr_vv1__positions as
select
    business_date,
    desk_id,
    1.00::decimal(18, 2) as securities_long_usd,
    2.00::decimal(18, 2) as securities_short_usd,
    3.00::decimal(18, 2) as derivatives_long_usd,
    4.00::decimal(18, 2) as derivatives_short_usd,
    case when business_date <= date '2020-12-30' then 'notional' else 'market' end as derivatives_basis,
from marts.fct_desk_day;

create table staging.stg_fr_vv1__inventory_ages as
select
    business_date,
    desk_id,
    side,
    instrument,
    aging_bucket,
    1.00::decimal(18, 2) as value_usd,
from marts.fct_desk_day
cross join unnest(['assets', 'liabilities']) as sides (side)
cross join unnest(['securities', 'derivatives']) as instruments (instrument)
cross join unnest(['0-30', '31-60', '61-90', '91-180', '181-360', '>360']) as buckets (aging_bucket);

create table staging.stg_fr_vv1__transactions as
select
    business_date,
    desk_id,
    counterparty_kind,
    1.00::decimal(18, 2) as transaction_value_usd,
    1 as transaction_count,
from marts.fct_desk_day
cross join unnest(['customer', 'non_customer']) as kinds (counterparty_kind);

create table staging.stg_fr_y9c__leverage_ratios as
select
    firm_rssd,
    date '2020-03-31' as quarter_end,
    6.5::decimal(18, 4) as slr_pct,
    65::decimal(18, 0) as tier_1_capital_usd_th,
    1000::decimal(18, 0) as leverage_exposure_usd_th,
from marts.dim_firm;

create table staging.stg_reference__firms as
select
    firm_rssd,
    case when is_eslr then 'Y' else 'N' end as eslr_flag,
from marts.dim_firm;

create table staging.stg_reference__dealers as
select
    'DL0' || n as dealer_mpid,
    date '2000-01-01' as primary_from,
    null::date as primary_to,
from range(5) as dealers (n);

create table staging.stg_soma__operations as
select
    'OP' || n as operation_id,
    'soma/file.json' as raw_file,
    'P' as operation_direction,
    date '2020-03-16' as operation_date,
    date '2020-03-17' as settlement_date,
    500::decimal(18, 2) as submitted_par_usd,
    30::decimal(18, 2) as accepted_par_usd,
from range(5) as operations (n);

create table staging.stg_soma__operation_details as
select
    operation_id,
    cusip,
    raw_file,
    'I' as inclusion_indicator,
    10::decimal(18, 2) as accepted_par_usd,
    101.5::decimal(18, 6) as average_price,
from staging.stg_soma__operations
cross join (from marts.dim_security limit 3) as securities;

create table marts.fct_soma_award as
select
    concat(operation_id, '/', cusip) as award_id,
    date '2020-03-16' as operation_date,
    accepted_par_usd as awarded_par_usd,
    average_price,
    case when cusip = '912828000' then 1 else 2 end as match_level,
    case when cusip = '912828000' then 'equal' else 'partial' end as match_kind,
    case when cusip = '912828000' then accepted_par_usd else 4 end as matched_par_usd,
    false as is_search_bounded,
from staging.stg_soma__operation_details;

create table marts.fct_soma_sale as
select
    award_id,
    'trade of ' || award_id as trade_id,
    match_level,
    matched_par_usd as leg_par_usd,
    average_price as sale_price,
    0.0e0 as offer_aggressiveness,
    5.5e0 as years_to_maturity,
from marts.fct_soma_award;

create table marts.fct_firm_day as
select
    firm_rssd,
    business_date,
    0.5e0 as limit_usage_lag,
    1 as soma_sale_indicator,
    20.0e0 as soma_sales_usd_mn,
    0.25e0 as soma_sales_to_customer_sales,
    14.0e0 as log_customer_buys_in_soma,
    15.0e0 as log_customer_buys_not_in_soma,
    15.4e0 as log_customer_buys_total,
from marts.dim_firm
cross join marts.dim_business_day;

create table marts.fct_market_day as
select
    business_date,
    -1.2e0 as log_limit_usage_index,
    80.0e0 as move,
    2.5e0 as curve_fit_error,
from marts.dim_business_day;

create table staging.stg_trace__reports as
select
    date '2020-03-16' as control_date,
    null::date as stated_control_date,
    null::date as previous_control_date,
    'control ' || n as control_number,
    'P' as buyer_capacity,
    null::varchar as seller_capacity,
    'S1' as market_code,
    null::varchar as special_price_flag,
    'S' as report_side,
    'T' as trade_status,
    'D' as price_type,
    'N' as when_issued_flag,
    case when n > 5 then 'Y' end as ats_flag,
    'P' as reporting_capacity,
    case when n > 8 then 'A' end as as_of_code,
    '912828000' as cusip,
    1e6::decimal(18, 2) as par_usd,
    101.5::decimal(18, 6) as entered_price,
    'DL00' as reporting_mpid,
    timestamp '2020-03-16 10:00:00' as executed_at,
    timestamp '2020-03-16 10:05:00' as reported_at,
from range(10) as reports (n);

create table staging.stg_market__treasury_yields as
select business_date as observation_date, 1.5e0 as ten_year_yield_pct from marts.dim_business_day;

create table staging.stg_market__volatility as
select business_date as observation_date, 80.0e0 as move from marts.dim_business_day;

create table staging.stg_market__curve_fit_errors as
select business_date as observation_date, 2.5e0 as curve_fit_error_bp from marts.dim_business_day;

create table staging.stg_market__on_the_run_premiums as
select business_date as observation_date, 10.0e0 as on_the_run_premium_bp from marts.dim_business_day;

create table staging.stg_market__treasury_auctions as
select
    cusip,
    security_type,
    date '2018-01-01' as auction_date,
    first_issue_date as issue_date,
    maturity_date,
    99.5e0 as auction_price,
from marts.dim_security;
"""


# type in the database, and a value that keeps every contract, of columns that no rule of `suites.yml` is
# about
_COLUMNS = {
    "id": ("varchar", "'X'"),
    "text": ("varchar", "'X'"),
    "code": ("varchar", "null"),
    "time": ("varchar", "'11:45:00'"),
    "timestamp": ("timestamp", "timestamp '2020-03-16 10:00:00'"),
    "date": ("date", "date '2020-03-16'"),
    "integer": ("bigint", "1"),
    "usd": ("decimal(18, 2)", "1"),
    "number": ("decimal(20, 6)", "1"),
}


def write_good_world(connection: duckdb.DuckDBPyConnection) -> None:
    """Every table that the suites read; staged ones with all columns of their contracts."""
    connection.execute(GOOD_WORLD)
    connection.execute("create table quality.qc_variables (variable varchar, value varchar)")
    connection.executemany(
        "insert into quality.qc_variables values ($1, $2)",
        [(name, json.dumps(value)) for name, value in (DEFAULTS | EVERYTHING).items()],
    )
    for table in load_contracts().values():
        relation = f"staging.stg_{table.source}__{table.entity}"
        present = {name for name, *_ in connection.execute(f"describe {relation}").fetchall()}
        for column in table.columns:
            if column.as_ not in present:
                type_, value = _COLUMNS[column.type]
                value = f"'{next(iter(column.codes))}'" if column.codes else value
                connection.execute(f"alter table {relation} add column {column.as_} {type_} default {value}")
        if "raw_file" not in present:
            connection.execute(f"alter table {relation} add column raw_file varchar")


def write_warehouse(path: Path, changes: str = "") -> Path:
    """Write the good world to a file, then apply SQL `changes`."""
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        write_good_world(connection)
        connection.execute("create schema about; create table about.build as select 'real' as world")
        if changes:
            connection.execute(changes)
    return path
