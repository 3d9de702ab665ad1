{#- On-run-start: every file that the selected models read must exist, hold rows, have its columns and write
    its dates as expected. The first that does not stops the run, before anything is built, with one line:
    file, column, expectation. Values are never printed. -#}
{% macro check_raw_files() %}
    {{ return(adapter.dispatch('check_raw_files')()) }}
{% endmacro %}

{% macro default__check_raw_files() %}{% endmacro %}

{% macro duckdb__check_raw_files() %}
    {%- if execute and flags.WHICH in ['build', 'run'] and not invocation_args_dict.get('empty') -%}
        {%- set needed = [] -%}
        {%- for node in graph.nodes.values() if node.unique_id in selected_resources and node.resource_type == 'model' -%}
            {%- do needed.extend(node.depends_on.nodes | select('in', graph.sources)) -%}
        {%- endfor -%}
        {%- for source_id in needed | unique | sort -%}
            {%- do check_source_files(graph.sources[source_id]) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{% macro check_source_files(source_node) %}
    {%- set folder = raw_folder(source_node.source_name) -%}
    {%- set files = raw_files_of(source_node) -%}
    {%- if not files -%}
        {{ stop_build(folder, 'no file of ' ~ source_node.name, raw_expectation(source_node)) }}
    {%- endif -%}
    {%- for file in files -%}
        {#- `dealer-limits build` remembers it, to name the file if the engine cannot read it at all -#}
        {%- do log('reading ' ~ file.name) -%}
        {%- set size = run_query("select size from read_blob(" ~ path_literal(file.path) ~ ")").columns[0].values()[0] -%}
        {%- if size == 0 -%}
            {{ stop_build(file.name, 'the file is empty', raw_expectation(source_node)) }}
        {%- endif -%}
        {%- do check_well_formed(source_node, file) -%}
        {%- set scan = raw_scan(source_node, file.path) -%}
        {%- set types = {} -%}
        {%- if file.format != 'json' -%}
            {%- for row in run_query('describe select * from ' ~ scan).rows -%}
                {%- do types.update({row[0] | lower: row[1]}) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- set checks = [] -%}
        {%- for column in source_node.columns.values() -%}
            {%- set required = not column.meta.get('optional') -%}
            {%- if file.format != 'json' and required and column.name | lower not in types -%}
                {{ stop_build(file.name, 'column ' ~ column.name ~ ' is missing', raw_expectation(source_node)) }}
            {%- endif -%}
            {%- set value = column.meta.get('path') or adapter.quote(column.name) -%}
            {%- if required and file.format == 'json' -%}
                {%- do checks.append({'column': column.name, 'present': 'count(' ~ value ~ ')', 'parsed': 'count(*)',
                    'expected': 'present in every record'}) -%}
            {%- endif -%}
            {%- if column.data_type in ['date', 'timestamp'] and column.name | lower in types
                    or column.data_type == 'date' and file.format == 'json' -%}
                {%- set parsed = to_timestamp(value) if column.data_type == 'timestamp'
                    else to_date(value, column.meta.get('format')) -%}
                {%- set text = "nullif(trim(cast(" ~ value ~ " as varchar)), '')" -%}
                {%- do checks.append({'column': column.name, 'present': 'count(' ~ text ~ ')',
                    'parsed': 'count(' ~ parsed ~ ')',
                    'expected': column.data_type ~ ' as ' ~ column.meta.get('format', 'ISO 8601')}) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set measures = ['count(*)'] -%}
        {%- for check in checks -%}
            {%- do measures.extend([check.present, check.parsed]) -%}
        {%- endfor -%}
        {#- a file's first rows tell its format; a bad row further down is rejected by itself -#}
        {%- set counts = run_query(
            'select ' ~ measures | join(', ') ~ ' from (select * from ' ~ scan
            ~ source_node.meta.get('unnest', '') ~ ' limit 1000)'
        ).rows[0] -%}
        {%- if counts[0] == 0 -%}
            {{ stop_build(file.name, 'the file has no rows', raw_expectation(source_node)) }}
        {%- endif -%}
        {%- for check in checks -%}
            {%- set present = counts[2 * loop.index0 + 1] -%}
            {%- set parsed = counts[2 * loop.index0 + 2] -%}
            {%- if check.expected == 'present in every record' -%}
                {%- if present == 0 -%}
                    {{ stop_build(file.name, 'field ' ~ check.column ~ ' is missing', raw_expectation(source_node)) }}
                {%- endif -%}
            {%- elif present > 0 and parsed == 0 -%}
                {{ stop_build(file.name, 'column ' ~ check.column ~ ' is not in the expected form',
                    'expected a ' ~ check.expected) }}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}

{#- Read to its end before any column is: an error of the engine's readers would quote the line, into dbt's log. -#}
{% macro check_well_formed(source_node, file) %}
    {%- if file.format == 'json' -%}
        {%- if not run_query("select json_valid(content) from read_text(" ~ path_literal(file.path) ~ ")").rows[0][0] -%}
            {{ stop_build(file.name, 'the file is not well-formed JSON', raw_expectation(source_node)) }}
        {%- endif -%}
    {%- elif file.format != 'parquet' -%}
        {%- do run_query('select count(columns(*)) from ' ~ raw_scan(source_node, file.path, 'store_rejects = true')) -%}
        {%- set malformed = run_query(
            'select line, lower(cast(error_type as varchar)) from reject_errors order by line limit 1'
        ).rows -%}
        {%- if malformed -%}
            {{ stop_build(
                file.name, 'line ' ~ malformed[0][0] ~ ' is malformed, ' ~ malformed[0][1], raw_expectation(source_node)
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- Every refusal of input goes through here: one line, recognised by `dealer-limits build`. -#}
{% macro stop_build(file, problem, expected) %}
    {{ exceptions.raise_compiler_error('bad input: ' ~ file ~ ': ' ~ problem ~ '; ' ~ expected) }}
{% endmacro %}
