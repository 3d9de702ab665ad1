{#- A case for a generic test of ours: the compiled test over a small VALUES table, and how many rows it must find.
    Returns a row, and so fails, where it finds another number. -#}
{% macro generic_test_case(claim, test_sql, expected_failures) %}
select
    '{{ claim }}' as claim,
    {{ expected_failures }} as expected_failures,
    count(*) as failures
from ({{ test_sql }}) as found
having count(*) <> {{ expected_failures }}
{% endmacro %}
