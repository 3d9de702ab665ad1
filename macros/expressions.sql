{#- Expressions that several models share, and the ones that engines write differently. -#}

{% macro eastern() %}
    {{ return('America/New_York') }}
{% endmacro %}

{#- A time without a zone, as a source writes it, in New York; null where it is none. -#}
{% macro to_eastern(time, zone) %}
    {{ return(adapter.dispatch('to_eastern')(time, zone)) }}
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

{#- Seconds from the first timestamp to the second, fractions included. -#}
{% macro seconds_between(from_timestamp, to_timestamp) %}
    {{ return(adapter.dispatch('seconds_between')(from_timestamp, to_timestamp)) }}
{% endmacro %}

{% macro duckdb__seconds_between(from_timestamp, to_timestamp) %}
    {{ return("date_diff('microsecond', " ~ from_timestamp ~ ', ' ~ to_timestamp ~ ') / 1000000.0') }}
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
