{#- Loads into DuckDB's build file. What they go on from stands in schema `loads` of it: the files that base models hold, and
    what the build was made with. -#}

{% macro duckdb__loads_by_file() %}
    {{ return(true) }}
{% endmacro %}

{% macro duckdb__begin_load() %}
    {%- if execute and flags.WHICH in ['build', 'run', 'seed'] -%}
        {%- do run_query('create schema if not exists loads') -%}
        {%- do run_query(
            'create table if not exists loads.file (source_table string, raw_file string, sha256 string)'
        ) -%}
        {%- set tables = fromjson(ask('load')).tables if is_load() else [] -%}
        {#- what a load changed that was not published counts as changed until something is -#}
        {%- do forget_changed_rows(tables) -%}
        {%- if is_load() -%}
            {%- do run_query('update loads.state set made_with = null, unpublished = ' ~ text_literal(tojson(tables))) -%}
            {%- for table in tables -%}
                {%- do create_changed_rows(table) -%}
            {%- endfor -%}
        {%- else -%}
            {%- do run_query('create or replace table loads.state (made_with string, unpublished string)') -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{% macro forget_changed_rows(but_of) %}
    {%- for table in fromjson(ask('raw_tables')) if table not in but_of -%}
        {%- do run_query('drop table if exists ' ~ changed_rows(table)) -%}
    {%- endfor -%}
{% endmacro %}

{% macro create_changed_rows(table) %}
    {%- set contract = fromjson(ask('raw_contract', [table])) -%}
    {%- do run_query(
        'create table if not exists ' ~ changed_rows(table) ~ ' as select ' ~ columns_of_changed_rows(contract) | join(', ')
        ~ ' from staging.base_' ~ contract.source ~ '__' ~ contract.entity ~ ' where false'
    ) -%}
{% endmacro %}

{% macro duckdb__end_load(results) %}
    {%- if execute and is_load() -%}
        {%- set built = results | rejectattr('status', 'in', failures()) | map(attribute='node') | map(attribute='unique_id') | list -%}
        {%- set models = followers() | selectattr('resource_type', 'equalto', 'model') | map(attribute='unique_id') -%}
        {%- if not models | reject('in', built) | list -%}
            {%- do run_query('update loads.state set made_with = ' ~ text_literal(ask('made_with'))) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- What is published is what the next load goes on from. -#}
{% macro remember_published() %}
    {%- do run_query(
        'create or replace table loads.state as select ' ~ text_literal(ask('made_with'))
        ~ " as made_with, '[]' as unpublished"
    ) -%}
    {%- do forget_changed_rows([]) -%}
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
        select {{ columns }} from {{ this }} where raw_file in ({{ text_literals(change.arrived) }});
        {%- endif %}
        {%- endif %}
    {% endcall %}
    {{ judge_keys(table, contract) }}
    {{ remember_files(table) }}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% macro text_literals(texts) %}
    {%- set literals = [] -%}
    {%- for text in texts -%}
        {%- do literals.append(text_literal(text)) -%}
    {%- endfor -%}
    {{ return(literals | join(', ')) }}
{% endmacro %}

{% macro remember_files(table) %}
    {%- set statements = ['delete from loads.file where source_table = ' ~ text_literal(table)] -%}
    {%- set rows = [] -%}
    {%- for name, digest in fromjson(ask('raw_digests', [table])).items() -%}
        {%- do rows.append('(' ~ text_literals([table, name, digest]) ~ ')') -%}
    {%- endfor -%}
    {%- if rows -%}
        {%- do statements.append('insert into loads.file values ' ~ rows | join(', ')) -%}
    {%- endif -%}
    {%- do run_query(statements | join('; ')) -%}
{% endmacro %}

{#- Of valid rows of one key all but the preferred one are rejected. -#}
{% macro judge_keys(table, contract) %}
    {%- set key = contract.key | join(', ') -%}
    {%- set reasons = text_literals(reasons_of_keys()) -%}
    {%- set equal = [] -%}
    {%- for column in contract.key -%}
        {%- do equal.append('rows_of_key.' ~ column ~ ' is not distinct from judged_keys.' ~ column) -%}
    {%- endfor -%}
    {%- for part in parts_of_keys(table, contract) -%}
        {% call statement('judge') %}
            create or replace temp table judged as
            with

            judged_keys as (

                select {{ key }}
                from {{ this }} as rows_of_key
                where {{ part }}
                group by all
                having count(*) > 1 or count(*) filter (where reject_reason in ({{ reasons }})) > 0

            ),

            copies as (

                select
                    rows_of_key.*,
                    rows_of_key.rowid as row_id,
                    coalesce(key_spelling, {{ key_spelling(contract, is_raw=false) }}) as spelling,
                    case when reject_reason not in ({{ reasons }}) then reject_reason end as invalid_reason
                from {{ this }} as rows_of_key
                where
                    {{ part }}
                    and exists (select 1 from judged_keys where {{ equal | join(' and ') }})

            ),

            numbered as (

                select
                    *,
                    row_number() over (
                        partition by {{ key }}, invalid_reason is null order by {{ order_of_copies(contract) }}
                    ) as copy_number,
                    min(spelling) over (partition by {{ key }}, invalid_reason is null)
                    <> max(spelling) over (partition by {{ key }}, invalid_reason is null) as is_respelled
                from copies

            )

            select
                *,
                coalesce(
                    invalid_reason,
                    case
                        when is_respelled then {{ text_literal(reasons_of_keys()[0]) }}
                        when copy_number > 1 then {{ text_literal(reasons_of_keys()[1]) }}
                    end
                ) as reason
            from numbered;

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
    {%- set days = [] -%}
    {%- for column in contract.columns -%}
        {%- do days.extend(([column.as_] if column.type == 'date' else []) + [column.day_as]) -%}
    {%- endfor -%}
    {%- set day = contract.key | select('in', days) | first -%}
    {%- set changed = changed_rows(table) -%}
    {%- if is_load() -%}
        {%- set equal = [] -%}
        {%- for column in contract.key -%}
            {%- do equal.append('changed.' ~ column ~ ' is not distinct from rows_of_key.' ~ column) -%}
        {%- endfor -%}
        {%- if run_query('select count(*) from ' ~ changed).columns[0].values()[0] == 0 -%}
            {{ return([]) }}
        {%- endif -%}
        {%- set of_load = 'exists (select 1 from ' ~ changed ~ ' as changed where ' ~ equal | join(' and ') ~ ')' -%}
        {%- if not day -%}
            {{ return([of_load]) }}
        {%- endif -%}
        {#- named one by one, days tell the engine which parts of the table it need not look at -#}
        {%- set named = [] -%}
        {%- for value in run_query('select distinct ' ~ day ~ ' from ' ~ changed ~ ' where ' ~ day ~ ' is not null').columns[0].values() -%}
            {%- do named.append("date '" ~ value ~ "'") -%}
        {%- endfor -%}
        {%- set of_days = [day ~ ' is null'] + ([day ~ ' in (' ~ named | join(', ') ~ ')'] if named else []) -%}
        {{ return(['(' ~ of_days | join(' or ') ~ ') and ' ~ of_load]) }}
    {%- endif -%}
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
    {% call statement('main') %}
        delete from {{ this }}
        where {{ is_touched(config.require('cell'), **config.get('touched', {})) }};
        insert into {{ this }} by name ({{ sql }});
    {% endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
