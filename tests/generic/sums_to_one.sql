{#- Within each group the column, where it is not null, sums to one. -#}
{% test sums_to_one(model, column, by) %}
select
    {{ by | join(', ') }},
    sum({{ column }}) as total
from {{ model }}
where {{ column }} is not null
group by {{ by | join(', ') }}
-- a sum of a few shares is exact to about 1e-15
having abs(sum({{ column }}) - 1) > 0.000000001
{% endtest %}
