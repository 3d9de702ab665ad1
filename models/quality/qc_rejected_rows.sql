-- One row per raw row that staging refused: its file, its key as read and the reason.
{% for raw in raw_tables() -%}
select
    '{{ raw.source }}.{{ raw.table }}' as source_table,
    raw_file,
    concat_ws(
        ' | '
        {%- for column in raw.key %},
        coalesce(cast({{ column }} as varchar), '(none)')
        {%- endfor %}
    ) as row_key,
    reject_reason,
from {{ ref('base_' ~ raw.source ~ '__' ~ raw.entity) }}
where reject_reason is not null
{{ 'union all' if not loop.last }}
{% endfor %}
