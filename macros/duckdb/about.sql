{#- What DuckDB's warehouse says of its build. -#}
{% macro duckdb__say_where_it_comes_from(results) %}
    {%- if execute and flags.WHICH == 'build' and not without(results) -%}
        {%- do of_build('create schema if not exists about') -%}
        {%- for name, account in accounts_of_the_build().items() -%}
            {%- do of_build('create or replace table about.' ~ name ~ ' as ' ~ account.sql) -%}
            {%- do describe_account('about.' ~ name, account) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{% macro duckdb__forget_where_it_comes_from() %}
    {%- if execute and flags.WHICH in ['build', 'run', 'seed'] -%}
        {%- do of_build('drop table if exists about.build') -%}
    {%- endif -%}
{% endmacro %}

{% macro accounts_of_the_build() %}
    {{ return({
        'build': {
            'sql': build_account(),
            'description': 'One row: the build of this warehouse, when it was and what it was made with.',
            'columns': {
                'started_at': 'When dbt started, UTC.',
                'seconds': 'Seconds from then until all models, tests and gates were through.',
                'world': 'real, or the pseudo world of the raw files: paper, null or strong.',
                'project_commit': 'Commit of the project, with -dirty where files differed from it; unknown outside of git.',
                'dealer_limits_version': 'Version of dealer-limits.',
                'duckdb_version': 'Version of DuckDB.',
                'dbt_version': 'Version of dbt.',
                'variables': 'Variables of dbt_project.yml in effect, as a JSON object; quality.qc_variables has a row for each.',
                'gate_warnings': 'Warnings of gates, in words; quality.qc_gates has what was measured.',
            },
        },
        'raw_file': {
            'sql': raw_file_account(),
            'description': 'One row per raw file and table that it holds: the bytes that were read, and what became of their rows.',
            'columns': {
                'source_table': 'Raw table, as source.table; empty for a file that no contract knows.',
                'raw_file': 'File, as source/path; empty for a table without one.',
                'size_bytes': 'Size of the file.',
                'sha256': 'Digest of its bytes; empty for a file that was not read.',
                'rows_read': 'Rows in the file.',
                'rows_staged': 'Rows in the staged model.',
                'rows_rejected': 'Rows in quality.qc_rejected_rows.',
            },
        },
    }) }}
{% endmacro %}

{% macro build_account() %}
    {%- set seconds = (modules.datetime.datetime.now(modules.pytz.utc) - run_started_at).total_seconds() -%}
    {%- set facts = fromjson(ask('about_build')) -%}
    {%- set warnings = [] -%}
    {%- for line in of_build(gates_in_words('warning')).columns[0].values() -%}
        {%- do warnings.append(text_literal(line)) -%}
    {%- endfor -%}
    select
        cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S") }}' as timestamp) as started_at,
        round(cast({{ seconds }} as double), 1) as seconds,
        {% for name in ['world', 'project_commit', 'dealer_limits_version', 'duckdb_version', 'dbt_version', 'variables'] -%}
        {{ text_literal(facts[name]) }} as {{ name }},
        {% endfor -%}
        cast([{{ warnings | join(', ') }}] as string[]) as gate_warnings
{% endmacro %}

{% macro raw_file_account() %}
    select
        files.source_table,
        files.raw_file,
        files.size_bytes,
        files.sha256,
        files.rows_read,
        counts.rows_staged,
        counts.rows_rejected
    from quality.qc_raw_files as files
    left join quality.qc_row_counts as counts
        on files.source_table = counts.source_table and files.raw_file = counts.raw_file
    order by files.source_table, files.raw_file
{% endmacro %}
