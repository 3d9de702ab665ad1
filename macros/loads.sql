{#- Daily loads (docs/decisions.md, "A load builds what follows from the files that changed"). A build is a full one, or a load:
    then base models take up the files that came and drop those that went, models of cells replace the cells that these
    touch, and only what follows from changed raw tables is built at all. -#}

{#- Whether the engine's base models take up files one by one. -#}
{% macro loads_by_file() %}
    {{ return(adapter.dispatch('loads_by_file')()) }}
{% endmacro %}

{% macro default__loads_by_file() %}
    {{ return(false) }}
{% endmacro %}

{% macro is_load() %}
    {{ return(loads_by_file() and flags.WHICH == 'build' and not fromjson(ask('load')).is_full) }}
{% endmacro %}

{#- Files of a raw table since they were loaded: {arrived, gone}, names; what changed is both. -#}
{% macro changed_files(table) %}
    {%- set loaded = {} -%}
    {%- for name, digest in run_query(
        'select raw_file, sha256 from loads.file where source_table = ' ~ text_literal(table)
    ).rows -%}
        {%- do loaded.update({name: digest}) -%}
    {%- endfor -%}
    {{ return(fromjson(ask('changed_files', [table, tojson(loaded)]))) }}
{% endmacro %}

{#- Condition on the columns that are a model's cell: true in a full build; in a load, of cells that it touches.
    of: 'changed rows', days and CUSIPs of rows of TRACE that came or went; 'resolved again', those too that messages may link
    to these; 'files' of such rows; 'reports', their control dates and numbers. With awards=true, also days of which
    operations changed. -#}
{% macro is_touched(columns, of='resolved again', awards=false) %}
    {%- if not execute or is_load() -%}
        {#- while dbt parses, too: they are built before what asks for them -#}
        {%- set cells = ref('int_trade_cells') if of == 'resolved again' -%}
    {%- endif -%}
    {%- if not execute or not is_load() -%}
        {{ return('true') }}
    {%- endif -%}
    {%- set relations = {
        'changed rows': ['executed_on', 'cusip'], 'resolved again': ['executed_on', 'cusip'], 'files': ['raw_file'],
        'reports': ['control_date', 'control_number']
    } -%}
    {%- set tables = fromjson(ask('load')).tables -%}
    {%- set conditions = [] -%}
    {%- if 'trace.reports' in tables -%}
        {%- set relation = cells or changed_rows('trace.reports') -%}
        {#- by other names, so that columns of the same name are those of the query around it -#}
        {%- set renamed = [] -%}
        {%- set equal = [] -%}
        {%- for name in relations[of] -%}
            {%- do renamed.append(name ~ ' as touched_' ~ loop.index) -%}
            {%- do equal.append('touched_' ~ loop.index ~ ' is not distinct from ' ~ columns[loop.index0]) -%}
        {%- endfor -%}
        {%- set named = among(columns[0], relations[of][0], relation) -%}
        {%- set exists = 'exists (select 1 from (select distinct ' ~ renamed | join(', ') ~ ' from ' ~ relation
            ~ ') as touched where ' ~ equal | join(' and ') ~ ')' -%}
        {%- if not named -%}
            {%- do conditions.append(exists) -%}
        {%- elif columns | length == 1 -%}
            {%- do conditions.append(named) -%}
        {%- else -%}
            {%- do conditions.append(named ~ ' and ' ~ exists) -%}
        {%- endif -%}
    {%- endif -%}
    {%- if awards -%}
        {%- for table in ['soma.operations', 'soma.operation_details'] if table in tables -%}
            {%- do conditions.append(
                columns[0] ~ ' in (select operation_date from ' ~ changed_rows(table) ~ ')'
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return('(' ~ conditions | join(' or ') ~ ')' if conditions else 'false') }}
{% endmacro %}

{#- What is touched, one by one: that tells the engine which parts of a table it need not look at. -#}
{% macro among(column, touched_column, relation) %}
    {%- set found = [] -%}
    {%- for value in run_query('select distinct ' ~ touched_column ~ ' from ' ~ relation).columns[0].values() -%}
        {%- do found.append(none if value is none else text_literal(value)) -%}
    {%- endfor -%}
    {%- if none in found or not found -%}
        {{ return('') }}
    {%- endif -%}
    {{ return(column ~ ' in (' ~ found | sort | join(', ') ~ ')') }}
{% endmacro %}

{#- Rows that came and went with the files of a load: key, cell, file. -#}
{% macro changed_rows(table) %}
    {%- set contract = fromjson(ask('raw_contract', [table])) -%}
    {{ return('loads.changed_' ~ contract.source ~ '__' ~ contract.entity) }}
{% endmacro %}

{% macro columns_of_changed_rows(contract) %}
    {{ return((contract.key + contract.cell + ['raw_file']) | unique | list) }}
{% endmacro %}

{#- Nodes of the project that follow from the raw tables that a load changes. -#}
{% macro followers() %}
    {%- set reached = {} -%}
    {%- for table in fromjson(ask('load')).tables -%}
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
                {%- do found.append(node) -%}
            {%- else -%}
                {%- do others.append(node) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set left.nodes = others -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}

{#- On-run-start: until it has ended, nothing can be loaded onto what a run may have changed. -#}
{% macro begin_load() %}
    {{ return(adapter.dispatch('begin_load')()) }}
{% endmacro %}

{% macro default__begin_load() %}{% endmacro %}

{#- On-run-end: a load whose models are all there is one that another can follow, published or not. -#}
{% macro end_load(results) %}
    {{ return(adapter.dispatch('end_load')(results)) }}
{% endmacro %}

{% macro default__end_load(results) %}{% endmacro %}
