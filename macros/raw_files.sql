{#- Where raw files lie and how they are read. `RAW_DATA` names the folder with one folder per source;
    `RAW_DATA_SOMA` and the like move a single source. Each source table says in its `meta` which files
    hold it, and in its columns what must be in them. -#}

{% macro raw_folder(source_name) %}
    {%- set root = env_var('RAW_DATA', 'data/raw') -%}
    {{ return(env_var('RAW_DATA_' ~ source_name | upper, root ~ '/' ~ source_name)) }}
{% endmacro %}

{#- A folder's name may hold an apostrophe. -#}
{% macro path_literal(path) %}
    {{ return("'" ~ path | replace("'", "''") ~ "'") }}
{% endmacro %}

{#- The files of a source table that exist: [{path, name, format}], in name order. -#}
{% macro raw_files_of(source_node) %}
    {{ return(adapter.dispatch('raw_files_of')(source_node)) }}
{% endmacro %}

{% macro duckdb__raw_files_of(source_node) %}
    {%- set folder = raw_folder(source_node.source_name) -%}
    {%- set found = [] -%}
    {%- for pattern in source_node.meta.files -%}
        {%- set listing = run_query("select file from glob(" ~ path_literal(folder ~ '/' ~ pattern) ~ ") order by file") -%}
        {%- for row in listing.rows -%}
            {%- set name = row[0].replace('\\', '/').split('/')[-1] -%}
            {%- do found.append({
                'path': row[0], 'name': source_node.source_name ~ '/' ~ name, 'format': name.split('.')[-1]
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}

{#- The call that reads one path or glob of a source table, every column as text where the format has no types.
    Files of one table may differ in their columns, unless the text reader keeps count of malformed lines. -#}
{% macro raw_scan(source_node, path, text_option='union_by_name = true') %}
    {%- if path.endswith('.parquet') -%}
        read_parquet({{ path_literal(path) }}, union_by_name = true, filename = true)
    {%- elif path.endswith('.json') -%}
        read_json(
            {{ path_literal(path) }}, columns = {{ source_node.meta.json_columns }}, filename = true,
            maximum_object_size = 268435456
        )
    {%- else -%}
        read_csv(
            {{ path_literal(path) }}, delim = '{{ source_node.meta.get('delimiter', ',') }}', header = true, all_varchar = true,
            {{ text_option }}, filename = true, quote = '{{ source_node.meta.get('quote', '"') }}',
            escape = '{{ source_node.meta.get('quote', '"') }}',
            encoding = '{{ source_node.meta.get('encoding', 'utf-8') }}', auto_detect = true, sample_size = 1
        )
    {%- endif -%}
{% endmacro %}

{#- All rows of a source table: the columns that its YAML names (null where an optional one is absent from
    every file) and `raw_file`, the file as <source>/<name>. In a unit test, the fixture. -#}
{% macro read_raw(source_name, table_name) %}
    {%- set relation = source(source_name, table_name) -%}
    {%- if not execute -%}
        {{ return('select * from ' ~ relation) }}
    {%- endif -%}
    {%- if '__dbt__cte__' in relation | string -%}
        {{ return('select * from ' ~ relation) }}
    {%- endif -%}
    {{ return(adapter.dispatch('read_raw')(source_name, table_name)) }}
{% endmacro %}

{% macro duckdb__read_raw(source_name, table_name) %}
    {%- set source_node = raw_source(source_name, table_name) -%}
    {%- set formats = raw_files_of(source_node) | map(attribute='format') | unique | list -%}
    {%- if not formats and flags.WHICH not in ['build', 'run'] -%}
        {#- linting and documentation need no raw files -#}
        {{ return('select * from ' ~ source(source_name, table_name)) }}
    {%- elif not formats -%}
        {{ stop_build(source_name, 'no file of ' ~ table_name, raw_expectation(source_node)) }}
    {%- endif -%}
    {%- set scans = [] -%}
    {%- for pattern in source_node.meta.files if pattern.split('.')[-1] in formats -%}
        {%- set scan = raw_scan(source_node, raw_folder(source_name) ~ '/' ~ pattern) -%}
        {%- set present = run_query('describe select * from ' ~ scan).columns[0].values() | map('lower') | list -%}
        {%- set selected = [] -%}
        {%- for column in source_node.columns.values() -%}
            {%- if column.meta.get('path') -%}
                {%- do selected.append(column.meta.path ~ ' as ' ~ adapter.quote(column.name)) -%}
            {%- elif column.name | lower in present -%}
                {#- where text and typed files are mixed, all are read as text -#}
                {%- set quoted = adapter.quote(column.name) -%}
                {%- do selected.append(
                    ('cast(' ~ quoted ~ ' as varchar) as ' ~ quoted) if formats | length > 1 else quoted
                ) -%}
            {%- else -%}
                {%- do selected.append('cast(null as varchar) as ' ~ adapter.quote(column.name)) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set file_name = "'" ~ source_name ~ "/' || regexp_extract(filename, '[^/\\\\]+$')" -%}
        {%- do scans.append(
            'select ' ~ selected | join(', ') ~ ', ' ~ file_name ~ ' as raw_file from '
            ~ scan ~ source_node.meta.get('unnest', '')
        ) -%}
    {%- endfor -%}
    {{ return(scans | join(' union all by name ')) }}
{% endmacro %}

{% macro raw_source(source_name, table_name) %}
    {{ return(
        graph.sources.values()
        | selectattr('source_name', 'equalto', source_name) | selectattr('name', 'equalto', table_name) | first
    ) }}
{% endmacro %}

{#- What a source table's files must look like, in a few words. -#}
{% macro raw_expectation(source_node) %}
    {%- set names = source_node.columns.values() | rejectattr('meta.optional', 'defined')
        | map(attribute='name') | join(', ') -%}
    {{ return('expected ' ~ source_node.meta.files | join(' or ') ~ ' with ' ~ names) }}
{% endmacro %}
