{% set whole = "(values (1, 0.25), (1, 0.75), (2, 1.0), (3, null)) as shares (day, share)" -%}
{% set short = "(values (1, 0.25), (1, 0.74), (2, 1.0)) as shares (day, share)" -%}
{{ generic_test_case('shares of one pass', test_sums_to_one(whole, 'share', ['day']), 0) }}
union all
{{ generic_test_case('a short day fails', test_sums_to_one(short, 'share', ['day']), 1) }}
