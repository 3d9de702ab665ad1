{#- On-run-end: a complete `dbt build` in which nothing failed is published; anything else leaves the last
    good warehouse as it is. What a model refused ends the run as what was refused before it does. -#}
{% macro publish_warehouse(results) %}
    {{ return(adapter.dispatch('publish_warehouse')(results)) }}
{% endmacro %}

{% macro default__publish_warehouse(results) %}{% endmacro %}

{% macro duckdb__publish_warehouse(results) %}
    {%- if execute and flags.WHICH in ['build', 'run'] -%}
        {%- for result in results if 'bad input: ' in (result.message or '') | string -%}
            {{ stop_build('bad input: ' ~ ((result.message | string).split('bad input: ')[1]).split('\n')[0]) }}
        {%- endfor -%}
    {%- endif -%}
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
            {%- set unacceptable = unacceptable_raw_rows() -%}
            {%- if unacceptable -%}
                {{ stop_build(unacceptable) }}
            {%- endif -%}
            {%- do run_query('checkpoint') -%}
            {{ log('Published ' ~ ask('publish_warehouse'), info=true) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
