{#- Daily loads (docs/decisions.md, "A load builds what follows from the files that changed"). A build is a full one, or a load:
    then base models take up the files that came and drop those that went, models of cells replace the cells that these
    touch, and only what follows from changed raw tables is built at all. -#}

{% macro is_load() %}
    {{ return(flags.WHICH == 'build' and not fromjson(ask('load')).is_full) }}
{% endmacro %}

{#- Files of a raw table since they were loaded: {arrived, gone}, names; what changed is both. -#}
{% macro changed_files(table) %}
    {%- set loaded = {} -%}
    {%- for name, digest in of_build(
        'select raw_file, sha256 from loads.file where source_table = ' ~ text_literal(table)
    ).rows -%}
        {%- do loaded.update({name: digest}) -%}
    {%- endfor -%}
    {{ return(fromjson(ask('changed_files', [table, tojson(loaded)]))) }}
{% endmacro %}

{#- Condition on the columns that are a model's cell: true in a full build; in a load, of cells that it touches, or, where the
    engine overwrites parts of a table, of all that share their first column.
    of: 'changed rows', days and CUSIPs of rows of TRACE that came or went; 'resolved again', those too that messages may link
    to these; 'report days', control dates of such rows and the files in which they are. With awards=true, also days of which
    operations changed. -#}
{% macro is_touched(columns, of='resolved again', awards=false) %}
    {%- if not execute and of == 'resolved again' -%}
        {#- they are built before what asks for them -#}
        {%- do ref('int_trade_cells') -%}
    {%- endif -%}
    {%- if not execute or not is_load() -%}
        {{ return('true') }}
    {%- endif -%}
    {%- set tables = fromjson(ask('load')).tables -%}
    {%- set conditions = [] -%}
    {%- if 'trace.reports' in tables -%}
        {%- set touched_columns = {
            'changed rows': ['executed_on', 'cusip'], 'resolved again': ['executed_on', 'cusip'],
            'report days': ['control_date', 'raw_file']
        }[of] -%}
        {%- if of == 'resolved again' -%}
            {#- not by ref: what makes a table of a view that follows from them asks, too -#}
            {%- set cells = graph.nodes['model.' ~ project_name ~ '.int_trade_cells'] -%}
            {%- set relation = api.Relation.create(schema=cells.schema, identifier=cells.name) -%}
        {%- else -%}
            {%- set relation = changed_rows('trace.reports') -%}
        {%- endif -%}
        {%- do conditions.append(adapter.dispatch('are_among')(columns, touched_columns, relation)) -%}
    {%- endif -%}
    {%- if awards -%}
        {%- for table in ['soma.operations', 'soma.operation_details'] if table in tables -%}
            {%- do conditions.append(
                adapter.dispatch('are_among')(columns[:1], ['operation_date'], changed_rows(table))
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return('(' ~ conditions | join(' or ') ~ ')' if conditions else 'false') }}
{% endmacro %}

{#- Condition: a column holds one of the values that a column of a relation has, written out, which tells the engine what parts
    of a table it need not look at; false where the relation is empty. Days that follow each other are a range: an engine
    holds that against each row before it reads other columns of it, a list only against the least and largest value of many. -#}
{% macro is_one_of(column, touched_column, relation) %}
    {%- set texts = [] -%}
    {%- set days = [] -%}
    {%- set others = [] -%}
    {%- for value in run_query('select distinct ' ~ touched_column ~ ' from ' ~ relation).columns[0].values() -%}
        {%- if value is none -%}
            {%- do others.append(column ~ ' is null') -%}
        {%- elif value.isoformat is defined -%}
            {%- do days.append(value) -%}
        {%- else -%}
            {%- do texts.append(text_literal(value)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if texts -%}
        {%- do others.append(column ~ ' in (' ~ texts | sort | join(', ') ~ ')') -%}
    {%- endif -%}
    {%- for run in runs_of_days(days) -%}
        {%- do others.append(column ~ " between date '" ~ run.first ~ "' and date '" ~ run.last ~ "'") -%}
    {%- endfor -%}
    {{ return('(' ~ others | join(' or ') ~ ')' if others else 'false') }}
{% endmacro %}

{#- Days that follow each other: {first, last}. -#}
{% macro runs_of_days(days) %}
    {%- set runs = [] -%}
    {%- for day in days | sort -%}
        {%- if runs and (day - runs[-1].last).days <= 1 -%}
            {%- do runs[-1].update({'last': day}) -%}
        {%- else -%}
            {%- do runs.append({'first': day, 'last': day}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(runs) }}
{% endmacro %}

{#- Rows that came and went with the files of a load: key, cell, file. -#}
{% macro changed_rows(table) %}
    {{ return('loads.changed_' ~ table.replace('.', '__')) }}
{% endmacro %}

{% macro columns_of_changed_rows(contract) %}
    {{ return((contract.key + contract.cell + ['raw_file']) | unique | list) }}
{% endmacro %}

{#- Nodes of the project that a whole build has: all, or of a load those that follow from the raw tables that it changes. -#}
{% macro nodes_to_build() %}
    {%- if not is_load() -%}
        {{ return(graph.nodes.values() | list) }}
    {%- endif -%}
    {%- set nodes = [] -%}
    {%- for id in fromjson(ask('followers')) -%}
        {%- do nodes.append(graph.nodes[id]) -%}
    {%- endfor -%}
    {{ return(nodes) }}
{% endmacro %}

{% macro followers_of(tables) %}
    {%- set reached = {} -%}
    {%- for table in tables -%}
        {%- do reached.update({'source.' ~ project_name ~ '.' ~ table: true}) -%}
    {%- endfor -%}
    {%- set found = [] -%}
    {%- set left = namespace(nodes=graph.nodes.values() | list, before=0) -%}
    {%- for _ in left.nodes if left.nodes | length != left.before -%}
        {%- set left.before = left.nodes | length -%}
        {%- set others = [] -%}
        {%- for node in left.nodes -%}
            {%- if node.depends_on and node.depends_on.nodes | select('in', reached) | list -%}
                {%- do reached.update({node.unique_id: true}) -%}
                {%- do found.append(node.unique_id) -%}
            {%- else -%}
                {%- do others.append(node) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set left.nodes = others -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}

{#- In a load, whether all that a model reads is as it was published: a model that does not follow from what came or went, that
    replaced no cell, or of which the same is true. -#}
{% macro reads_nothing_new() %}
    {{ return(is_load() and not fromjson(ask('changed_of', [tojson(model.depends_on.nodes)]))) }}
{% endmacro %}

{#- Tables of models that a load leaves as they were published. -#}
{% macro unchanged() %}
    {%- set names = [] -%}
    {%- if is_load() -%}
        {%- set changed = fromjson(ask('changed_of', [tojson(graph.nodes | list)])) -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.unique_id not in changed -%}
            {%- do names.append(node.schema ~ '.' ~ node.alias) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(names) }}
{% endmacro %}

{#- On-run-start: until it has ended, nothing can be loaded onto what a run may have changed. -#}
{% macro begin_load() %}
    {%- if execute and flags.WHICH in ['build', 'run', 'seed'] -%}
        {%- do of_build('create schema if not exists loads') -%}
        {%- do of_build(
            'create table if not exists loads.file (source_table string, raw_file string, sha256 string)'
        ) -%}
        {%- set tables = fromjson(ask('load')).tables if is_load() else [] -%}
        {#- what a load changed that was not published counts as changed until something is -#}
        {%- do forget_changed_rows(tables) -%}
        {%- if is_load() -%}
            {%- do ask('note_followers', [tojson(followers_of(tables))]) -%}
            {%- do of_build('update loads.state set made_with = null, unpublished = ' ~ text_literal(tojson(tables))) -%}
            {%- for table in tables -%}
                {%- do adapter.dispatch('create_changed_rows')(table) -%}
            {%- endfor -%}
        {%- else -%}
            {%- do of_build('create or replace table loads.state (made_with string, unpublished string)') -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{% macro forget_changed_rows(but_of) %}
    {%- do adapter.dispatch('drop_changed_rows')(fromjson(ask('raw_contracts')) | reject('in', but_of) | list) -%}
{% endmacro %}

{#- On-run-end: a load whose models are all there is one that another can follow, published or not. -#}
{% macro end_load(results) %}
    {%- if execute and is_load() -%}
        {%- set built = results | rejectattr('status', 'in', failures()) | map(attribute='node') | map(attribute='unique_id') | list -%}
        {%- set models = nodes_to_build() | selectattr('resource_type', 'equalto', 'model') | map(attribute='unique_id') -%}
        {%- if not models | reject('in', built) | list -%}
            {%- do of_build('update loads.state set made_with = ' ~ text_literal(ask('made_with'))) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- What is published is what the next load goes on from. -#}
{% macro remember_published() %}
    {%- do of_build(
        'create or replace table loads.state as select ' ~ text_literal(ask('made_with'))
        ~ " as made_with, '[]' as unpublished"
    ) -%}
    {%- do forget_changed_rows([]) -%}
{% endmacro %}

{#- The files that a base model now holds. -#}
{% macro remember_files(table) %}
    {%- set statements = ['delete from loads.file where source_table = ' ~ text_literal(table)] -%}
    {%- set rows = [] -%}
    {%- for name, digest in fromjson(ask('raw_digests', [table])).items() -%}
        {%- do rows.append('(' ~ text_literals([table, name, digest]) ~ ')') -%}
    {%- endfor -%}
    {%- if rows -%}
        {%- do statements.append('insert into loads.file values ' ~ rows | join(', ')) -%}
    {%- endif -%}
    {%- do of_build(statements | join('; ')) -%}
{% endmacro %}

{#- Rows of the keys that are judged again, each with the reason to reject it now: CTEs, the last of which is `judged`. Of valid
    rows of one key all but the preferred one are rejected. condition: which rows have such a key. columns: more of each row. -#}
{% macro judged_rows(contract, condition, columns=[]) %}
    {%- set key = contract.key | join(', ') -%}
    {%- set reasons = text_literals(reasons_of_keys()) -%}
    {%- set equal = [] -%}
    {%- for column in contract.key -%}
        {%- do equal.append('rows_of_key.' ~ column ~ ' is not distinct from judged_keys.' ~ column) -%}
    {%- endfor -%}
    judged_keys as (

        select {{ key }}
        from {{ this }} as rows_of_key
        where {{ condition }}
        group by {{ key }}
        having count(*) > 1 or count(*) filter (where reject_reason in ({{ reasons }})) > 0

    ),

    copies as (

        select
            rows_of_key.*,
            {%- for column in columns %}
            {{ column }},
            {%- endfor %}
            coalesce(key_spelling, {{ key_spelling(contract, is_raw=false) }}) as spelling,
            case when reject_reason not in ({{ reasons }}) then reject_reason end as invalid_reason
        from {{ this }} as rows_of_key
        where
            {{ condition }}
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

    ),

    judged as (

        select
            *,
            {{ reason_with_that_of_its_key() }} as reason
        from numbered

    )
{%- endmacro %}

{#- Whose key came or went, whatever file the row is in. -#}
{% macro is_of_changed_key(contract, table) %}
    {%- set changed = changed_rows(table) -%}
    {%- set equal = [] -%}
    {%- for column in contract.key -%}
        {%- do equal.append('changed.' ~ column ~ ' is not distinct from rows_of_key.' ~ column) -%}
    {%- endfor -%}
    {%- set of_load = 'exists (select 1 from ' ~ changed ~ ' as changed where ' ~ equal | join(' and ') ~ ')' -%}
    {%- set day = day_of_key(contract) -%}
    {{ return(is_one_of(day, day, changed) ~ ' and ' ~ of_load if day else of_load) }}
{% endmacro %}

{% macro day_of_key(contract) %}
    {%- set days = [] -%}
    {%- for column in contract.columns -%}
        {%- do days.extend(([column.as_] if column.type == 'date' else []) + [column.day_as]) -%}
    {%- endfor -%}
    {{ return(contract.key | select('in', days) | first) }}
{% endmacro %}

{% macro text_literals(texts) %}
    {%- set literals = [] -%}
    {%- for text in texts -%}
        {%- do literals.append(text_literal(text)) -%}
    {%- endfor -%}
    {{ return(literals | join(', ')) }}
{% endmacro %}
