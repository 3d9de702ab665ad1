{#- On-run-end: a complete `dbt build` in which nothing failed is published; anything else leaves the last
    good warehouse as it is. -#}
{% macro publish_warehouse(results) %}
    {{ return(adapter.dispatch('publish_warehouse')(results)) }}
{% endmacro %}

{% macro default__publish_warehouse(results) %}{% endmacro %}

{% macro duckdb__publish_warehouse(results) %}
    {%- if execute and flags.WHICH == 'build' -%}
        {%- set partial = invocation_args_dict.get('select') or invocation_args_dict.get('exclude')
            or invocation_args_dict.get('empty') or invocation_args_dict.get('resource_types') -%}
        {%- set failed = results | selectattr('status', 'in', ['error', 'fail', 'runtime error', 'skipped'])
            | list | length -%}
        {%- if partial -%}
            {{ log('Part of the project built: the published warehouse stays as it was.', info=true) }}
        {%- elif failed -%}
            {{ log(failed ~ ' nodes failed or were skipped: the published warehouse stays as it was.', info=true) }}
        {%- else -%}
            {%- do run_query('checkpoint') -%}
            {%- set published = run_query('select publish_warehouse()').columns[0].values()[0] -%}
            {{ log('Published ' ~ published, info=true) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
