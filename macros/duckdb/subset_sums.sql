{#- How DuckDB adds up subsets. Shifting words beats its type `bit`, which shifts bit by bit. -#}

{% macro duckdb__list_in_order(value, place) %}
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

{% macro duckdb__exact_subsets(prefixes, units, millionths, target_units, is_listed) %}
    list_reduce(
        range(len({{ prefixes }}) - 1, 0, -1),
        lambda walks, place: list_filter(
            flatten(list_transform(walks, lambda walk: [
                {'left': walk.left, 'path': walk.path || '0', 'worth': walk.worth},
                {
                    'left': walk.left - {{ units }}[place],
                    'path': walk.path || '1',
                    'worth': cast(walk.worth + {{ millionths }}[place] * {{ units }}[place] as decimal(38, 0))
                }
            ])),
            lambda walk: {{ is_reached(prefixes ~ '[place]', 'walk.left', is_listed) }}
        )[:{{ var('most_exact_subsets') }}],
        case
            when {{ is_reached(prefixes ~ '[-1]', target_units, is_listed) }}
                then [{'left': {{ target_units }}, 'path': '', 'worth': cast(0 as decimal(38, 0))}]
            else []
        end
    )
{% endmacro %}

{% macro duckdb__path_nearest_to(subsets, price, target_units) %}
    {#- in a struct a null comes last -#}
    list_min(list_transform(
        {{ subsets }},
        lambda subset: {
            'distance': abs(subset.worth - cast({{ price }} * 1000000 as decimal(38, 0)) * {{ target_units }}),
            'path': subset.path
        }
    )).path
{% endmacro %}
