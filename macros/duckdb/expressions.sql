{#- Expressions as DuckDB writes them. -#}

{% macro duckdb__as_decimal(expression, precision, scale) %}
    {{ return('cast(' ~ expression ~ ' as decimal(' ~ precision ~ ', ' ~ scale ~ '))') }}
{% endmacro %}

{% macro duckdb__matches(expression, pattern) %}
    {{ return("regexp_matches(" ~ expression ~ ", " ~ text_literal(pattern) ~ ")") }}
{% endmacro %}

{% macro duckdb__iso_weekday(date) %}
    {{ return('extract(isodow from ' ~ date ~ ')') }}
{% endmacro %}

{% macro duckdb__all_days(first_day, last_day) %}
    {{- "select cast(range as date) as date_day from range(date '" ~ first_day ~ "', date '" ~ last_day ~ "', interval 1 day)" -}}
{% endmacro %}

{% macro duckdb__seconds_between(from_timestamp, to_timestamp) %}
    {{ return("date_diff('microsecond', " ~ from_timestamp ~ ', ' ~ to_timestamp ~ ') / 1000000.0') }}
{% endmacro %}

{% macro duckdb__not_materialized() %}
    {{ return('not materialized') }}
{% endmacro %}

{% macro duckdb__materialized() %}
    {{ return('materialized') }}
{% endmacro %}
