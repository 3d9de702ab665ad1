{#- Every group has exactly `count` rows. -#}
{% test rows_per_group(model, by, count) %}
select
    {{ by | join(', ') }},
    count(*) as rows_in_group
from {{ model }}
group by {{ by | join(', ') }}
having count(*) <> {{ count }}
{% endtest %}
