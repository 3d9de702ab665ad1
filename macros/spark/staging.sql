{#- How Spark reads raw files and their values. It casts more loosely than a contract reads, so that what a value must look
    like is said before each cast. -#}

{% macro fully(text, pattern) %}
    {{ return(text ~ ' rlike ' ~ text_literal('\\A(?:' ~ pattern ~ ')\\z')) }}
{% endmacro %}

{#- As on DuckDB: raw_1, raw_2, … and `raw_file`. -#}
{% macro spark__read_scan(contract, scan) %}
    {%- set places = [] -%}
    {%- for column in contract.columns -%}
        {%- if kind_of(scan, column) == 'none' -%}
            {%- set value = 'cast(null as string)' -%}
        {%- elif scan.columns and column.name not in scan.columns -%}
            {%- set value = spark_day_with_clock(
                spark_value_of(contract, scan, column, column.name ~ ' day'),
                spark_value_of(contract, scan, column, column.name ~ ' clock')
            ) -%}
        {%- else -%}
            {%- set value = spark_value_of(contract, scan, column, column.name) -%}
        {%- endif -%}
        {%- do places.append(value ~ ' as raw_' ~ loop.index) -%}
    {%- endfor %}
    select
        {{ places | join(',\n        ') }},
        {% if scan.relation -%}
        raw_file
    from {{ scan.relation }}
        {%- elif scan.files -%}
        concat({{ text_literal(contract.source) }}, substr(filename, {{ adapter.absolute(scan.folder) | length + 1 }})) as raw_file
    from {{ spark_file_reader(contract, scan) }}
        {%- else -%}
        cast(null as string) as raw_file
    where false
        {%- endif -%}
{% endmacro %}

{% macro spark_value_of(contract, scan, column, name) %}
    {%- set kind = 'text' if scan.relation else scan.columns[name][2] -%}
    {%- if scan.relation -%}
        {%- set value = 'cast(' ~ adapter.quote(name) ~ ' as string)' -%}
    {%- elif scan.format == 'json' -%}
        {%- set parent = contract.records[-2] if contract.records | length > 2 -%}
        {%- set value = (parent if column.parent else contract.records[-1]) ~ '_record.' ~ adapter.quote(name) -%}
    {%- elif scan.format == 'parquet' -%}
        {%- set value = adapter.quote(scan.columns[name][0]) -%}
    {%- elif scan.is_wide -%}
        {%- set value = "split_part(c1, '" ~ contract.delimiter ~ "', " ~ scan.columns[name][1] ~ ')' -%}
    {%- else -%}
        {%- set value = 'c' ~ scan.columns[name][1] -%}
    {%- endif -%}
    {%- if kind == 'blob' -%}
        {%- set value = 'cast(' ~ value ~ ' as string)' -%}
    {%- endif -%}
    {%- if kind in ['text', 'blob'] -%}
        {{ return(present_text(value, column.missing)) }}
    {%- elif kind == 'float' and (column.type not in ['usd', 'number'] or 'nan' in column.missing) -%}
        {{ return('case when not isnan(' ~ value ~ ') then ' ~ value ~ ' end') }}
    {%- endif -%}
    {{ return(value) }}
{% endmacro %}

{% macro spark_day_with_clock(day, clock) %}
    {%- set day = 'regexp_replace(cast(' ~ day ~ " as string), '([.]0*|[ T]00:00:00)$', '')" -%}
    {%- set clock = 'regexp_replace(cast(' ~ clock ~ " as string), '[.]0*$', '')" -%}
    {%- set padded = 'lpad(' ~ clock ~ ", 6, '0')" -%}
    {{ return(
        "nullif(concat_ws(' ', case when length(" ~ day ~ ') = 8 then concat(substr(' ~ day ~ ", 1, 4), '-', substr(" ~ day
        ~ ", 5, 2), '-', substr(" ~ day ~ ', 7, 2)) else ' ~ day ~ ' end, case when ' ~ fully(clock, '[0-9]{1,6}')
        ~ ' then concat(substr(' ~ padded ~ ", 1, 2), ':', substr(" ~ padded ~ ", 3, 2), ':', substr(" ~ padded
        ~ ', 5, 2)) else ' ~ clock ~ " end), '')"
    ) }}
{% endmacro %}

{% macro spark_file_reader(contract, scan) %}
    {%- if scan.format == 'parquet' -%}
        {{ return(adapter.read_parquet(scan.files)) }}
    {%- elif scan.format == 'json' -%}
        {%- set fields = {'parent': [], 'child': []} -%}
        {%- for column in contract.columns -%}
            {%- do fields['parent' if column.parent else 'child'].append('`' ~ column.name ~ '`: string') -%}
        {%- endfor -%}
        {%- set type = 'array<struct<' ~ fields.child | join(', ') ~ '>>' -%}
        {%- if contract.records | length > 2 -%}
            {%- set type = 'array<struct<' ~ (fields.parent + [contract.records[2] ~ ': ' ~ type]) | join(', ') ~ '>>' -%}
        {%- endif -%}
        {%- set schema = 'struct<' ~ contract.records[0] ~ ': struct<' ~ contract.records[1] ~ ': ' ~ type ~ '>>' -%}
        {%- set joins = [adapter.read_json(scan.files, schema) ~ ' as documents'] -%}
        {%- for step in contract.records[1:] -%}
            {%- set holder = ('documents.document.' if loop.first else '') ~ contract.records[loop.index0]
                ~ ('' if loop.first else '_record') -%}
            {%- do joins.append('lateral view explode(' ~ holder ~ '.' ~ step ~ ') ' ~ step ~ '_rows as ' ~ step ~ '_record') -%}
        {%- endfor -%}
        {{ return(joins | join('\n    ')) }}
    {%- elif scan.is_wide -%}
        {#- cut out of lines: a reader would cut all columns, of which a few are wanted -#}
        {{ return(adapter.read_text(scan.files, 1, text_options('\x1f', false, scan.encoding))) }}
    {%- endif -%}
    {{ return(adapter.read_text(
        scan.files, scan.width, text_options(contract.delimiter, contract.quoted, scan.encoding, scan.has_trailer)
    )) }}
{% endmacro %}

{#- Where something is quoted, lines end where quotes allow it, and a file is read by one task. -#}
{% macro text_options(delimiter, is_quoted, encoding, has_trailer=false) %}
    {{ return({
        'sep': delimiter,
        'quote': '"' if is_quoted else '',
        'escape': '"' if is_quoted else '',
        'multiLine': is_quoted,
        'encoding': {'latin-1': 'ISO-8859-1'}.get(encoding, encoding),
        'maxCharsPerColumn': -1,
        'mode': 'DROPMALFORMED' if has_trailer else 'PERMISSIVE',
        'columnPruning': not has_trailer,
    }) }}
{% endmacro %}

{% macro spark__present_text(value, missing) %}
    {#- blank, tab, line ends; no-break spaces and a byte-order mark -#}
    {%- set blanks = [] -%}
    {%- for code in ['0020', '0009', '000a', '000d', '00a0', '2007', '202f', 'feff'] -%}
        {%- do blanks.append('\\u' ~ code) -%}
    {%- endfor -%}
    {%- set some = '[' ~ blanks | join('') ~ ']+' -%}
    {%- set text = 'case when ' ~ fully(value, '[!-~]([ -~]*[!-~])?') ~ ' then ' ~ value ~ ' else nullif(regexp_replace('
        ~ value ~ ", '\\A" ~ some ~ '|' ~ some ~ "\\z', ''), '') end" -%}
    {%- if not missing -%}
        {{ return(text) }}
    {%- endif -%}
    {%- set tokens = [] -%}
    {%- for token in missing -%}
        {%- do tokens.append(text_literal(token)) -%}
    {%- endfor -%}
    {{ return('case when lower(' ~ text ~ ') not in (' ~ tokens | join(', ') ~ ') then ' ~ text ~ ' end') }}
{% endmacro %}

{% macro spark__plain(column, raw, kind) %}
    {%- if kind == 'none' -%}
        {{ return('cast(null as string)') }}
    {%- elif column.type in ['id', 'integer', 'cusip'] -%}
        {{ return(spark_identifier_of(raw, kind, column.type == 'integer' or column.is_number)) }}
    {%- elif column.type == 'code' -%}
        {{ return('lower(cast(' ~ raw ~ ' as string))') }}
    {%- elif column.type == 'text' -%}
        {{ return('cast(' ~ raw ~ ' as string)') }}
    {%- elif column.type == 'time' -%}
        {{ return(spark_ordered_time("concat('2000-01-01 ', " ~ raw ~ ')')) }}
    {%- elif column.type == 'timestamp' and kind in ['text', 'blob'] -%}
        {{ return(spark_ordered_time(raw)) }}
    {%- endif -%}
    {{ return(raw) }}
{% endmacro %}

{% macro spark__typed(source_name, column, plain, kind) %}
    {%- set type = column.type -%}
    {%- set types = {'usd': 'decimal(18, 2)', 'number': 'decimal(20, 6)', 'integer': 'bigint', 'date': 'date',
        'timestamp': 'timestamp'} -%}
    {%- if kind == 'none' -%}
        {{ return('cast(null as ' ~ types.get(type, 'string') ~ ')') }}
    {%- elif type in ['usd', 'number'] -%}
        {{ return(spark_number_of(plain, kind, 18 if type == 'usd' else 20, 2 if type == 'usd' else 6)) }}
    {%- elif type == 'date' -%}
        {{ return(spark_date_of(plain, kind, column.format)) }}
    {%- elif type == 'timestamp' -%}
        {{ return(spark_timestamp_of(plain, kind, var('unzoned_times')[source_name])) }}
    {%- elif type == 'time' -%}
        {{ return('substr(cast(' ~ spark_timestamp_of_text(plain, none) ~ ' as string), 12)') }}
    {%- elif type == 'code' -%}
        {{ return(code_of(plain, column.codes)) }}
    {%- elif type == 'cusip' -%}
        {{ return(spark_cusip_of(plain)) }}
    {%- elif type == 'integer' -%}
        {{ return('case when ' ~ fully(plain, '-?[0-9]+') ~ ' then try_cast(' ~ plain ~ ' as bigint) end') }}
    {%- elif type == 'id' -%}
        {{ return(spark_id_of(plain, column)) }}
    {%- endif -%}
    {{ return(plain) }}
{% endmacro %}

{% macro spark_id_of(plain, column) %}
    {#- a number that a spreadsheet has rounded is another one -#}
    {%- set condition = fully(plain, column.pattern) if column.pattern
        else 'not ' ~ fully(plain, '[0-9]([.][0-9]+)?E[+][0-9]+') -%}
    {%- if column.mistaken -%}
        {%- set condition = condition ~ ' and ' ~ plain ~ " not in ('" ~ column.mistaken | join("', '") ~ "')" -%}
    {%- endif -%}
    {{ return('case when ' ~ condition ~ ' then ' ~ plain ~ ' end') }}
{% endmacro %}

{#- A number, exact; null where it is none, is infinite or does not fit. -#}
{% macro spark_number_of(raw, kind, precision, scale) %}
    {%- set type = 'decimal(' ~ precision ~ ', ' ~ scale ~ ')' -%}
    {%- if kind == 'float' -%}
        {#- the bound is that of the type -#}
        {{ return('case when abs(' ~ raw ~ ') < 1E' ~ (precision - scale) ~ 'D then ' ~ as_decimal(raw, precision, scale) ~ ' end') }}
    {%- elif kind in ['integer', 'decimal'] -%}
        {{ return('try_cast(' ~ raw ~ ' as ' ~ type ~ ')') }}
    {%- elif kind in ['text', 'blob'] -%}
        {{ return('case when ' ~ fully(raw, '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,2})?') ~ ' then try_cast('
            ~ raw ~ ' as ' ~ type ~ ') end') }}
    {%- endif -%}
    {{ return('cast(null as ' ~ type ~ ')') }}
{% endmacro %}

{% macro spark_identifier_of(raw, kind, is_number) %}
    {%- if kind == 'integer' -%}
        {{ return('cast(' ~ raw ~ ' as string)') }}
    {%- elif kind in ['decimal', 'float'] -%}
        {#- doubles hold whole numbers up to 2^53 -#}
        {{ return('case when ' ~ raw ~ ' = floor(' ~ raw ~ ') and abs(' ~ raw ~ ') < 9007199254740992 then cast(try_cast('
            ~ raw ~ ' as bigint) as string) end') }}
    {%- endif -%}
    {%- set marks = '[\'`\u2018\u2019]*' | replace("'", "''") -%}
    {%- set text = 'regexp_replace(regexp_replace(trim(upper(cast(' ~ raw ~ " as string))), '\\A" ~ marks ~ '|' ~ marks
        ~ "\\z', ''), '\\A +| +\\z', '')" -%}
    {%- set text = 'nullif(regexp_replace(regexp_replace(' ~ text ~ ", '[\\t\\n\\x0b\\f\\r ]+', ' '), '^(-?[0-9]+)[.]0*$', '$1'), '')" -%}
    {%- if is_number -%}
        {%- set text = 'regexp_replace(' ~ text ~ ", '^(-?)0+([0-9])', '$1$2')" -%}
    {%- endif -%}
    {#- most are in that form -#}
    {{ return('case when ' ~ fully(raw, '[1-9][0-9]*' if is_number else '[0-9A-Z]+') ~ ' then ' ~ raw ~ ' else ' ~ text ~ ' end') }}
{% endmacro %}

{#- Nine characters of which the last is the check digit of the others: letters count from 10, then *, @ and #; every
    second value counts twice; the digits of all of these add up. -#}
{% macro spark_cusip_of(text) %}
    {%- set terms = [] -%}
    {%- for place in range(1, 9) -%}
        {%- set value = "(instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*@#', substr(" ~ text ~ ', ' ~ place ~ ', 1)) - 1)'
            ~ (' * 2' if place % 2 == 0 else '') -%}
        {%- do terms.append(value ~ ' - 9 * (' ~ value ~ ' div 10)') -%}
    {%- endfor -%}
    {{ return('case when ' ~ fully(text, '[0-9A-Z*@#]{8}[0-9]') ~ ' and (' ~ terms | join(' + ') ~ ' + try_cast(substr('
        ~ text ~ ', 9, 1) as integer)) % 10 = 0 then ' ~ text ~ ' end') }}
{% endmacro %}

{% macro spark_date_of(raw, kind, format) %}
    {%- if kind == 'date' -%}
        {{ return(raw) }}
    {%- elif kind in ['timestamp', 'timestamptz'] -%}
        {%- set local = spark_local(raw, kind) -%}
        {{ return('case when ' ~ local ~ " = date_trunc('day', " ~ local ~ ') then cast(' ~ local ~ ' as date) end') }}
    {%- elif kind in ['text', 'blob', 'integer'] -%}
        {{ return(date_of_text('cast(' ~ raw ~ ' as string)', format)) }}
    {%- endif -%}
    {{ return('cast(null as date)') }}
{% endmacro %}

{#- A time with a zone in New York, as one without; the zone of the session is UTC. -#}
{% macro spark_local(time, kind) %}
    {%- if kind == 'timestamp' -%}
        {{ return('cast(' ~ time ~ ' as timestamp)') }}
    {%- endif -%}
    {{ return("convert_timezone('UTC', '" ~ eastern() ~ "', cast(" ~ time ~ ' as timestamp_ntz))') }}
{% endmacro %}

{% macro spark__date_of_text(text, format) %}
    {%- if format -%}
        {%- set pattern = format | replace('%Y', '[0-9]{4}') | replace('%m', '[0-9]{1,2}') | replace('%d', '[0-9]{1,2}') -%}
        {#- one letter reads one digit or two, where something parts them -#}
        {%- set digits = 1 if modules.re.search('%[md][^%]', format ~ '.') and '%m%d' not in format else 2 -%}
        {%- set letters = format | replace('%Y', 'yyyy') | replace('%m', 'M' * digits) | replace('%d', 'd' * digits) -%}
        {{ return('case when ' ~ fully(text, pattern) ~ ' then try_to_date(' ~ text ~ ", '" ~ letters ~ "') end") }}
    {%- endif -%}
    {{ return(
        'case when ' ~ fully(text, '[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]00:00(:00([.]0+)?)?)?') ~ ' then try_cast(substr(' ~ text
        ~ ', 1, 10) as date) when ' ~ fully(text, '[0-9]{8}') ~ ' then try_cast(concat(substr(' ~ text ~ ", 1, 4), '-', substr("
        ~ text ~ ", 5, 2), '-', substr(" ~ text ~ ', 7, 2)) as date) end'
    ) }}
{% endmacro %}

{% macro spark_timestamp_of(raw, kind, zone) %}
    {%- if kind == 'timestamptz' -%}
        {{ return(spark_local(raw, kind)) }}
    {%- elif kind == 'timestamp' -%}
        {{ return(to_eastern('cast(' ~ raw ~ ' as timestamp)', zone)) }}
    {%- elif kind in ['text', 'blob'] -%}
        {{ return(spark_timestamp_of_text(raw, zone)) }}
    {%- endif -%}
    {{ return('cast(null as timestamp)') }}
{% endmacro %}

{% macro spark_ordered_time(raw) %}
    {{ return('case when ' ~ spark_is_plain_time(raw) ~ ' then ' ~ raw ~ ' else regexp_replace(regexp_replace(upper(' ~ raw ~ '),'
        ~ " '^([0-9]{4})([0-9]{2})([0-9]{2})[ T]?([0-9]{2}):?([0-9]{2}):?([0-9]{2})', '$1-$2-$3 $4:$5:$6'),"
        ~ " '^([0-9]{4}-[0-9]{2}-[0-9]{2})-([0-9]{2})[.]([0-9]{2})[.]([0-9]{2})', '$1 $2:$3:$4') end") }}
{% endmacro %}

{% macro spark_is_plain_time(text) %}
    {{ return(fully(text, '[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}')) }}
{% endmacro %}

{#- Text in full or not at all: day and time with seconds or without, AM or PM, an offset from UTC. -#}
{% macro spark_timestamp_of_text(text, zone) %}
    {%- set clock = '[0-9]{4}-[0-9]{2}-[0-9]{2}[ T](?:[01]?[0-9]|2[0-3]):[0-9]{2}(?::[0-9]{2}(?:[.][0-9]{1,9})?)?' -%}
    {%- set half = ' ?[AP]M' -%}
    {%- set offset = ' ?(Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)' -%}
    {%- set time = 'try_cast(regexp_extract(' ~ text ~ ", '^" ~ clock ~ "', 0) as timestamp)" -%}
    {%- set time = 'case when not ' ~ text ~ " rlike '" ~ half ~ "' then " ~ time ~ ' when hour(' ~ time
        ~ ') between 1 and 12 then ' ~ time ~ " + case when contains(" ~ text ~ ", 'AM') and hour(" ~ time
        ~ ") = 12 then interval '-12' hour when contains(" ~ text ~ ", 'PM') and hour(" ~ time
        ~ ") < 12 then interval '12' hour else interval '0' hour end end" -%}
    {%- set written = "regexp_replace(regexp_extract(" ~ text ~ ", '" ~ offset ~ "$', 1), 'Z|UTC|GMT', '+00')" -%}
    {%- set written = "regexp_replace(" ~ written ~ ", '^([+-][0-9]{2}):?([0-9]{2})?$', '$1:$2')" -%}
    {%- set utc = spark_local('try_cast(concat(cast(' ~ time ~ " as string), rpad(" ~ written ~ ", 6, '0')) as timestamp_ltz)",
        'timestamptz') -%}
    {{ return(
        'case when ' ~ spark_is_plain_time(text) ~ ' then ' ~ to_eastern('try_cast(' ~ text ~ ' as timestamp)', zone)
        ~ ' when ' ~ fully(text, clock ~ '(?:' ~ half ~ ')?') ~ ' then ' ~ to_eastern(time, zone)
        ~ ' when ' ~ fully(text, clock ~ '(?:' ~ half ~ ')?' ~ offset) ~ ' then ' ~ utc ~ ' end'
    ) }}
{% endmacro %}

{#- A time without a zone, in New York. The hour that clocks skip in spring is none. -#}
{% macro spark__to_eastern(time, zone) %}
    {%- if zone is none -%}
        {{ return(time) }}
    {%- elif zone != eastern() -%}
        {{ return("convert_timezone('" ~ zone ~ "', '" ~ eastern() ~ "', " ~ time ~ ')') }}
    {%- endif -%}
    {{ return('case when month(' ~ time ~ ') <> 3 or hour(' ~ time ~ ") <> 2 or convert_timezone('UTC', '" ~ zone
        ~ "', convert_timezone('" ~ zone ~ "', 'UTC', " ~ time ~ ')) = ' ~ time ~ ' then ' ~ time ~ ' end') }}
{% endmacro %}
