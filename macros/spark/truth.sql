{#- How Spark reads the truth of a pseudo world. -#}

{% macro spark__read_truth(name, columns) %}
    {%- if execute and flags.WHICH in ['build', 'run', 'compile'] and not invocation_args_dict.get('empty') -%}
        {%- set file = ask('truth_file', [name]) -%}
    {%- endif -%}
    {%- if file -%}
        {{ return(adapter.read_parquet([file])) }}
    {%- endif -%}
    {%- set nulls = [] -%}
    {%- for column, type in columns.items() -%}
        {%- do nulls.append('cast(null as ' ~ type ~ ') as ' ~ column) -%}
    {%- endfor -%}
    {{ return('(select ' ~ nulls | join(', ') ~ ' where false)') }}
{% endmacro %}
