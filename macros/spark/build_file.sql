{#- Beside Spark's tables, which are a workspace, the build file has a copy of each: it is judged and published as DuckDB's. -#}

{% macro spark__of_build(sql) %}
    {{ return(adapter.of_build(sql)) }}
{% endmacro %}

{% macro spark__say_where_it_comes_from(results) %}
    {{ duckdb__say_where_it_comes_from(results) }}
{% endmacro %}

{% macro spark__publish_warehouse(results) %}
    {{ duckdb__publish_warehouse(results) }}
{% endmacro %}

{% macro spark__forget_where_it_comes_from() %}
    {{ duckdb__forget_where_it_comes_from() }}
{% endmacro %}

{#- The table of a model or seed as it is on DuckDB: with keys, constraints and comments. -#}
{% macro copy_to_build_file(relation) %}
    {%- set files = rows_of_files(relation) -%}
    {%- set statements = ['create schema if not exists ' ~ relation.schema] -%}
    {%- if config.get('contract').enforced -%}
        {%- do statements.append('create or replace table ' ~ relation ~ get_table_columns_and_constraints()) -%}
        {%- do statements.append('insert into ' ~ relation ~ ' by name select * from ' ~ files) -%}
    {%- else -%}
        {%- do statements.append('create or replace table ' ~ relation ~ ' as select * from ' ~ files) -%}
    {%- endif -%}
    {%- do of_build(statements | join('; ') ~ '; ' ~ comments_on(relation)) -%}
{% endmacro %}

{#- Parts of a table in the place of what they were in its copy. part: the column that parts it; of_parts: a condition on it. -#}
{% macro copy_parts_to_build_file(relation, part, of_parts) %}
    {%- do of_build('delete from ' ~ relation ~ ' where ' ~ of_parts) -%}
    {%- if adapter.has_files(relation) -%}
        {%- do of_build(
            'insert into ' ~ relation ~ ' by name select * from ' ~ rows_of_files(relation) ~ ' where ' ~ of_parts
        ) -%}
    {%- endif -%}
{% endmacro %}

{% macro rows_of_files(relation) %}
    {{ return('read_parquet(' ~ text_literal(adapter.files_of(relation)) ~ ', hive_partitioning = true)') }}
{% endmacro %}
