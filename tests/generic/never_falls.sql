{#- Within each group, no value of `column` is below the one before it in the order of `along`. -#}
{% test never_falls(model, column, within, along) %}
select *
from (
    select
        {{ within | join(', ') }},
        {{ along }},
        {{ column }},
        lag({{ column }}) over (partition by {{ within | join(', ') }} order by {{ along }}) as value_before
    from {{ model }}
) as in_order
where {{ column }} < value_before
{% endtest %}
