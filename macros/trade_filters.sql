{#- What sets a TRACE report apart before the event study, in order: [condition, name]. A report counts at the first that
    applies; one at which none applies stands. `undone` is joined to `reports` by control number. -#}
{% macro trade_filters() %}
    {%- set counterparty = 'coalesce(reports.contra_give_up_mpid, reports.contra_mpid)' -%}
    {{ return([
        ["reports.trade_status = 'X'", "'cancel message'"],
        ["reports.trade_status = 'C'", "'correction message'"],
        ["reports.trade_status = 'Y' or reports.as_of_code = 'R'", "'reversal message'"],
        ["undone.control_number is not null", "undone.undone_as"],
        ["reports.when_issued_flag = 'Y'", "'when-issued'"],
        ["reports.price_type <> 'D'", "'yield-priced'"],
        ["reports.report_side = 'X'", "'cross'"],
        [counterparty ~ " = 'A'", "'affiliate'"],
        ["coalesce(" ~ counterparty ~ ", '') <> 'C' and reports.report_side = 'B'", "'interdealer double'"],
        ["coalesce(" ~ counterparty ~ ", '') <> 'C'", "'interdealer'"],
        ["coalesce(reports.reporting_capacity, 'P') <> 'P'", "'agency'"],
    ]) }}
{% endmacro %}
