{#- What sets a TRACE report apart before the event study, in order: [condition, name]. A report counts at the first that
    applies; one at which none applies stands. `undone` is joined to `reports` by control date and number. -#}
{% macro trade_filters() %}
    {%- set counterparty = 'coalesce(reports.contra_give_up_mpid, reports.contra_mpid)' -%}
    {#- the dealer's own: where capacities stand by side, that of its side -#}
    {%- set capacity = "coalesce(reports.reporting_capacity, case reports.report_side when 'B' then reports.buyer_capacity"
        ~ " when 'S' then reports.seller_capacity end, 'P')" -%}
    {{ return([
        ["reports.trade_status = 'X'", "'cancel message'"],
        ["reports.trade_status = 'C'", "'correction message'"],
        ["reports.trade_status = 'Y' or reports.as_of_code = 'R'", "'reversal message'"],
        ["undone.control_number is not null", "undone.undone_as"],
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
