{% set distinct_keys = "(values ('a', 1), ('a', 2), ('b', 1)) as keyed (desk_id, horizon)" -%}
{% set repeated_key = "(values ('a', 1), ('a', 1), ('b', 1)) as keyed (desk_id, horizon)" -%}
{{ generic_test_case('distinct keys pass', test_unique_combination(distinct_keys, ['desk_id', 'horizon']), 0) }}
union all
{{ generic_test_case('a repeated key fails', test_unique_combination(repeated_key, ['desk_id', 'horizon']), 1) }}
