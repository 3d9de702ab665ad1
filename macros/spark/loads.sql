{#- Loads into Spark's tables, which are parted by the file of a row or by the first column of its cell. What a load touches is
    dropped by parts, and written again. -#}

{#- A full build judges them in the query that stages all files. -#}
{% macro spark__judges_keys_apart() %}
    {{ return(is_load()) }}
{% endmacro %}

{#- In the build file, too, whose copies are judged. -#}
{% macro spark__create_changed_rows(table) %}
    {%- set contract = fromjson(ask('raw_contract', [table])) -%}
    {%- do run_query('create database if not exists loads') -%}
    {%- do run_query(
        'create table if not exists ' ~ changed_rows(table) ~ ' using parquet as select '
        ~ columns_of_changed_rows(contract) | join(', ') ~ ' from staging.base_' ~ contract.source ~ '__' ~ contract.entity
        ~ ' where false'
    ) -%}
{% endmacro %}

{% macro spark__drop_changed_rows(tables) %}
    {%- if run_query("show databases like 'loads'").rows -%}
        {%- for table in tables -%}
            {%- do run_query('drop table if exists ' ~ changed_rows(table)) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ duckdb__drop_changed_rows(tables) }}
{% endmacro %}

{#- All cells of a part of the table. -#}
{% macro spark__are_among(columns, touched_columns, relation) %}
    {{ return(is_one_of(columns[0], touched_columns[0], relation)) }}
{% endmacro %}

{% materialization staged, adapter='spark' %}
    {%- set relation = this.incorporate(type='table') -%}
    {%- set table = config.require('raw_table') -%}
    {%- set contract = fromjson(ask('raw_contract', [table])) -%}
    {{ run_hooks(pre_hooks) }}
    {%- if is_load() -%}
        {%- set change = changed_files(table) -%}
        {{ note_changed_rows(table, contract, this, change.gone) }}
        {%- for name in change.gone -%}
            {{ drop_part(relation, 'raw_file', name) }}
        {%- endfor -%}
        {% call statement('main') %}
            insert into {{ relation }} by name (select * from ({{ sql }}))
        {% endcall %}
        {{ note_changed_rows(table, contract, this, change.arrived) }}
        {%- set judged = judge_keys_again(table, contract) -%}
        {%- set files = change.gone + change.arrived + judged -%}
        {#- none, where a load that was not published is built again -#}
        {%- if files -%}
            {{ copy_parts_to_build_file(relation, 'raw_file', 'raw_file in (' ~ text_literals(files) ~ ')') }}
        {%- endif -%}
        {%- do of_build('create or replace table ' ~ changed_rows(table) ~ ' as select * from '
            ~ rows_of_files(api.Relation.create(schema='loads', identifier=changed_rows(table).split('.')[1]))) -%}
    {%- else -%}
        {{ make_table(relation, sql, part='raw_file') }}
    {%- endif -%}
    {{ remember_files(table) }}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}

{% macro note_changed_rows(table, contract, relation, files) %}
    {%- if files -%}
        {%- do run_query(
            'insert into ' ~ changed_rows(table) ~ ' select ' ~ columns_of_changed_rows(contract) | join(', ') ~ ' from '
            ~ relation ~ ' where raw_file in (' ~ text_literals(files) ~ ')'
        ) -%}
    {%- endif -%}
{% endmacro %}

{% macro drop_part(relation, part, value) %}
    {%- do run_query(
        'alter table ' ~ relation ~ ' drop if exists partition (' ~ part ~ ' = '
        ~ (text_literal(value) if value is not none else 'null') ~ ')'
    ) -%}
{% endmacro %}

{#- Files in which rows of a key that came or went are now judged otherwise are written again; which they are. -#}
{% macro judge_keys_again(table, contract) %}
    {%- set names = staged_columns(contract) | map(attribute='name') | list + ['key_spelling'] -%}
    {%- set judged = api.Relation.create(schema='loads', identifier='judged') -%}
    {%- do run_query('drop table if exists ' ~ judged) -%}
    {%- do run_query(
        'create table ' ~ judged ~ ' using parquet as with ' ~ judged_rows(contract, is_of_changed_key(contract, table))
        ~ ' select * from judged'
    ) -%}
    {%- set other = 'reason is distinct from reject_reason' -%}
    {%- set files = run_query('select distinct raw_file from ' ~ judged ~ ' where ' ~ other).columns[0].values() | list -%}
    {%- if files -%}
        {%- do run_query(
            'insert into ' ~ changed_rows(table) ~ ' select ' ~ columns_of_changed_rows(contract) | join(', ') ~ ' from ' ~ judged
            ~ ' where ' ~ other
        ) -%}
        {%- set equal = [] -%}
        {%- for column in contract.key -%}
            {%- do equal.append('rows_of_file.' ~ column ~ ' is not distinct from judged.' ~ column) -%}
        {%- endfor -%}
        {%- set of_files = 'raw_file in (' ~ text_literals(files) ~ ')' -%}
        {%- set rewritten = api.Relation.create(schema='loads', identifier='rewritten') -%}
        {%- do run_query('drop table if exists ' ~ rewritten) -%}
        {%- do run_query(
            'create table ' ~ rewritten ~ ' using parquet as select ' ~ names | join(', ') ~ ', reject_reason from ' ~ this
            ~ ' as rows_of_file where ' ~ of_files ~ ' and not exists (select 1 from ' ~ judged ~ ' as judged where '
            ~ equal | join(' and ') ~ ') union all select ' ~ names | join(', ') ~ ', reason as reject_reason from ' ~ judged
            ~ ' where ' ~ of_files
        ) -%}
        {%- for name in files -%}
            {{ drop_part(this, 'raw_file', name) }}
        {%- endfor -%}
        {%- do run_query('insert into ' ~ this ~ ' by name (select * from ' ~ rewritten ~ ')') -%}
        {%- do run_query('drop table ' ~ rewritten) -%}
    {%- endif -%}
    {%- do run_query('drop table ' ~ judged) -%}
    {{ return(files) }}
{% endmacro %}

{% materialization by_cell, adapter='spark' %}
    {{ return(parted_by_cell(sql)) }}
{% endmaterialization %}

{% macro parted_by_cell(sql) %}
    {%- set relation = this.incorporate(type='table') -%}
    {%- set part = config.require('cell')[0] -%}
    {{ run_hooks(pre_hooks) }}
    {%- if is_load() -%}
        {%- set touched = is_touched(config.require('cell'), **config.get('touched', {})) -%}
        {%- for value in run_query('select distinct ' ~ part ~ ' from ' ~ relation ~ ' where ' ~ touched).columns[0].values() -%}
            {{ drop_part(relation, part, value) }}
        {%- endfor -%}
        {% call statement('main') %}
            insert into {{ relation }} by name (select * from ({{ sql }}) where {{ touched }})
        {% endcall %}
        {{ copy_parts_to_build_file(relation, part, touched) }}
    {%- else -%}
        {{ make_table(relation, 'select * from (' ~ sql ~ ') distribute by ' ~ part, part=part) }}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [relation]}) }}
{% endmacro %}
