{% set amounts = "(values (1), (0), (null)) as amounts (amount)" -%}
{{ generic_test_case('true and null pass', test_expression_holds(amounts, 'amount >= 0'), 0) }}
union all
{{ generic_test_case('a false row fails', test_expression_holds(amounts, 'amount > 0'), 1) }}
