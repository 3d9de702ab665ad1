-- One row per raw table and file: rows in the file, counted in the file itself, and rows staged and rejected.
with

read_rows as (

    {% for raw in raw_tables() -%}
    select
        '{{ raw.source }}.{{ raw.table }}' as source_table,
        raw_file,
        count(*) as rows_read,
    from ({{ read_raw(raw.source, raw.table) }}) as raw_rows
    group by raw_file
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

typed_rows as (

    {% for raw in raw_tables() -%}
    select
        '{{ raw.source }}.{{ raw.table }}' as source_table,
        raw_file,
        count(*) filter (where reject_reason is null) as rows_staged,
        count(*) filter (where reject_reason is not null) as rows_rejected,
    from {{ ref('base_' ~ raw.source ~ '__' ~ raw.entity) }}
    group by raw_file
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (

    select
        read_rows.source_table,
        read_rows.raw_file,
        read_rows.rows_read,
        coalesce(typed_rows.rows_staged, 0) as rows_staged,
        coalesce(typed_rows.rows_rejected, 0) as rows_rejected,
    from read_rows
    left join typed_rows
        on
            read_rows.source_table = typed_rows.source_table
            and read_rows.raw_file = typed_rows.raw_file

)

select * from final
