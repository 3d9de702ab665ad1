{% set rising = "(values (1, 1, 5), (1, 2, 5), (1, 3, 6), (2, 1, 0)) as sums (firm, day, total)" -%}
{% set falling = "(values (1, 3, 5), (1, 2, 6), (1, 1, 5)) as sums (firm, day, total)" -%}
{{ generic_test_case('rises within each group pass', test_never_falls(rising, 'total', ['firm'], 'day'), 0) }}
union all
{{ generic_test_case('a fall fails', test_never_falls(falling, 'total', ['firm'], 'day'), 1) }}
