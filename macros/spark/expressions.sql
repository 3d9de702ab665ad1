{#- Expressions as Spark writes them. -#}

{#- Its cast would round the shortest digits that stand for the number. -#}
{% macro spark__as_decimal(expression, precision, scale) %}
    {#- a product of more digits than 38 would lose the last -#}
    {%- set whole = [precision, 37 - scale] | min -%}
    {{ return('cast(cast(round((' ~ expression ~ ') * 1E' ~ scale ~ 'D) as decimal(' ~ whole ~ ', 0)) * 0.' ~ '0' * (scale - 1)
        ~ '1BD as decimal(' ~ precision ~ ', ' ~ scale ~ '))') }}
{% endmacro %}

{% macro spark__matches(expression, pattern) %}
    {{ return(expression ~ ' rlike ' ~ text_literal(pattern)) }}
{% endmacro %}

{% macro spark__iso_weekday(date) %}
    {{ return('extract(dayofweek_iso from ' ~ date ~ ')') }}
{% endmacro %}

{% macro spark__all_days(first_day, last_day) %}
    {{- "select explode(sequence(date '" ~ first_day ~ "', date '" ~ last_day ~ "' - interval 1 day)) as date_day" -}}
{% endmacro %}

{% macro spark__seconds_between(from_timestamp, to_timestamp) %}
    {{ return('timestampdiff(microsecond, ' ~ from_timestamp ~ ', ' ~ to_timestamp ~ ') / 1000000.0') }}
{% endmacro %}

{#- A CTE with something random in it is not copied to where it is read. -#}
{% macro spark__found_once() %}
    {{ return('rand() >= 0') }}
{% endmacro %}
