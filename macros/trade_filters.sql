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

{#- What a trade is called: when it was executed and by whom, then the day and number under which it was reported, since
    numbers begin anew each day. Ties in the match go to the least, that is to the earliest, whatever its number. -#}
{% macro trade_id(reports, dealer_mpid) %}
    {{ return(
        "concat(coalesce(cast(" ~ reports ~ ".executed_at as string), concat(cast(" ~ reports ~ ".executed_on as string), ' at no time')), '/', "
        ~ "coalesce(" ~ dealer_mpid ~ ", ''), '/', cast(" ~ reports ~ ".control_date as string), '/', " ~ reports ~ ".control_number)"
    ) }}
{% endmacro %}
