{#- Staging: a base model and a staged model from the contract of a raw table (docs/raw_files.md). -#}

{#- Every row of the raw files of a table: renamed, typed, with the reason to reject it, if any. In a unit test the rows
    are those of the fixture, as text. Where the engine loads by file, those of the files that it has not, and what rows of
    one key are to each other is judged once they are in. -#}
{% macro stage(source_name, table_name) %}
    {%- set table = source_name ~ '.' ~ table_name -%}
    {#- after the table is there for all to see: its rejected rows say what is wrong -#}
    {{- config(
        materialized='staged', raw_table=table,
        post_hook=[{'sql': "{{ judge_staged('" ~ table ~ "') }}", 'transaction': false}]
    ) -}}
    {%- set relation = source(source_name, table_name) -%}
    {%- if not execute -%}
        {{ return('select * from ' ~ relation) }}
    {%- endif -%}
    {%- set contract = fromjson(ask('raw_contract', [table])) -%}
    {%- if '__dbt__cte__' in relation | string -%}
        {{ return(staged_rows(contract, [{'relation': relation | string}])) }}
    {%- endif -%}
    {%- if flags.WHICH in ['build', 'run', 'compile'] and not invocation_args_dict.get('empty') -%}
        {%- set scans = fromjson(
            ask('raw_scans_of', [table, tojson(changed_files(table).arrived)]) if is_load() else ask('raw_scans', [table])
        ) -%}
    {%- endif -%}
    {{ staged_rows(contract, scans or [{}], judges_keys=not adapter.dispatch('judges_keys_apart')()) }}
{%- endmacro %}

{#- Accepted rows of the base model. -#}
{% macro accepted(source_name, table_name) %}
    {{- config(post_hook="{{ describe_staged('" ~ source_name ~ '.' ~ table_name ~ "') }}") -}}
    {%- set base = ref(this.name | replace('stg_', 'base_', 1)) -%}
    {%- set selected = ['*'] -%}
    {%- if execute -%}
        {%- set selected = staged_columns(fromjson(ask('raw_contract', [source_name ~ '.' ~ table_name]))) | map(attribute='name') -%}
    {%- endif %}
select
    {{ selected | join(',\n    ') }}
from {{ base }}
where reject_reason is null
{%- endmacro %}

{% macro read_scan(contract, scan) %}
    {{ return(adapter.dispatch('read_scan')(contract, scan)) }}
{% endmacro %}

{% macro present_text(value, missing) %}
    {{ return(adapter.dispatch('present_text')(value, missing)) }}
{% endmacro %}

{% macro plain(column, raw, kind) %}
    {{ return(adapter.dispatch('plain')(column, raw, kind)) }}
{% endmacro %}

{% macro typed(source_name, column, plain, kind) %}
    {{ return(adapter.dispatch('typed')(source_name, column, plain, kind)) }}
{% endmacro %}

{#- The code that a spelling stands for; null of any other. -#}
{% macro code_of(text, codes) %}
    {%- set cases = [] -%}
    {%- for code, others in codes.items() -%}
        {%- for spelling in [code] + others -%}
            {%- do cases.append('when ' ~ text_literal(spelling | lower) ~ ' then ' ~ text_literal(code)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return('case ' ~ text ~ ' ' ~ cases | join(' ') ~ ' end') }}
{% endmacro %}

{% macro date_of_text(text, format) %}
    {{ return(adapter.dispatch('date_of_text')(text, format)) }}
{% endmacro %}

{#- The columns of the staged model: [{name, description}]. -#}
{% macro staged_columns(contract) %}
    {%- set found = [] -%}
    {%- for column in contract.columns -%}
        {%- do found.append({'name': column.as_, 'description': column.description}) -%}
        {%- if column.day_as -%}
            {%- do found.append({'name': column.day_as, 'description': 'Day: ' ~ column.description}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do found.append({'name': 'raw_file', 'description': 'File that the row comes from, as source/path'}) -%}
    {{ return(found) }}
{% endmacro %}

{#- One select per scan, since files differ in the types and names of their columns; then rows of one key are counted. -#}
{% macro staged_rows(contract, scans, judges_keys=true) %}
{%- set names = staged_columns(contract) | map(attribute='name') | list -%}
with
{% for scan in scans %}
{% set n = loop.index %}
scan_{{ n }} as (

    {{ read_scan(contract, scan) }}

),

-- a form that is compared or parsed more than once stands once
plain_{{ n }} as (

    select
        {%- for column in contract.columns %}
        raw_{{ loop.index }},
        {{ plain(column, 'raw_' ~ loop.index, kind_of(scan, column)) }} as plain_{{ loop.index }},
        {%- endfor %}
        raw_file
    from scan_{{ n }}

),

typed_{{ n }} as (

    select
        {%- for column in contract.columns %}
        raw_{{ loop.index }},
        {{ typed(contract.source, column, 'plain_' ~ loop.index, kind_of(scan, column)) }} as {{ column.as_ }},
        {%- endfor %}
        raw_file
    from plain_{{ n }}

),

dated_{{ n }} as (

    select
        *
        {%- for column in contract.columns if column.day_as %},
        coalesce(
            cast({{ column.as_ }} as date),
            {{ day_of('raw_' ~ (contract.columns.index(column) + 1), kind_of(scan, column)) }},
            case when raw_{{ contract.columns.index(column) + 1 }} is null then cast({{ column.blank_day }} as date) end
        ) as {{ column.day_as }}
        {%- endfor %}
    from typed_{{ n }}

),

checked_{{ n }} as (

    select
        {{ names | join(',\n        ') }},
        {{ key_spelling(contract) }} as key_spelling,
        case
            {%- for column in contract.columns %}
            {%- for condition, reason in reasons_to_reject(column, 'raw_' ~ loop.index, kind_of(scan, column)) %}
            when {{ condition }} then {{ text_literal(column.name ~ ' ' ~ reason) }}
            {%- endfor %}
            {%- endfor %}
            {%- for condition, reason in contract.checks %}
            when not ({{ condition }}) then {{ text_literal(reason) }}
            {%- endfor %}
        end as invalid_reason
    from dated_{{ n }}

),
{% endfor %}
{%- if judges_keys %}
checked as {{ materialized() }} (

    {% for scan in scans -%}
    select * from checked_{{ loop.index }}
    where {{ found_once() }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- few: only their rows are sorted and numbered
repeated as (

    select {{ contract.key | join(', ') }}
    from checked
    group by {{ contract.key | join(', ') }}
    having count(*) > 1

),

numbered as (

    select
        *,
        1 as copy_number,
        false as is_respelled
    from checked
    where not {{ is_repeated(contract) }}
    union all
    select
        *,
        row_number() over (
            partition by {{ contract.key | join(', ') }}, invalid_reason is null
            order by {{ order_of_copies(contract) }}
        ) as copy_number,
        min(key_spelling) over (partition by {{ contract.key | join(', ') }}, invalid_reason is null)
        <> max(key_spelling) over (partition by {{ contract.key | join(', ') }}, invalid_reason is null) as is_respelled
    from checked
    where {{ is_repeated(contract) }}

),

final as (

    select
        {{ names | join(',\n        ') }},
        nullif(key_spelling, {{ key_spelling(contract, is_raw=false) }}) as key_spelling,
        {{ reason_with_that_of_its_key() }} as reject_reason
    from numbered

)

select * from final
{%- else %}
final as (

    {% for scan in scans -%}
    select
        {{ names | join(',\n        ') }},
        nullif(key_spelling, {{ key_spelling(contract, is_raw=false) }}) as key_spelling,
        invalid_reason as reject_reason
    from checked_{{ loop.index }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
{%- endif %}
{%- endmacro %}

{% macro is_repeated(contract) %}
    {%- set equal = [] -%}
    {%- for column in contract.key -%}
        {%- do equal.append('checked.' ~ column ~ ' is not distinct from repeated.' ~ column) -%}
    {%- endfor -%}
    {{ return('exists (select 1 from repeated where ' ~ equal | join(' and ') ~ ')') }}
{% endmacro %}

{#- What a scan has of a column: the kind of its type, or none where its files lack it. -#}
{% macro kind_of(scan, column) %}
    {%- if scan.relation -%}
        {{ return('text') }}
    {%- endif -%}
    {%- set found = scan.columns or {} -%}
    {#- in parts, it is text that is put together -#}
    {{ return(found[column.name][2] if column.name in found else 'text' if column.name ~ ' day' in found else 'none') }}
{% endmacro %}

{#- How a file spells the identifiers of a key, or how they are spelled that need no other form: two spellings of one key are
    two things that only look like one. -#}
{% macro key_spelling(contract, is_raw=true) %}
    {%- set parts = [] -%}
    {%- for column in contract.columns if column.type in ['id', 'integer', 'cusip'] and column.as_ in contract.key -%}
        {%- set place = 'raw_' ~ (contract.columns.index(column) + 1) -%}
        {%- do parts.append('cast(' ~ (place if is_raw else column.as_) ~ ' as string)') -%}
    {%- endfor -%}
    {{ return("concat_ws('|', " ~ parts | join(', ') ~ ')' if parts else 'cast(null as string)') }}
{% endmacro %}

{#- What staging says of a valid row whose key others have too: [spelled in two ways, repeated]. -#}
{% macro reasons_of_keys() %}
    {{ return(['key is spelled in two ways', 'key repeated']) }}
{% endmacro %}

{#- Why a row is rejected, once the rows of its key are numbered. -#}
{% macro reason_with_that_of_its_key() -%}
        coalesce(
            invalid_reason,
            case
                when is_respelled then {{ text_literal(reasons_of_keys()[0]) }}
                when copy_number > 1 then {{ text_literal(reasons_of_keys()[1]) }}
            end
        )
{%- endmacro %}

{#- Of valid rows with one key the preferred one is staged, else the first; rows equal in every column are interchangeable. -#}
{% macro order_of_copies(contract) %}
    {{ return((contract.prefer + staged_columns(contract) | map(attribute='name') | list) | join(', ')) }}
{% endmacro %}

{#- [condition, reason] for a column, in order: there and not read, missing, out of its bounds. -#}
{% macro reasons_to_reject(column, raw, kind) %}
    {%- set value = column.as_ -%}
    {%- set reasons = [] -%}
    {%- set swapped = (column.format or '') | replace('%m', '%_') | replace('%d', '%m') | replace('%_', '%d') -%}
    {%- if '/' in (column.format or '') and kind == 'text' -%}
        {%- do reasons.append([
            value ~ ' is null and ' ~ raw ~ ' is not null and ' ~ date_of_text(raw, swapped) ~ ' is not null',
            'has day and month in another order'
        ]) -%}
    {%- endif -%}
    {%- do reasons.append([(column.day_as or value) ~ ' is null and ' ~ raw ~ ' is not null', unreadable(column)]) -%}
    {%- if column.required and not (column.optional and kind == 'none') -%}
        {%- do reasons.append([
            value ~ ' is null' ~ (' and ' ~ column.required_where if column.required_where else ''), 'is missing'
        ]) -%}
    {%- endif -%}
    {%- set day = column.type in ['date', 'timestamp'] -%}
    {%- set bound = 'cast(\'{}\' as date)' if day else '{}' -%}
    {%- if column.minimum is not none -%}
        {%- do reasons.append([
            value ~ ' < ' ~ bound.format(column.minimum), ('is before ' if day else 'is below ') ~ column.minimum
        ]) -%}
    {%- endif -%}
    {%- if column.above is not none -%}
        {%- do reasons.append([value ~ ' <= ' ~ bound.format(column.above), 'is not above ' ~ column.above]) -%}
    {%- endif -%}
    {%- if column.maximum is not none -%}
        {%- do reasons.append([
            value ~ ' > ' ~ bound.format(column.maximum), ('is after ' if day else 'is above ') ~ column.maximum
        ]) -%}
    {%- endif -%}
    {{ return(reasons) }}
{% endmacro %}

{#- What is said of text that is there and cannot be read as its column's type. -#}
{% macro unreadable(column) %}
    {%- if column.type == 'code' -%}
        {{ return('is not one of ' ~ column.codes.keys() | join(', ')) }}
    {%- endif -%}
    {{ return('is not ' ~ {
        'text': 'text', 'id': 'an identifier', 'integer': 'a whole number', 'cusip': 'a CUSIP', 'date': 'a date',
        'time': 'a time', 'timestamp': 'a timestamp', 'usd': 'a number', 'number': 'a number',
    }[column.type]) }}
{% endmacro %}

{#- After a base model: what makes a whole file suspicious stops the build, though its rows are rejected one by one. A
    column of which no value of a file can be read; a day where a month should be, since the file's other days may be
    read as months; one key spelled in two ways. -#}
{% macro judge_staged(table) %}
    {%- if execute and flags.WHICH in ['build', 'run'] -%}
        {%- set contract = fromjson(ask('raw_contract', [table])) -%}
        {%- do describe_relation(contract, 'Every row of ' ~ table ~ ', typed, with the reason to reject it, if any.') -%}
        {%- set rejected = of_build(
            'select raw_file, reject_reason, count(*) from ' ~ this ~ ' where reject_reason is not null'
            ~ ' group by raw_file, reject_reason order by raw_file, reject_reason'
        ).rows -%}
        {%- for raw_file, reason, rows in rejected -%}
            {%- if reason == reasons_of_keys()[0] -%}
                {{ stop_build('bad input: ' ~ raw_file ~ ': a ' ~ reason ~ '; expected one spelling of '
                    ~ contract.key | join(', ')) }}
            {%- endif -%}
            {%- for column in contract.columns if reason.startswith(column.name ~ ' ') -%}
                {%- set problem = reason[column.name | length + 1:] -%}
                {%- set expected = '; expected ' ~ unreadable(column)[7:]
                    ~ (' as ' ~ (column.format or 'ISO 8601') if column.type in ['date', 'timestamp'] else '') -%}
                {%- if problem == 'has day and month in another order' -%}
                    {{ stop_build('bad input: ' ~ raw_file ~ ': column ' ~ reason ~ expected) }}
                {%- elif problem == unreadable(column) and rows > 1 -%}
                    {%- set read = of_build(
                        'select count(' ~ (column.day_as or column.as_) ~ ') from ' ~ this ~ ' where raw_file = ' ~ text_literal(raw_file)
                    ).rows[0][0] -%}
                    {%- if read == 0 -%}
                        {{ stop_build('bad input: ' ~ raw_file ~ ': column ' ~ column.name
                            ~ ' is not in the expected form' ~ expected) }}
                    {%- endif -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{#- The contract's descriptions as comments in the database. -#}
{% macro describe_staged(table) %}
    {%- if execute and flags.WHICH in ['build', 'run'] -%}
        {%- set contract = fromjson(ask('raw_contract', [table])) -%}
        {%- do describe_relation(contract, contract.description ~ ' Accepted rows of ' ~ table ~ '.') -%}
    {%- endif -%}
{% endmacro %}

{#- What a base model has beside the columns of its contract. -#}
{% macro columns_of_judgement() %}
    {{ return({
        'key_spelling': 'How the file spells the identifiers of the key; null where it is as here.',
        'reject_reason': 'Why the row is rejected; null of accepted rows.',
    }) }}
{% endmacro %}

{% macro describe_relation(contract, description) %}
    {%- set kind = 'view' if this.name.startswith('stg_') else 'table' -%}
    {%- set statements = ['comment on ' ~ kind ~ ' ' ~ this ~ ' is ' ~ text_literal(description)] -%}
    {%- for column in staged_columns(contract) -%}
        {%- do statements.append(
            'comment on column ' ~ this ~ '.' ~ column.name ~ ' is ' ~ text_literal(column.description ~ '.')
        ) -%}
    {%- endfor -%}
    {%- if kind == 'table' -%}
        {%- for name, said in columns_of_judgement().items() -%}
            {%- do statements.append('comment on column ' ~ this ~ '.' ~ name ~ ' is ' ~ text_literal(said)) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do of_build(statements | join(';\n')) -%}
{% endmacro %}
