{#- The columns together name a row: no two rows share them. With `cell` and `touched`, as of a model of cells, a load
    looks at what it touches. -#}
{% test unique_combination(model, columns, cell=none, touched={}) %}
select
    {{ columns | join(', ') }},
    count(*) as rows_with_this_key
from {{ model }}{% if cell %}
where {{ is_touched(cell, **touched) }}{% endif %}

group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
