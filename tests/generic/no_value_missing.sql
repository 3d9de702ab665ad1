{#- Every row has a value in each of the columns. -#}
{% test no_value_missing(model, columns) %}
select *
from {{ model }}
where {{ columns | join(' is null or ') }} is null
{% endtest %}
