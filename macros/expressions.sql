{#- Expressions that several models share, and the ones that engines write differently. -#}

{#- Text to date, null where it is none. `date_format` in strptime notation; without one, ISO. -#}
{% macro to_date(expression, date_format=none) %}
    {{ return(adapter.dispatch('to_date')(expression, date_format)) }}
{% endmacro %}

{% macro duckdb__to_date(expression, date_format) %}
    {%- if date_format and date_format != '%Y-%m-%d' -%}
        {{ return("cast(try_strptime(cast(" ~ expression ~ " as varchar), '" ~ date_format ~ "') as date)") }}
    {%- endif -%}
    {{ return('try_cast(' ~ expression ~ ' as date)') }}
{% endmacro %}

{% macro to_timestamp(expression) %}
    {{ return('try_cast(' ~ expression ~ ' as timestamp)') }}
{% endmacro %}

{#- Dollars, exact to the cent: sums of decimals do not depend on the order of the rows. -#}
{% macro to_usd(expression) %}
    {{ return('try_cast(' ~ expression ~ ' as decimal(18, 2))') }}
{% endmacro %}

{#- A price, a rate or a ratio, exact to six decimals; `missing` is how the file writes that there is none. -#}
{% macro to_number(expression, missing=none) %}
    {%- if missing -%}
        {{ return("try_cast(nullif(trim(cast(" ~ expression ~ " as varchar)), '" ~ missing ~ "') as decimal(20, 6))") }}
    {%- endif -%}
    {{ return('try_cast(' ~ expression ~ ' as decimal(20, 6))') }}
{% endmacro %}

{#- Text without surrounding blanks; empty is null. -#}
{% macro to_text(expression) %}
    {{ return("nullif(trim(cast(" ~ expression ~ " as varchar)), '')") }}
{% endmacro %}

{#- The first reason that applies: `reasons` is a list of [condition, reason]. -#}
{% macro reject_reason(reasons) %}
    case
        {%- for condition, reason in reasons %}
        when {{ condition }} then '{{ reason }}'
        {%- endfor %}
    end
{% endmacro %}

{% macro usd_mn(expression) %}
    {{ return('cast(' ~ expression ~ ' as double) / 1000000') }}
{% endmacro %}

{#- Natural log, null at zero: a position or a VaR of zero has none. -#}
{% macro ln_or_null(expression) %}
    {{ return('ln(nullif(' ~ expression ~ ', 0))') }}
{% endmacro %}

{#- Null stays null, which `greatest` would pass over. -#}
{% macro at_least(expression, floor) %}
    {{ return('case when ' ~ expression ~ ' < ' ~ floor ~ ' then ' ~ floor ~ ' else ' ~ expression ~ ' end') }}
{% endmacro %}

{% macro matches(expression, pattern) %}
    {{ return(adapter.dispatch('matches')(expression, pattern)) }}
{% endmacro %}

{% macro duckdb__matches(expression, pattern) %}
    {{ return("regexp_matches(" ~ expression ~ ", '" ~ pattern ~ "')") }}
{% endmacro %}

{% macro spark__matches(expression, pattern) %}
    {{ return(expression ~ " rlike '" ~ pattern | replace('\\', '\\\\') ~ "'") }}
{% endmacro %}

{#- True where the text holds every one of the phrases. -#}
{% macro contains_all(expression, phrases) %}
    {%- set conditions = [] -%}
    {%- for phrase in phrases -%}
        {%- do conditions.append(expression ~ " like '%" ~ phrase ~ "%'") -%}
    {%- endfor -%}
    {{ return('(' ~ conditions | join(' and ') ~ ')') }}
{% endmacro %}

{#- Whole seconds from the first timestamp to the second. -#}
{% macro seconds_between(from_timestamp, to_timestamp) %}
    {{ return(adapter.dispatch('seconds_between')(from_timestamp, to_timestamp)) }}
{% endmacro %}

{% macro duckdb__seconds_between(from_timestamp, to_timestamp) %}
    {{ return("date_diff('second', " ~ from_timestamp ~ ', ' ~ to_timestamp ~ ')') }}
{% endmacro %}

{% macro spark__seconds_between(from_timestamp, to_timestamp) %}
    {{ return('(unix_timestamp(' ~ to_timestamp ~ ') - unix_timestamp(' ~ from_timestamp ~ '))') }}
{% endmacro %}

{#- For a CTE that is read twice but is too large to keep. -#}
{% macro not_materialized() %}
    {{ return(adapter.dispatch('not_materialized')()) }}
{% endmacro %}

{% macro default__not_materialized() %}
    {{ return('') }}
{% endmacro %}

{% macro duckdb__not_materialized() %}
    {{ return('not materialized') }}
{% endmacro %}
