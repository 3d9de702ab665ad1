{#- A model replaces itself in its place, with its comments, in one statement. dbt-duckdb builds beside it, renames twice and
    drops, so that a reader never misses it; nobody reads the file of a build, and what is published is another file. -#}

{% materialization table, adapter='duckdb', supported_languages=['sql'] %}
    {{ return(replace_in_place(this.incorporate(type='table'), sql, pre_hooks, post_hooks)) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {{ return(replace_in_place(this.incorporate(type='view'), sql, pre_hooks, post_hooks)) }}
{% endmaterialization %}

{% macro replace_in_place(relation, sql, pre_hooks, post_hooks) %}
    {%- if reads_nothing_new() -%}
        {{ return(left_as_it_is(relation)) }}
    {%- endif -%}
    {{ drop_if_of_another_type(relation) }}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') %}
        {%- if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
        create or replace table {{ relation }} {{ get_table_columns_and_constraints() }};
        insert into {{ relation }} {{ get_column_names() }} ({{ get_select_subquery(sql) }});
        {%- else -%}
        create or replace {{ relation.type }} {{ relation }} as ({{ sql }});
        {%- endif -%}
        {{ comments_on(relation) }}
    {% endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [relation]}) }}
{% endmacro %}

{#- Of a load: a model that reads nothing that changed is what it would be made anew. -#}
{% macro left_as_it_is(relation) %}
    {%- do ask('note_unchanged', [model.unique_id]) -%}
    {% call noop_statement('main', 'UNCHANGED') %}{% endcall %}
    {{ return({'relations': [relation]}) }}
{% endmacro %}

{% macro drop_if_of_another_type(relation) %}
    {%- set existing = load_cached_relation(relation) -%}
    {%- if existing is not none and existing.type != relation.type -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
{% endmacro %}

{#- What the YAML says of a model and its columns, as comments of the database. -#}
{% macro comments_on(relation) %}
    {%- if config.persist_relation_docs() and model.description %}
        comment on {{ relation.type }} {{ relation }} is {{ text_literal(model.description) }};
    {%- endif -%}
    {%- if config.persist_column_docs() -%}
        {%- for column in model.columns.values() if column.description %}
        comment on column {{ relation }}.{{ adapter.quote(column.name) }} is {{ text_literal(column.description) }};
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
