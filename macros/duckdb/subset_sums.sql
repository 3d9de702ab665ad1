{#- How DuckDB adds up subsets. Shifting words beats its type `bit`, which shifts bit by bit. -#}

{% macro duckdb__values_in_order(value, place) %}
    {{ return('list(' ~ value ~ ' order by ' ~ place ~ ')') }}
{% endmacro %}

{% macro duckdb__length_of(values) %}
    {{ return('len(' ~ values ~ ')') }}
{% endmacro %}

{% macro duckdb__whole_units(pars, unit_usd) %}
    {{ return('list_transform(' ~ pars ~ ', lambda par: cast(par / ' ~ unit_usd ~ ' as bigint))') }}
{% endmacro %}

{% macro zero_words(words) %}
    {{ return('list_resize(cast([] as bigint[]), ' ~ words ~ ', 0)') }}
{% endmacro %}

{% macro duckdb__first_sums(target_units, is_listed) %}
    case
        when {{ is_listed }} then [cast(0 as bigint)]
        else list_prepend(1, {{ zero_words(target_units ~ ' // 62') }})
    end
{% endmacro %}

{% macro duckdb__sums_with_trade(sums, units, target_units, is_listed) %}
    {%- set rest = '(' ~ units ~ ' % 62)::integer' -%}
    {%- set shifted = 'list_concat(' ~ zero_words(units ~ ' // 62') ~ ', ' ~ sums ~ ')' -%}
    case
        when {{ is_listed }}
            then list_distinct(list_concat(
                {{ sums }},
                list_filter(
                    list_transform({{ sums }}, lambda reached: reached + {{ units }}),
                    lambda reached: reached <= {{ target_units }}
                )
            ))
        -- a word, the low bits of the word that comes to stand there and the high bits of the one before
        else list_transform(
            list_zip({{ sums }}, {{ shifted }}, list_prepend(0, {{ shifted }}), true),
            lambda words: words[1]
            | ((words[2] & ((cast(1 as bigint) << (62 - {{ rest }})) - 1)) << {{ rest }})
            | (words[3] >> (62 - {{ rest }}))
        )
    end
{% endmacro %}

{% macro duckdb__is_reached(sums, units, is_listed) %}
    case
        when {{ units }} < 0 then false
        when {{ is_listed }} then list_contains({{ sums }}, {{ units }})
        else {{ sums }}[{{ units }} // 62 + 1] >> cast({{ units }} % 62 as integer) & 1 = 1
    end
{% endmacro %}

{% macro duckdb__first_ways(target_units) %}
    {{ return("[{'left': " ~ target_units ~ ", 'path': '', 'worth': cast(0 as decimal(38, 0))}]") }}
{% endmacro %}

{% macro duckdb__ways_before_trade(ways, units, millionths, sums, is_listed) %}
    list_filter(
        flatten(list_transform({{ ways }}, lambda way: [
            {'left': way.left, 'path': way.path || '0', 'worth': way.worth},
            {
                'left': way.left - {{ units }},
                'path': way.path || '1',
                'worth': cast(way.worth + {{ millionths }} * {{ units }} as decimal(38, 0))
            }
        ])),
        lambda way: {{ is_reached(sums, 'way.left', is_listed) }}
    )[:{{ var('most_exact_subsets') }}]
{% endmacro %}

{% macro duckdb__path_nearest_to(ways, price, target_units) %}
    {#- in a struct a null comes last -#}
    list_min(list_transform(
        {{ ways }},
        lambda way: {
            'distance': abs(way.worth - cast({{ price }} * 1000000 as decimal(38, 0)) * {{ target_units }}),
            'path': way.path
        }
    )).path
{% endmacro %}
