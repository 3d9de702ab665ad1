{#- The schemas that are published are copied into a new file, which replaces the one that analysts read. -#}
{% macro duckdb__publish_warehouse(results) %}
    {%- if execute and flags.WHICH in ['build', 'run'] -%}
        {#- not from the results: where dbt ends early it may not wait for that of the model that refused -#}
        {%- set refused = ask('refused') -%}
        {%- if refused -%}
            {{ stop_build(refused) }}
        {%- endif -%}
    {%- endif -%}
    {%- if execute and flags.WHICH == 'build' -%}
        {%- set failed = results | selectattr('status', 'in', failures()) | list | length -%}
        {%- set unfinished = without(results) -%}
        {%- if unfinished -%}
            {{ log(unfinished ~ ': the published warehouse stays as it was.', info=true) }}
        {%- else -%}
            {%- set refusal = unacceptable_raw_rows() or implausible() -%}
            {%- if refusal -%}
                {{ log('Not published: the published warehouse stays as it was.', info=true) }}
                {{ stop_build(refusal) }}
            {%- endif -%}
            {%- if failed -%}
                {{ log(failed ~ ' nodes failed: the published warehouse stays as it was.', info=true) }}
            {%- else -%}
                {{ log('Published ' ~ ask('publish_warehouse', [
                    var('published_schemas') | join(','), var('gate_bounds').get('critical_rules', 0), unchanged() | join(',')
                ]), info=true) }}
                {%- do remember_published() -%}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
