{#- What sets a TRACE report apart before the event study, in order: [condition, name]. A report counts at the first that
    applies; one at which none applies stands. `undone` is joined to `reports` by control date and number. With
    of_undone=false, as if no message undid a report. -#}
{% macro trade_filters(of_undone=true) %}
    {%- set counterparty = 'coalesce(reports.contra_give_up_mpid, reports.contra_mpid)' -%}
    {#- the dealer's own: where capacities stand by side, that of its side -#}
    {%- set capacity = "coalesce(reports.reporting_capacity, case reports.report_side when 'B' then reports.buyer_capacity"
        ~ " when 'S' then reports.seller_capacity end, 'P')" -%}
    {%- set of_messages = [
        ["reports.trade_status = 'X'", "'cancel message'"],
        ["reports.trade_status = 'C'", "'correction message'"],
        ["reports.trade_status = 'Y' or reports.as_of_code = 'R'", "'reversal message'"],
    ] + ([["undone.control_number is not null", "undone.undone_as"]] if of_undone else []) -%}
    {{ return(of_messages + [
        ["reports.when_issued_flag = 'Y'", "'when-issued'"],
        ["reports.market_code <> 'S1'", "'primary market'"],
        ["reports.special_price_flag = 'Y'", "'special price'"],
        ["reports.price_type <> 'D'", "'yield-priced'"],
        ["reports.report_side = 'X'", "'cross'"],
        [counterparty ~ " = 'A'", "'affiliate'"],
        ["coalesce(" ~ counterparty ~ ", '') <> 'C' and reports.report_side = 'B'", "'interdealer double'"],
        ["coalesce(" ~ counterparty ~ ", '') <> 'C'", "'interdealer'"],
        [capacity ~ " <> 'P'", "'agency'"],
    ]) }}
{% endmacro %}

{#- The first filter that applies; null where none does. -#}
{% macro set_apart_as(filters) %}
        case
            {% for condition, name in filters -%}
            when {{ condition }} then {{ name }}
            {% endfor -%}
        end
{%- endmacro %}

{#- Filters that do not keep a trade out of what a dealer trades with customers, by the variables that say so. -#}
{% macro counted_filters() %}
    {%- set counted = {"'when-issued'": var('when_issued_customer_trades'), "'agency'": var('agency_customer_trades')} -%}
    {{ return(counted.items() | selectattr(1, 'eq', 'included') | map('first') | list) }}
{% endmacro %}

{#- Where a report says no settlement, it settles when it is executed. -#}
{% macro settlement_of_report() %}
    {{- 'coalesce(reports.settlement_date, reports.executed_on)' -}}
{% endmacro %}

{#- The links of messages to the rows that they name: {link_date, link_number}. Its own number is a link of a cancel and of the
    old half of a correction. -#}
{% macro links_of_messages(messages) %}
    select
        *,
        previous_control_date as link_date,
        previous_control_number as link_number,
        false as is_own
    from {{ messages }}
    where previous_control_number is not null
    union all
    select
        *,
        stated_control_date as link_date,
        control_number as link_number,
        true as is_own
    from {{ messages }}
    where trade_status in ('X', 'C')
{%- endmacro %}
