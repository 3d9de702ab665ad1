{#- Schemas are named by layer alone (`marts`, not `main_marts`): they are what analysts type. -#}
{% macro generate_schema_name(custom_schema_name, node) %}
    {{- custom_schema_name | trim if custom_schema_name else target.schema -}}
{% endmacro %}
