{#- How Spark adds up subsets: a search is a fold over the trades of one row, since a recursion would be a job of the cluster
    for every trade. -#}

{% macro spark__values_in_order(value, place) %}
    {{ return('transform(array_sort(collect_list(struct(' ~ place ~ ' as place, ' ~ value ~ ' as value))), each -> each.value)') }}
{% endmacro %}

{% macro spark__length_of(values) %}
    {{ return('size(' ~ values ~ ')') }}
{% endmacro %}

{% macro spark__whole_units(pars, unit_usd) %}
    {{ return('transform(' ~ pars ~ ', par -> cast(par / ' ~ unit_usd ~ ' as bigint))') }}
{% endmacro %}

{% macro spark__ways_of_searches(most_sums) %}
    -- The sums that none, one, two, … of the nearest trades reach.
    reached as (

        select
            *,
            aggregate(
                units,
                array(case
                    when is_listed then array(cast(0 as bigint))
                    else transform(sequence(0L, target_units div 64), word -> if(word = 0, 1L, 0L))
                end),
                (prefixes, trade) -> case
                    when
                        size(prefixes) > {{ var('listed_trades') }}
                        and (
                            {{ spark_is_reached('element_at(prefixes, -1)', 'target_units') }}
                            or size(element_at(prefixes, -1)) > {{ most_sums }}
                        )
                        then prefixes
                    else concat(prefixes, array({{ spark_sums_with_trade('element_at(prefixes, -1)', 'trade') }}))
                end
            ) as sums
        from searches

    ),

    ways as (

        select
            searched_rule,
            award_id,
            size(sums) - 1 as searched_trades,
            aggregate(
                reverse(sequence(1, size(sums) - 1)),
                array(struct(target_units as remaining, '' as path, cast(0 as decimal(38, 0)) as worth)),
                (ways, trade) -> slice(
                    filter(
                        flatten(transform(ways, way -> array(
                            struct(way.remaining as remaining, concat(way.path, '0') as path, way.worth as worth),
                            struct(
                                way.remaining - units[trade - 1] as remaining,
                                concat(way.path, '1') as path,
                                cast(way.worth + millionths[trade - 1] * units[trade - 1] as decimal(38, 0)) as worth
                            )
                        ))),
                        way -> {{ spark_is_reached('sums[trade - 1]', 'way.remaining') }}
                    ),
                    1,
                    {{ var('most_exact_subsets') }}
                )
            ) as ways
        from reached

    )
{%- endmacro %}

{% macro spark_is_reached(sums, units) -%}
    case
        when {{ units }} < 0 then false
        when is_listed then array_contains({{ sums }}, {{ units }})
        else getbit(get({{ sums }}, cast({{ units }} div 64 as integer)), cast({{ units }} % 64 as integer)) = 1
    end
{%- endmacro %}

{#- A word takes the low bits of the word that comes to stand there and the high bits of the one before. -#}
{% macro spark_sums_with_trade(sums, trade) -%}
    {%- set words = 'cast(' ~ trade ~ ' div 64 as integer)' -%}
    {%- set rest = 'cast(' ~ trade ~ ' % 64 as integer)' -%}
    case
        when is_listed then array_distinct(concat(
            {{ sums }},
            filter(transform({{ sums }}, reached -> reached + {{ trade }}), reached -> reached <= target_units)
        ))
        else transform({{ sums }}, (word, place) ->
            word
            | coalesce(shiftleft(get({{ sums }}, place - {{ words }}), {{ rest }}), 0L)
            | if({{ rest }} = 0, 0L, coalesce(
                shiftrightunsigned(get({{ sums }}, place - {{ words }} - 1), 64 - {{ rest }}), 0L
            ))
        )
    end
{%- endmacro %}

{% macro spark__path_nearest_to(ways, price, target_units) %}
    array_min(transform(
        {{ ways }},
        way -> struct(
            abs(way.worth - cast({{ price }} * 1000000 as decimal(38, 0)) * {{ target_units }}) as distance,
            way.path as path
        )
    )).path
{% endmacro %}
