{% set complete = "(values ('a', 1, null), ('b', 2, 'x')) as given (desk_id, horizon, label)" -%}
{% set incomplete = "(values ('a', null, 'x'), (null, 2, 'x'), ('c', 3, 'x')) as given (desk_id, horizon, label)" -%}
{{ generic_test_case('other columns may be empty', test_no_value_missing(complete, ['desk_id', 'horizon']), 0) }}
union all
{{ generic_test_case('each of the columns counts', test_no_value_missing(incomplete, ['desk_id', 'horizon']), 2) }}
