{#- On-run-end: what became of every raw file and row, as tables of schema `quality`. They are no models, since models
    would have to name the sources one by one: the rows of a source that is added are accounted for at once. -#}
{% macro account_for_raw_rows() %}
    {%- if execute and flags.WHICH in ['build', 'run'] and not invocation_args_dict.get('empty') -%}
        {%- do ask('remove_raw_copies') -%}
        {%- set present = of_build(
            "select table_name from information_schema.tables where table_schema = 'staging'"
        ).columns[0].values() -%}
        {%- set staged = [] -%}
        {%- for table, contract in fromjson(ask('raw_contracts')).items() -%}
            {%- set base = 'base_' ~ contract.source ~ '__' ~ contract.entity -%}
            {%- if base in present -%}
                {%- do staged.append({'table': table, 'base': 'staging.' ~ base, 'key': contract.key}) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if staged -%}
            {%- do of_build('create schema if not exists quality') -%}
            {%- for name, account in accounts_of_raw_rows().items() -%}
                {%- do of_build('create or replace table quality.' ~ name ~ ' as ' ~ account.sql(staged)) -%}
                {%- do describe_account('quality.' ~ name, account) -%}
            {%- endfor -%}
            {{ log(of_build(raw_rows_in_words()).columns[0].values()[0], info=true) }}
            {%- for name, warning in of_build(
                "select coalesce(raw_file, source_table), warning from quality.qc_raw_files where warning is not null order by all"
            ).rows -%}
                {{ log('warning: ' ~ name ~ ': ' ~ warning, info=true) }}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{% macro accounts_of_raw_rows() %}
    {{ return({
        'qc_raw_files': {
            'sql': raw_files_account,
            'description': 'One row per raw file and table that it holds; also files that are left unread, and tables without a file.',
            'columns': {
                'source_table': 'Raw table, as source.table; empty for a file that no contract knows.',
                'raw_file': 'File, as source/path; empty for a table without one.',
                'status': 'read, no rows, left unread or no file.',
                'rows_read': 'Rows in the file, counted by another program than the one that stages them.',
                'size_bytes': 'Size of the file.',
                'sha256': 'Digest of its bytes.',
                'columns_absent': 'Columns of the contract that it lacks.',
                'warning': 'What should be looked at.',
            },
        },
        'qc_row_counts': {
            'sql': row_counts_account,
            'description': 'One row per raw table and file: rows read, staged and rejected.',
            'columns': {
                'source_table': 'Raw table, as source.table.',
                'raw_file': 'File, as source/path.',
                'rows_read': 'Rows in the file, counted by another program than the one that stages them.',
                'rows_staged': 'Rows in the staged model.',
                'rows_rejected': 'Rows in qc_rejected_rows.',
            },
        },
        'qc_rejected_rows': {
            'sql': rejected_rows_account,
            'description': 'One row per raw row that staging refused, with file, key and reason.',
            'columns': {
                'source_table': 'Raw table, as source.table.',
                'raw_file': 'File, as source/path.',
                'row_key': 'Key columns of the row as read: column=value; column=value, as the staged model names them.',
                'reject_reason': 'Why the row is refused.',
            },
        },
    }) }}
{% endmacro %}

{% macro raw_files_account(staged) %}
    select * from (
        select unnest(from_json(raw_files(), '[{
            "source_table": "varchar", "raw_file": "varchar", "status": "varchar", "rows_read": "bigint",
            "size_bytes": "bigint", "sha256": "varchar", "columns_absent": "varchar", "warning": "varchar"
        }]'), recursive := true)
    )
    order by source_table, raw_file
{% endmacro %}

{% macro row_counts_account(staged) %}
    select
        files.source_table,
        files.raw_file,
        files.rows_read,
        coalesce(counted.rows_staged, 0) as rows_staged,
        coalesce(counted.rows_rejected, 0) as rows_rejected
    from quality.qc_raw_files as files
    left join (
        {%- for table in staged %}
        select
            {{ text_literal(table.table) }} as source_table,
            raw_file,
            count(*) filter (where reject_reason is null) as rows_staged,
            count(*) filter (where reject_reason is not null) as rows_rejected
        from {{ table.base }}
        group by raw_file
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as counted
        on
            files.source_table = counted.source_table
            and files.raw_file = counted.raw_file
    where
        files.status in ('read', 'no rows')
        and files.source_table in ('{{ staged | map(attribute='table') | join("', '") }}')
    order by files.source_table, files.raw_file
{% endmacro %}

{% macro rejected_rows_account(staged) %}
    {%- for table in staged %}
    select
        {{ text_literal(table.table) }} as source_table,
        raw_file,
        concat_ws(
            '; '
            {%- for column in table.key %},
            '{{ column }}=' || coalesce(cast({{ column }} as string), '(none)')
            {%- endfor %}
        ) as row_key,
        reject_reason
    from {{ table.base }}
    where reject_reason is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    order by all
{% endmacro %}

{% macro raw_rows_in_words() %}
    select format(
        '{:,} rows of raw files read: {:,} staged, {:,} rejected (quality.qc_rejected_rows)',
        cast(sum(rows_read) as bigint), cast(sum(rows_staged) as bigint), cast(sum(rows_rejected) as bigint)
    )
    from quality.qc_row_counts
{% endmacro %}

{#- Why raw rows forbid publishing, in one line; empty where they do not. -#}
{% macro unacceptable_raw_rows() %}
    {%- for table, file, read, found in of_build(
        'select source_table, raw_file, rows_read, rows_staged + rows_rejected from quality.qc_row_counts'
        ~ ' where rows_read <> rows_staged + rows_rejected order by all'
    ).rows -%}
        {{ return('bad input: ' ~ file ~ ': it holds ' ~ read ~ ' rows of ' ~ table ~ ' and ' ~ found
            ~ ' were staged or rejected; expected every row') }}
    {%- endfor -%}
    {%- for total in fromjson(ask('control_totals')) -%}
        {%- set contract = fromjson(ask('raw_contract', [total.table])) -%}
        {%- set equal = of_build(
            'select coalesce(sum(' ~ total.column ~ '), 0) = cast(' ~ text_literal(total.value) ~ ' as decimal(38, 6))'
            ~ ' from staging.base_' ~ contract.source ~ '__' ~ contract.entity
            ~ (' where raw_file = ' ~ text_literal(total.file) if total.file else '')
        ).columns[0].values()[0] -%}
        {%- if not equal -%}
            {{ return('bad input: control_totals.csv, line ' ~ total.line ~ ': ' ~ (total.file or total.table) ~ ': the sum of '
                ~ total.measure ~ ' is another; expected the total of the line') }}
        {%- endif -%}
    {%- endfor -%}
    {{ return('') }}
{% endmacro %}
