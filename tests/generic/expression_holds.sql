{#- The expression is true in every row; a row in which it is null does not fail. -#}
{% test expression_holds(model, expression) %}
select *
from {{ model }}
where not ({{ expression }})
{% endtest %}
