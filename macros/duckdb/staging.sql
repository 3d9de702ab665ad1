{#- How DuckDB reads raw files and their values. -#}

{#- The rows of one scan: raw_1, raw_2, … in the order of the contract, without blanks around them and null where they
    say that there is no value; and `raw_file`. -#}
{% macro duckdb__read_scan(contract, scan) %}
    {%- set places = [] -%}
    {%- for column in contract.columns -%}
        {%- if kind_of(scan, column) == 'none' -%}
            {%- set value = 'cast(null as string)' -%}
        {%- elif scan.columns and column.name not in scan.columns -%}
            {%- set value = day_with_clock(
                value_of(contract, scan, column, column.name ~ ' day'), value_of(contract, scan, column, column.name ~ ' clock')
            ) -%}
        {%- else -%}
            {%- set value = value_of(contract, scan, column, column.name) -%}
        {%- endif -%}
        {%- do places.append(value ~ ' as raw_' ~ loop.index) -%}
    {%- endfor %}
    select
        {{ places | join(',\n        ') }},
        {% if scan.relation -%}
        raw_file
    from {{ scan.relation }}
        {%- elif scan.files -%}
        {#- what follows the folder, as the ledger names the file -#}
        {{ text_literal(contract.source) }} || substr(filename, {{ scan.folder | length + 1 }}) as raw_file
    from {{ file_reader(contract, scan) }}
        {%- else -%}
        cast(null as string) as raw_file
    where false
        {%- endif -%}
{% endmacro %}

{#- What a file holds of a column, or of a part of one. -#}
{% macro value_of(contract, scan, column, name) %}
    {%- set kind = 'text' if scan.relation else scan.columns[name][2] -%}
    {%- if scan.relation -%}
        {%- set value = 'cast(' ~ adapter.quote(name) ~ ' as string)' -%}
    {%- elif scan.format == 'json' -%}
        {%- set parent = contract.records[-2] if contract.records | length > 2 -%}
        {%- set value = (parent if column.parent else contract.records[-1]) ~ '_record.' ~ adapter.quote(name) -%}
    {%- elif scan.format == 'parquet' -%}
        {%- set value = adapter.quote(scan.columns[name][0] | replace('"', '""')) -%}
    {%- elif scan.is_wide -%}
        {%- set value = "split_part(line, '" ~ contract.delimiter ~ "', " ~ scan.columns[name][1] ~ ')' -%}
    {%- else -%}
        {%- set value = 'c' ~ scan.columns[name][1] -%}
    {%- endif -%}
    {%- if kind == 'blob' -%}
        {%- set value = 'decode(' ~ value ~ ')' -%}
    {%- endif -%}
    {%- if kind in ['text', 'blob'] -%}
        {{ return(present_text(value, column.missing)) }}
    {%- elif kind == 'float' and (column.type not in ['usd', 'number'] or 'nan' in column.missing) -%}
        {#- what a column of doubles has where an identifier is missing -#}
        {{ return('case when not isnan(' ~ value ~ ') then ' ~ value ~ ' end') }}
    {%- endif -%}
    {{ return(value) }}
{% endmacro %}

{#- A time whose day and time of day stand in two columns, as one text; either may have become a number, which loses zeros
    before it and gains a `.0`. -#}
{% macro day_with_clock(day, clock) %}
    {%- set day = 'regexp_replace(cast(' ~ day ~ " as string), '([.]0*|[ T]00:00:00)$', '')" -%}
    {%- set clock = 'regexp_replace(cast(' ~ clock ~ " as string), '[.]0*$', '')" -%}
    {%- set padded = 'lpad(' ~ clock ~ ", 6, '0')" -%}
    {{ return(
        "nullif(concat_ws(' ', case when length(" ~ day ~ ') = 8 then substr(' ~ day ~ ", 1, 4) || '-' || substr(" ~ day
        ~ ", 5, 2) || '-' || substr(" ~ day ~ ', 7, 2) else ' ~ day ~ ' end, case when regexp_full_match(' ~ clock
        ~ ", '[0-9]{1,6}') then substr(" ~ padded ~ ", 1, 2) || ':' || substr(" ~ padded ~ ", 3, 2) || ':' || substr(" ~ padded
        ~ ', 5, 2) else ' ~ clock ~ " end), '')"
    ) }}
{% endmacro %}

{#- A path as it is: what looks like a pattern in it is none. -#}
{% macro path_literal(file) %}
    {{ return(text_literal(modules.re.sub('([][*?{}])', '[\\1]', file))) }}
{% endmacro %}

{% macro file_reader(contract, scan) %}
    {%- set paths = [] -%}
    {%- for file in scan.files -%}
        {%- do paths.append(path_literal(file)) -%}
    {%- endfor -%}
    {%- set files = '[' ~ paths | join(', ') ~ ']' -%}
    {%- if scan.format == 'parquet' %}
        read_parquet({{ files }}, filename = true, hive_partitioning = false)
    {%- elif scan.format == 'json' -%}
        {%- set fields = {'parent': [], 'child': []} -%}
        {%- for column in contract.columns -%}
            {%- do fields['parent' if column.parent else 'child'].append(adapter.quote(column.name) ~ ' varchar') -%}
        {%- endfor -%}
        {%- set type = 'struct(' ~ fields.child | join(', ') ~ ')[]' -%}
        {%- if contract.records | length > 2 -%}
            {%- set type = 'struct(' ~ (fields.parent + [contract.records[2] ~ ' ' ~ type]) | join(', ') ~ ')[]' -%}
        {%- endif %}
        read_json(
            {{ files }},
            columns = {'{{ contract.records[0] }}': 'struct({{ contract.records[1] }} {{ type }})'},
            compression = 'none',
            filename = true,
            hive_partitioning = false,
            maximum_object_size = {{ scan.largest + 1024 }}
        ) as documents
        {%- for step in contract.records[1:] %}
    cross join unnest({{ 'documents.' if loop.first }}{{ contract.records[loop.index0] }}{{ '_record' if not loop.first }}.{{ step }})
        as {{ step }}_rows ({{ step }}_record)
        {%- endfor -%}
    {%- else -%}
        {%- set names = [] -%}
        {%- for place in range(1, scan.width + 1) -%}
            {%- do names.append("'c" ~ place ~ "': 'varchar'") -%}
        {%- endfor -%}
        {%- set mark = '"' if contract.quoted else '' %}
        read_csv(
            {{ files }},
            columns = {{ '{' }}{{ "'line': 'varchar'" if scan.is_wide else names | join(', ') }}{{ '}' }},
            delim = {{ "'\x1f'" if scan.is_wide else text_literal(contract.delimiter) }},
            quote = '{{ mark }}',
            escape = '{{ mark }}',
            header = false,
            skip = 1,
            auto_detect = false,
            compression = 'none',
            encoding = '{{ scan.encoding }}',
            {#- the lines were counted, and all but the trailer have every column -#}
            ignore_errors = {{ scan.has_trailer | lower }},
            filename = true,
            hive_partitioning = false
        )
        {%- if scan.is_wide %}
    where line is not null
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- Text without the blanks around it, of any kind; null where nothing or a token of missing is left. -#}
{% macro duckdb__present_text(value, missing) %}
    {#- blank, tab, line ends; no-break spaces and a byte-order mark -#}
    {%- set blanks = [] -%}
    {%- for code in [32, 9, 10, 13, 160, 8199, 8239, 65279] -%}
        {%- do blanks.append('chr(' ~ code ~ ')') -%}
    {%- endfor -%}
    {#- hardly any text has a blank at an end, and to look for eight kinds of them takes ten times as long as to see that there are
        as many bytes as characters, of which neither the first nor the last comes before `!`, as all blanks of ASCII do -#}
    {%- set text = 'case when strlen(' ~ value ~ ') = length(' ~ value ~ ') and array_extract(' ~ value
        ~ ", 1) >= '!' and array_extract(" ~ value ~ ", -1) >= '!' then " ~ value ~ ' else nullif(trim(' ~ value ~ ', '
        ~ blanks | join(' || ') ~ "), '') end" -%}
    {%- if not missing -%}
        {{ return(text) }}
    {%- endif -%}
    {%- set tokens = [] -%}
    {%- for token in missing -%}
        {%- do tokens.append(text_literal(token)) -%}
    {%- endfor -%}
    {{ return('case when lower(' ~ text ~ ') not in (' ~ tokens | join(', ') ~ ') then ' ~ text ~ ' end') }}
{% endmacro %}

{#- What is parsed: an identifier or a code in its one form, a time with its parts in order, else the value as it is. -#}
{% macro duckdb__plain(column, raw, kind) %}
    {%- if kind == 'none' -%}
        {{ return('cast(null as string)') }}
    {%- elif column.type in ['id', 'integer', 'cusip'] -%}
        {{ return(identifier_of(raw, kind, column.type == 'integer' or column.is_number)) }}
    {%- elif column.type == 'code' -%}
        {{ return('lower(cast(' ~ raw ~ ' as string))') }}
    {%- elif column.type == 'text' -%}
        {{ return('cast(' ~ raw ~ ' as string)') }}
    {%- elif column.type == 'time' -%}
        {{ return(ordered_time("'2000-01-01 ' || " ~ raw)) }}
    {%- elif column.type == 'timestamp' and kind in ['text', 'blob'] -%}
        {{ return(ordered_time(raw)) }}
    {%- endif -%}
    {{ return(raw) }}
{% endmacro %}

{% macro duckdb__typed(source_name, column, plain, kind) %}
    {%- set type = column.type -%}
    {%- set types = {'usd': 'decimal(18, 2)', 'number': 'decimal(20, 6)', 'integer': 'bigint', 'date': 'date',
        'timestamp': 'timestamp'} -%}
    {%- if kind == 'none' -%}
        {{ return('cast(null as ' ~ types.get(type, 'string') ~ ')') }}
    {%- elif type in ['usd', 'number'] -%}
        {{ return(number_of(plain, kind, types[type])) }}
    {%- elif type == 'date' -%}
        {{ return(date_of(plain, kind, column.format)) }}
    {%- elif type == 'timestamp' -%}
        {{ return(timestamp_of(plain, kind, var('unzoned_times')[source_name])) }}
    {%- elif type == 'time' -%}
        {{ return('cast(cast(' ~ timestamp_of_text(plain, none) ~ ' as time) as string)') }}
    {%- elif type == 'code' -%}
        {{ return(code_of(plain, column.codes)) }}
    {%- elif type == 'cusip' -%}
        {{ return(cusip_of(plain)) }}
    {%- elif type == 'integer' -%}
        {{ return("case when regexp_full_match(" ~ plain ~ ", '-?[0-9]+') then try_cast(" ~ plain ~ ' as bigint) end') }}
    {%- elif type == 'id' -%}
        {{ return(id_of(plain, column)) }}
    {%- endif -%}
    {{ return(plain) }}
{% endmacro %}

{% macro id_of(plain, column) %}
    {#- a number that a spreadsheet has rounded is another one -#}
    {%- set condition = 'regexp_full_match(' ~ plain ~ ', ' ~ text_literal(column.pattern) ~ ')' if column.pattern
        else "not regexp_full_match(" ~ plain ~ ", '[0-9]([.][0-9]+)?E[+][0-9]+')" -%}
    {%- if column.mistaken -%}
        {%- set condition = condition ~ ' and ' ~ plain ~ " not in ('" ~ column.mistaken | join("', '") ~ "')" -%}
    {%- endif -%}
    {{ return('case when ' ~ condition ~ ' then ' ~ plain ~ ' end') }}
{% endmacro %}

{#- A number, exact; null where it is none, is infinite or does not fit. -#}
{% macro number_of(raw, kind, type) %}
    {%- if kind in ['integer', 'decimal', 'float'] -%}
        {{ return('try_cast(' ~ raw ~ ' as ' ~ type ~ ')') }}
    {%- elif kind in ['text', 'blob'] -%}
        {{ return("case when regexp_full_match(" ~ raw ~ ", '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9]{1,2})?', 'i') then try_cast("
            ~ raw ~ ' as ' ~ type ~ ') end') }}
    {%- endif -%}
    {{ return('cast(null as ' ~ type ~ ')') }}
{% endmacro %}

{#- An identifier's one form: capitals, single blanks, no apostrophes around it, no `.0` behind digits; of one that is a
    number, no zeros before it. -#}
{% macro identifier_of(raw, kind, is_number) %}
    {%- if kind == 'integer' -%}
        {{ return('cast(' ~ raw ~ ' as string)') }}
    {%- elif kind in ['decimal', 'float'] -%}
        {#- doubles hold whole numbers up to 2^53 -#}
        {{ return('case when ' ~ raw ~ ' = floor(' ~ raw ~ ') and abs(' ~ raw ~ ') < 9007199254740992 then cast(try_cast('
            ~ raw ~ ' as bigint) as string) end') }}
    {%- endif -%}
    {%- set text = "trim(trim(upper(cast(" ~ raw ~ " as string)), chr(39) || chr(96) || chr(8216) || chr(8217)))" -%}
    {%- set text = "nullif(regexp_replace(regexp_replace(" ~ text
        ~ ", '[[:space:]]+', ' ', 'g'), '^(-?[0-9]+)[.]0*$', '\\1'), '')" -%}
    {%- if is_number -%}
        {%- set text = "regexp_replace(" ~ text ~ ", '^(-?)0+([0-9])', '\\1\\2')" -%}
    {%- endif -%}
    {#- most are in that form -#}
    {{ return("case when regexp_full_match(" ~ raw ~ ", '" ~ ('[1-9][0-9]*' if is_number else '[0-9A-Z]+') ~ "') then " ~ raw
        ~ ' else ' ~ text ~ ' end') }}
{% endmacro %}

{#- Nine characters of which the last is the check digit of the others: letters count from 10, then *, @ and #; every
    second value counts twice; the digits of all of these add up. -#}
{% macro cusip_of(text) %}
    {%- set terms = [] -%}
    {%- for place in range(1, 9) -%}
        {%- set value = "(strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*@#', substr(" ~ text ~ ', ' ~ place ~ ', 1)) - 1)'
            ~ (' * 2' if place % 2 == 0 else '') -%}
        {%- do terms.append(value ~ ' - 9 * (' ~ value ~ ' // 10)') -%}
    {%- endfor -%}
    {{ return("case when regexp_full_match(" ~ text ~ ", '[0-9A-Z*@#]{8}[0-9]') and (" ~ terms | join(' + ') ~ ' + cast(substr('
        ~ text ~ ', 9, 1) as integer)) % 10 = 0 then ' ~ text ~ ' end') }}
{% endmacro %}

{#- A day; a time of day that is not midnight makes it none. -#}
{% macro date_of(raw, kind, format) %}
    {%- if kind == 'date' -%}
        {{ return(raw) }}
    {%- elif kind in ['timestamp', 'timestamptz'] -%}
        {%- set local = raw if kind == 'timestamp' else "timezone('" ~ eastern() ~ "', " ~ raw ~ ')' -%}
        {{ return('case when ' ~ local ~ ' = cast(cast(' ~ local ~ ' as date) as timestamp) then cast(' ~ local ~ ' as date) end') }}
    {%- elif kind in ['text', 'blob', 'integer'] -%}
        {{ return(date_of_text('cast(' ~ raw ~ ' as string)', format)) }}
    {%- endif -%}
    {{ return('cast(null as date)') }}
{% endmacro %}

{% macro duckdb__date_of_text(text, format) %}
    {%- if format -%}
        {%- set pattern = format | replace('%Y', '[0-9]{4}') | replace('%m', '[0-9]{1,2}') | replace('%d', '[0-9]{1,2}') -%}
        {{ return("case when regexp_full_match(" ~ text ~ ", '" ~ pattern ~ "') then cast(try_strptime(" ~ text ~ ", '" ~ format
            ~ "') as date) end") }}
    {%- endif -%}
    {{ return(
        "case when regexp_full_match(" ~ text ~ ", '[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]00:00(:00([.]0+)?)?)?') then try_cast(substr("
        ~ text ~ ", 1, 10) as date) when regexp_full_match(" ~ text ~ ", '[0-9]{8}') then cast(try_strptime(" ~ text
        ~ ", '%Y%m%d') as date) end"
    ) }}
{% endmacro %}

{#- The day of a timestamp's column that says no more than the day. -#}
{% macro day_of(raw, kind) %}
    {{ return(date_of(raw, kind, none) if kind in ['text', 'blob', 'date'] else 'cast(null as date)') }}
{% endmacro %}

{#- A time in New York. `zone` is that of times which name none. -#}
{% macro timestamp_of(raw, kind, zone) %}
    {%- if kind == 'timestamptz' -%}
        {{ return("timezone('" ~ eastern() ~ "', " ~ raw ~ ')') }}
    {%- elif kind == 'timestamp' -%}
        {{ return(to_eastern('cast(' ~ raw ~ ' as timestamp)', zone)) }}
    {%- elif kind in ['text', 'blob'] -%}
        {{ return(timestamp_of_text(raw, zone)) }}
    {%- endif -%}
    {{ return('cast(null as timestamp)') }}
{% endmacro %}

{#- Compact forms with the usual marks between their parts. -#}
{% macro ordered_time(raw) %}
    {{ return('case when ' ~ is_plain_time(raw) ~ ' then ' ~ raw ~ " else regexp_replace(regexp_replace(upper(" ~ raw ~ "),"
        ~ " '^([0-9]{4})([0-9]{2})([0-9]{2})[ T]?([0-9]{2}):?([0-9]{2}):?([0-9]{2})', '\\1-\\2-\\3 \\4:\\5:\\6'),"
        ~ " '^([0-9]{4}-[0-9]{2}-[0-9]{2})-([0-9]{2})[.]([0-9]{2})[.]([0-9]{2})', '\\1 \\2:\\3:\\4') end") }}
{% endmacro %}

{#- YYYY-MM-DD HH:MM:SS, as most are written. -#}
{% macro is_plain_time(text) %}
    {{ return("length(" ~ text ~ ") = 19 and substr(" ~ text ~ ", 14, 1) = ':' and substr(" ~ text ~ ", 17, 1) = ':' and substr("
        ~ text ~ ", 12, 2) < '24'") }}
{% endmacro %}

{#- Text in full or not at all: day and time with seconds or without, AM or PM, an offset from UTC. -#}
{% macro timestamp_of_text(text, zone) %}
    {%- set clock = '[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]([01]?[0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?' -%}
    {%- set half = ' ?[AP]M' -%}
    {%- set offset = ' ?(Z|UTC|GMT|[+-][0-9]{2}(:?[0-9]{2})?)' -%}
    {%- set time = "try_cast(regexp_extract(" ~ text ~ ", '^" ~ clock ~ "') as timestamp)" -%}
    {%- set time = "case when not regexp_matches(" ~ text ~ ", '" ~ half ~ "') then " ~ time ~ " when hour(" ~ time
        ~ ") between 1 and 12 then " ~ time ~ " + case when regexp_matches(" ~ text ~ ", 'AM') and hour(" ~ time
        ~ ") = 12 then interval (-12) hour when regexp_matches(" ~ text ~ ", 'PM') and hour(" ~ time
        ~ ") < 12 then interval 12 hour else interval 0 hour end end" -%}
    {%- set utc = "timezone('" ~ eastern() ~ "', try_cast(cast(" ~ time ~ " as string) || regexp_replace(regexp_extract(" ~ text
        ~ ", '" ~ offset ~ "$', 1), 'Z|UTC|GMT', '+00') as timestamptz))" -%}
    {{ return(
        'case when ' ~ is_plain_time(text) ~ ' then ' ~ to_eastern('try_cast(' ~ text ~ ' as timestamp)', zone)
        ~ " when regexp_full_match(" ~ text ~ ", '" ~ clock ~ '(' ~ half ~ ")?') then " ~ to_eastern(time, zone)
        ~ " when regexp_full_match(" ~ text ~ ", '" ~ clock ~ '(' ~ half ~ ')?' ~ offset ~ "') then " ~ utc ~ " end"
    ) }}
{% endmacro %}

{#- A time without a zone, in New York. The hour that clocks skip in spring is none. -#}
{% macro duckdb__to_eastern(time, zone) %}
    {%- if zone is none -%}
        {{ return(time) }}
    {%- elif zone != eastern() -%}
        {{ return("timezone('" ~ eastern() ~ "', timezone('" ~ zone ~ "', " ~ time ~ '))') }}
    {%- endif -%}
    {{ return("case when month(" ~ time ~ ") <> 3 or hour(" ~ time ~ ") <> 2 or timezone('" ~ zone ~ "', timezone('" ~ zone ~ "', " ~ time
        ~ ')) = ' ~ time ~ ' then ' ~ time ~ ' end') }}
{% endmacro %}
