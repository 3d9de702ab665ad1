{#- On-run-end: a complete `dbt build` in which nothing failed is published; anything else leaves the last
    good warehouse as it is. What a model refused ends the run as what was refused before it does. -#}
{% macro publish_warehouse(results) %}
    {{ return(adapter.dispatch('publish_warehouse')(results)) }}
{% endmacro %}

{% macro default__publish_warehouse(results) %}{% endmacro %}

{% macro failures() %}
    {{ return(['error', 'fail', 'runtime error', 'skipped']) }}
{% endmacro %}

{#- Why there is no whole warehouse that could be judged, in words; empty where there is one. Of resources that make a build
    whole, a model, a seed or a data test that did not run says nothing, whatever option or variable of the environment left
    it out. Where only tests fail, what is implausible may say why they do. -#}
{% macro without(results) %}
    {%- set ran = results | map(attribute='node') | map(attribute='unique_id') | list -%}
    {%- set expected = nodes_to_build() -%}
    {%- set words = [] -%}
    {%- for kind, kinds in {'model': 'models', 'seed': 'seeds', 'test': 'data tests'}.items() -%}
        {%- set missing = expected | selectattr('resource_type', 'equalto', kind)
            | rejectattr('unique_id', 'in', ran) | list | length -%}
        {%- if missing -%}
            {%- do words.append(missing ~ ' ' ~ kinds) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if flags.EMPTY or flags.SAMPLE or invocation_args_dict.get('empty') or invocation_args_dict.get('sample') -%}
        {%- do words.append('rows') -%}
    {%- endif -%}
    {%- if words -%}
        {{ return('Part of the project built, without ' ~ words | join(', ')) }}
    {%- endif -%}
    {%- set failed = results | selectattr('status', 'in', failures()) | map(attribute='node')
        | map(attribute='resource_type') | list -%}
    {%- if 'model' in failed or 'seed' in failed -%}
        {{ return(failed | length ~ ' nodes failed or were skipped') }}
    {%- endif -%}
    {{ return('') }}
{% endmacro %}
