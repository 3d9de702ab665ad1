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

{#- Price of a bill, $ per $100 of par, days counted from settlement: what was entered, where it is a plausible price for the
    maturity; from a discount rate, where it is a plausible rate; else null. A price of 20% a year off par is far from
    every rate, so nothing is both. -#}
{% macro bill_price(entered, settlement_date, maturity_date) %}
    {%- set days = dbt.datediff(settlement_date, maturity_date, 'day') -%}
    {%- set rates = var('bill_rates_pct') -%}
    case
        when {{ days }} < 0 then null
        when
            {{ entered }} between 100 - {{ rates[1] }} * {{ days }} / 360.0 and 100 - ({{ rates[0] }}) * {{ days }} / 360.0
            then {{ entered }}
        when {{ entered }} between {{ rates[0] }} and {{ rates[1] }}
            then cast(100 - {{ entered }} * {{ days }} / 360 as decimal(20, 6))
    end
{% endmacro %}

{#- A double as a decimal; what lies between two is rounded as the binary number that it is. -#}
{% macro as_decimal(expression, precision, scale) %}
    {{ return(adapter.dispatch('as_decimal')(expression, precision, scale)) }}
{% endmacro %}

{#- Natural log, null at zero: a position or a VaR of zero has none. -#}
{% macro ln_or_null(expression) %}
    {{ return('ln(nullif(' ~ expression ~ ', 0))') }}
{% endmacro %}

{#- Both rules of the match, a relation: each is carried out, and `matching_rule` names the one whose sales are published. -#}
{% macro matching_rules() %}
    {{- "(select 'paper' as matching_rule union all select 'price_consistent' as matching_rule)" -}}
{% endmacro %}

{#- A variable where a condition holds and 0 where it does not; null where one of the two is unknown. -#}
{% macro only_where(condition, variable) %}
    {{- 'case when ' ~ condition ~ ' then ' ~ variable ~ ' when not (' ~ condition ~ ') and ' ~ variable ~ ' is not null then 0 end' -}}
{% endmacro %}

{#- Null stays null, which `greatest` would pass over. -#}
{% macro at_least(expression, floor) %}
    {{ return('case when ' ~ expression ~ ' < ' ~ floor ~ ' then ' ~ floor ~ ' else ' ~ expression ~ ' end') }}
{% endmacro %}

{% macro matches(expression, pattern) %}
    {{ return(adapter.dispatch('matches')(expression, pattern)) }}
{% endmacro %}

{#- Names as they are searched: in lower case, with underscores as the blanks that they stand for. -#}
{% macro words(expression) %}
    {{ return("lower(replace(" ~ expression ~ ", '_', ' '))") }}
{% endmacro %}

{#- True where the text holds the phrases: all of them, or any. -#}
{% macro contains(expression, phrases, needed) %}
    {%- set conditions = [] -%}
    {%- for phrase in phrases -%}
        {%- do conditions.append(expression ~ " like '%" ~ phrase ~ "%'") -%}
    {%- endfor -%}
    {{ return('(' ~ conditions | join({'all': ' and ', 'any': ' or '}[needed]) ~ ')') }}
{% endmacro %}

{#- 1 Monday to 7 Sunday. -#}
{% macro iso_weekday(date) %}
    {{ return(adapter.dispatch('iso_weekday')(date)) }}
{% endmacro %}

{#- Every day from the first to before the last, as `date_day`. -#}
{% macro all_days(first_day, last_day) %}
    {{ return(adapter.dispatch('all_days')(first_day, last_day)) }}
{% endmacro %}

{#- How many of the bounds, from the least on, a value has reached; null where it is unknown. -#}
{% macro level_of(value, bounds) %}
    case
        {%- for bound in bounds %}
        when {{ value }} < {{ bound }} then {{ loop.index0 }}
        {%- endfor %}
        when {{ value }} >= {{ bounds | last }} then {{ bounds | length }}
    end
{%- endmacro %}

{#- A set of trades has a bit per place: whether a place is in it. -#}
{% macro has_place(candidate, place) %}
    {{- 'cast(floor(' ~ candidate ~ ' / pow(2, ' ~ place ~ ' - 1)) as integer) % 2 = 1' -}}
{% endmacro %}

{#- Published average prices have six decimals. -#}
{% macro price_rounding() %}
    {{- '0.000001' -}}
{% endmacro %}

{#- Seconds from the first timestamp to the second, fractions included. -#}
{% macro seconds_between(from_timestamp, to_timestamp) %}
    {{ return(adapter.dispatch('seconds_between')(from_timestamp, to_timestamp)) }}
{% endmacro %}

{#- For a CTE that is read twice but is too large to keep. -#}
{% macro not_materialized() %}
    {{ return(adapter.dispatch('not_materialized')()) }}
{% endmacro %}

{% macro default__not_materialized() %}
    {{ return('') }}
{% endmacro %}

{#- For a CTE that is read more than once, small, and long to find. -#}
{% macro materialized() %}
    {{ return(adapter.dispatch('materialized')()) }}
{% endmacro %}

{% macro default__materialized() %}
    {{ return('') }}
{% endmacro %}

{#- A condition that always holds, for a CTE that is read more than once: an engine that would find it anew each time does not. -#}
{% macro found_once() %}
    {{ return(adapter.dispatch('found_once')()) }}
{% endmacro %}

{% macro default__found_once() %}
    {{ return('true') }}
{% endmacro %}
