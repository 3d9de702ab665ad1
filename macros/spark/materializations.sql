{#- A table is made anew, as Parquet, and copied into the build file. -#}

{% materialization table, adapter='spark', supported_languages=['sql'] %}
    {{ return(table_made_anew()) }}
{% endmaterialization %}

{% macro table_made_anew() %}
    {%- set relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {{ make_table(relation, sql) }}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [relation]}) }}
{% endmacro %}

{#- What staging accepts is a view here and in the build file, where it reads the copied rows; its SQL is the same. Any other
    view is a table, since its SQL is Spark's alone, and made by cells where it says what they are. -#}
{% materialization view, adapter='spark' %}
    {%- set is_accepted = this.name.startswith('stg_') -%}
    {%- if config.get('cell') -%}
        {{ return(parted_by_cell(sql)) }}
    {%- endif -%}
    {%- set relation = this.incorporate(type='view' if is_accepted else 'table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- if is_accepted -%}
        {{ drop_before(relation) }}
        {% call statement('main') %}
            create view {{ relation }} as {{ sql }}
        {% endcall %}
        {%- do of_build('create or replace view ' ~ relation ~ ' as (' ~ sql ~ '); ' ~ comments_on(relation)) -%}
    {%- else -%}
        {{ make_table(relation, sql) }}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}

{#- A seed is read as raw text is; types that the seed does not say are those that dbt finds. -#}
{% materialization seed, adapter='spark' %}
    {%- set relation = this.incorporate(type='table') -%}
    {%- set found = load_agate_table() -%}
    {%- do store_result('agate_table', response='OK', agate_table=found) -%}
    {%- set selected = [] -%}
    {%- for name in found.column_names -%}
        {%- set type = model.config.column_types.get(name, adapter.convert_type(found, loop.index0)) -%}
        {%- do selected.append('cast(c' ~ loop.index ~ ' as ' ~ type ~ ') as ' ~ adapter.quote(name)) -%}
    {%- endfor -%}
    {%- set file = model.root_path ~ '/' ~ model.original_file_path -%}
    {{ make_table(relation, 'select ' ~ selected | join(', ') ~ ' from '
        ~ adapter.read_text([file], found.column_names | length, text_options(',', true, 'utf-8'))) }}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}

{#- part: the column whose values part it into folders. -#}
{% macro make_table(relation, sql, part=none) %}
    {{ drop_before(relation) }}
    {% call statement('main') %}
        create table {{ relation }} using parquet {{ 'partitioned by (' ~ part ~ ')' if part }} as {{ with_types_of_contract(sql) }}
    {% endcall %}
    {%- if part -%}
        {#- a table without rows has no files that could say what its columns are -#}
        {%- set empty = api.Relation.create(schema='loads', identifier='empty') -%}
        {%- do run_query('create database if not exists loads') -%}
        {%- do run_query('drop table if exists ' ~ empty) -%}
        {%- do run_query('create table ' ~ empty ~ ' using parquet as select * from ' ~ relation ~ ' where false') -%}
        {%- do of_build('create schema if not exists ' ~ relation.schema ~ '; create or replace table ' ~ relation
            ~ ' as select * from ' ~ rows_of_files(empty) ~ '; ' ~ comments_on(relation)) -%}
        {%- do run_query('drop table ' ~ empty) -%}
        {{ copy_parts_to_build_file(relation, part, 'true') }}
    {%- else -%}
        {{ copy_to_build_file(relation) }}
    {%- endif -%}
{% endmacro %}

{% macro drop_before(relation) %}
    {%- set existing = load_cached_relation(relation) -%}
    {%- if existing is not none -%}
        {%- do run_query('drop ' ~ existing.type ~ ' ' ~ existing) -%}
    {%- endif -%}
{% endmacro %}

{#- Spark has no table with types before its rows: they are cast. -#}
{% macro with_types_of_contract(sql) %}
    {%- if not config.get('contract').enforced -%}
        {{ return(sql) }}
    {%- endif -%}
    {%- set typed = [] -%}
    {%- for column in model.columns.values() -%}
        {%- set name = adapter.quote(column.name) -%}
        {%- do typed.append('cast(' ~ name ~ ' as ' ~ column.data_type ~ ') as ' ~ name) -%}
    {%- endfor -%}
    {{ return('select ' ~ typed | join(', ') ~ ' from (' ~ sql ~ ')') }}
{% endmacro %}
