{% set complete = "(values ('a', 1), ('a', 2), ('b', 1), ('b', 2)) as panel (desk_id, horizon)" -%}
{% set missing = "(values ('a', 1), ('a', 2), ('b', 1)) as panel (desk_id, horizon)" -%}
{{ generic_test_case('complete groups pass', test_rows_per_group(complete, ['desk_id'], 2), 0) }}
union all
{{ generic_test_case('an incomplete group fails', test_rows_per_group(missing, ['desk_id'], 2), 1) }}
