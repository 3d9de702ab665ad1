{#- Loads into DuckDB's build file. -#}

{% macro duckdb__judges_keys_apart() %}
    {{ return(true) }}
{% endmacro %}

{% macro duckdb__create_changed_rows(table) %}
    {%- set contract = fromjson(ask('raw_contract', [table])) -%}
    {%- do run_query(
        'create table if not exists ' ~ changed_rows(table) ~ ' as select ' ~ columns_of_changed_rows(contract) | join(', ')
        ~ ' from staging.base_' ~ contract.source ~ '__' ~ contract.entity ~ ' where false'
    ) -%}
{% endmacro %}

{% macro duckdb__drop_changed_rows(tables) %}
    {%- set statements = [] -%}
    {%- for table in tables -%}
        {%- do statements.append('drop table if exists ' ~ changed_rows(table)) -%}
    {%- endfor -%}
    {%- do of_build(statements | join('; ')) -%}
{% endmacro %}

{#- Cells one by one. -#}
{% macro duckdb__are_among(columns, touched_columns, relation) %}
    {%- set of_first = is_one_of(columns[0], touched_columns[0], relation) -%}
    {%- if columns | length == 1 -%}
        {{ return(of_first) }}
    {%- endif -%}
    {#- by other names, so that columns of the same name are those of the query around it -#}
    {%- set renamed = [] -%}
    {%- set equal = [] -%}
    {%- for name in touched_columns -%}
        {%- do renamed.append(name ~ ' as touched_' ~ loop.index) -%}
        {%- do equal.append('touched_' ~ loop.index ~ ' is not distinct from ' ~ columns[loop.index0]) -%}
    {%- endfor -%}
    {{ return('(' ~ of_first ~ ' and exists (select 1 from (select distinct ' ~ renamed | join(', ') ~ ' from ' ~ relation
        ~ ') as touched where ' ~ equal | join(' and ') ~ '))') }}
{% endmacro %}

{#- A base model: the rows of all files, or of a load those of files that came instead of those that went. Then rows of one
    key are judged, of a load the keys that came or went, whatever file the others are in. -#}
{% materialization staged, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set table = config.require('raw_table') -%}
    {%- set contract = fromjson(ask('raw_contract', [table])) -%}
    {%- set change = changed_files(table) -%}
    {%- set columns = columns_of_changed_rows(contract) | join(', ') -%}
    {{ drop_if_of_another_type(target_relation) }}
    {#- rows that come lie behind: they are found without a look at the others -#}
    {%- set last_row = run_query('select coalesce(max(rowid), -1) from ' ~ this).columns[0].values()[0] if is_load() -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') %}
        {%- if not is_load() %}
        create or replace table {{ this }} as ({{ sql }});
        {%- else %}
        {%- if change.gone %}
        insert into {{ changed_rows(table) }}
        select {{ columns }} from {{ this }} where raw_file in ({{ text_literals(change.gone) }});
        delete from {{ this }} where raw_file in ({{ text_literals(change.gone) }});
        {%- endif %}
        {%- if change.arrived %}
        insert into {{ this }} by name ({{ sql }});
        insert into {{ changed_rows(table) }}
        select {{ columns }} from {{ this }} where rowid > {{ last_row }};
        {%- endif %}
        {%- endif %}
    {% endcall %}
    {#- rows that are updated by the transaction that inserts them would all be written again, into its log -#}
    {%- do run_query('commit; begin transaction') -%}
    {{ judge_keys(table, contract) }}
    {{ remember_files(table) }}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% macro judge_keys(table, contract) %}
    {%- for part in parts_of_keys(table, contract) -%}
        {% call statement('judge') %}
            create or replace temp table judged as
            with

            {{ judged_rows(contract, part, ['rows_of_key.rowid as row_id']) }}

            select * from judged;

            update {{ this }} set reject_reason = judged.reason
            from judged
            where {{ this }}.rowid = judged.row_id and judged.reason is distinct from judged.reject_reason;

            {%- if is_load() %}
            insert into {{ changed_rows(table) }}
            select {{ columns_of_changed_rows(contract) | join(', ') }} from judged
            where reason is distinct from reject_reason;
            {%- endif %}
        {% endcall %}
    {%- endfor -%}
{% endmacro %}

{#- Conditions that part the rows whose keys have to be judged: by days of the key, so that few are sorted at once. -#}
{% macro parts_of_keys(table, contract) %}
    {%- if is_load() -%}
        {%- set is_none = run_query('select count(*) from ' ~ changed_rows(table)).columns[0].values()[0] == 0 -%}
        {{ return([] if is_none else [is_of_changed_key(contract, table)]) }}
    {%- endif -%}
    {%- set day = day_of_key(contract) -%}
    {%- set rows = run_query('select count(*) from ' ~ this).columns[0].values()[0] -%}
    {%- set most = 20000000 -%}
    {%- if rows <= most or not day -%}
        {{ return(['true']) }}
    {%- endif -%}
    {%- set parts = [day ~ ' is null'] -%}
    {%- for first, last in run_query(
        'select min(day), max(day) from (select ' ~ day ~ ' as day, sum(count(*)) over (order by ' ~ day ~ ') // ' ~ most
        ~ ' as part from ' ~ this ~ ' where ' ~ day ~ ' is not null group by ' ~ day ~ ') group by part order by part'
    ).rows -%}
        {%- do parts.append(day ~ " between date '" ~ first ~ "' and date '" ~ last ~ "'") -%}
    {%- endfor -%}
    {{ return(parts) }}
{% endmacro %}

{#- A model of cells: all of them, or of a load those that it touches, in the place of what they were. -#}
{% materialization by_cell, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ drop_if_of_another_type(target_relation) }}
    {%- if not is_load() -%}
        {{ return(replace_in_place(target_relation, sql, pre_hooks, post_hooks)) }}
    {%- endif -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('outdated', fetch_result=True) %}
        delete from {{ this }}
        where {{ is_touched(config.require('cell'), **config.get('touched', {})) }}
    {% endcall %}
    {% call statement('main', fetch_result=True) %}
        insert into {{ this }} by name ({{ sql }})
    {% endcall %}
    {#- none where there were none -#}
    {%- if load_result('outdated').table.columns[0].values()[0] + load_result('main').table.columns[0].values()[0] == 0 -%}
        {%- do ask('note_unchanged', [model.unique_id]) -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
