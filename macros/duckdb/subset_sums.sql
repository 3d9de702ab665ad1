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

{% macro duckdb__ways_of_searches(most_sums) %}
    -- The sums that so many of the nearest trades reach.
    reached as (

        select
            searched_rule,
            award_id,
            cast(0 as bigint) as trades,
            units[1] as next_units,
            {{ first_sums('target_units', 'is_listed') }} as sums
        from searches
        union all
        select
            reached.searched_rule,
            reached.award_id,
            reached.trades + 1 as trades,
            searches.units[reached.trades + 2] as next_units,
            {{ sums_with_trade(
                'reached.sums', 'reached.next_units', 'searches.target_units', 'searches.is_listed'
            ) }} as sums
        from reached
        inner join searches
            on
                reached.searched_rule = searches.searched_rule
                and reached.award_id = searches.award_id
        where
            reached.trades < searches.candidates
            and (
                reached.trades < {{ var('listed_trades') }}
                or not {{ is_reached('reached.sums', 'searches.target_units', 'searches.is_listed') }}
                and len(reached.sums) <= {{ most_sums }}
            )

    ),

    ends as (

        select
            searched_rule,
            award_id,
            max(trades) as searched_trades
        from reached
        group by searched_rule, award_id

    ),

    -- The ways from the award back to the sums that so many of the nearest trades reach.
    ways_back as (

        select
            searches.searched_rule,
            searches.award_id,
            ends.searched_trades,
            ends.searched_trades as trades,
            {{ first_ways('searches.target_units') }} as ways
        from searches
        inner join ends
            on
                searches.searched_rule = ends.searched_rule
                and searches.award_id = ends.award_id
        union all
        select
            searches.searched_rule,
            searches.award_id,
            ways_back.searched_trades,
            reached.trades,
            {{ ways_before_trade(
                'ways_back.ways',
                'reached.next_units',
                'searches.millionths[ways_back.trades]',
                'reached.sums',
                'searches.is_listed'
            ) }} as ways
        from ways_back
        inner join searches
            on
                ways_back.searched_rule = searches.searched_rule
                and ways_back.award_id = searches.award_id
        inner join reached
            on
                ways_back.searched_rule = reached.searched_rule
                and ways_back.award_id = reached.award_id
                and ways_back.trades = reached.trades + 1

    ),

    ways as (

        select * from ways_back
        where trades = 0

    )
{%- endmacro %}

{% macro zero_words(words) %}
    {{ return('list_resize(cast([] as bigint[]), ' ~ words ~ ', 0)') }}
{% endmacro %}

{#- The one sum of no trades. -#}
{% macro first_sums(target_units, is_listed) %}
    case
        when {{ is_listed }} then [cast(0 as bigint)]
        else list_prepend(1, {{ zero_words(target_units ~ ' // 62') }})
    end
{% endmacro %}

{#- The sums with one more trade of `units`; those beyond the award are of no use. -#}
{% macro sums_with_trade(sums, units, target_units, is_listed) %}
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

{% macro is_reached(sums, units, is_listed) %}
    case
        when {{ units }} < 0 then false
        when {{ is_listed }} then list_contains({{ sums }}, {{ units }})
        else {{ sums }}[{{ units }} // 62 + 1] >> cast({{ units }} % 62 as integer) & 1 = 1
    end
{% endmacro %}

{% macro first_ways(target_units) %}
    {{ return("[{'left': " ~ target_units ~ ", 'path': '', 'worth': cast(0 as decimal(38, 0))}]") }}
{% endmacro %}

{% macro ways_before_trade(ways, units, millionths, sums, is_listed) %}
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
