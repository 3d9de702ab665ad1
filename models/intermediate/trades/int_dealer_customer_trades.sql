{{ config(materialized='by_cell', cell=['trade_date', 'cusip']) }}

-- One row per day of the event window, CUSIP, dealer and side: its standing trades with customers, and what is counted as such by
-- when_issued_customer_trades and agency_customer_trades.
{% set counted = counted_filters() -%}
{% set reports, undone = ref('stg_trace__reports'), ref('int_trades_undone') -%}
with

standing as (

    select
        trade_date,
        cusip,
        dealer_mpid,
        report_side,
        par_usd
    from {{ ref('int_trades_cleaned') }}
    {% if counted -%}
    union all
    select
        reports.executed_on as trade_date,
        reports.cusip,
        coalesce(reports.reporting_give_up_mpid, reports.reporting_mpid) as dealer_mpid,
        reports.report_side,
        reports.par_usd
    from {{ reports }} as reports
    left join {{ undone }} as undone
        on
            reports.control_date = undone.control_date
            and reports.control_number = undone.control_number
    where
        (
            {% for condition, name in trade_filters() if name in counted -%}
            {{ 'or ' if not loop.first }}coalesce({{ condition }}, false)
            {% endfor -%}
        )
        {% for condition, name in trade_filters() if name not in counted -%}
        and not coalesce({{ condition }}, false)
        {% endfor -%}
    {% endif %}
)

select
    trade_date,
    cusip,
    dealer_mpid,
    report_side,
    sum(par_usd) as par_usd
from standing
where
    trade_date between cast('{{ var("event_start") }}' as date) and cast('{{ var("event_end") }}' as date)
    and {{ is_touched(['trade_date', 'cusip']) }}
group by trade_date, cusip, dealer_mpid, report_side
