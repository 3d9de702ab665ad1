{#- The two forms in which the sums that an award's nearest trades can reach are kept, in whole units.

    A list holds one sum per subset: quick while there are few trades. A bit string says of every sum up to the award
    whether it is reachable: adding a trade is a shift and an or, whatever the number of subsets. -#}

{% macro no_sums() %}
    {{ return(adapter.dispatch('no_sums')()) }}
{% endmacro %}

{% macro duckdb__no_sums() %}
    {{ return('cast(null as bigint[])') }}
{% endmacro %}

{% macro no_bits() %}
    {{ return(adapter.dispatch('no_bits')()) }}
{% endmacro %}

{% macro duckdb__no_bits() %}
    {{ return('cast(null as bit)') }}
{% endmacro %}

{% macro first_sums() %}
    {{ return(adapter.dispatch('first_sums')()) }}
{% endmacro %}

{% macro duckdb__first_sums() %}
    {{ return('[cast(0 as bigint)]') }}
{% endmacro %}

{#- The list with one more trade of `units`; sums beyond the award are of no use. -#}
{% macro sums_with_trade(sums, units, target_units) %}
    {{ return(adapter.dispatch('sums_with_trade')(sums, units, target_units)) }}
{% endmacro %}

{% macro duckdb__sums_with_trade(sums, units, target_units) %}
    list_concat(
        {{ sums }},
        list_filter(
            list_transform({{ sums }}, lambda reached: reached + {{ units }}),
            lambda reached: reached <= {{ target_units }}
        )
    )
{% endmacro %}

{#- Each sum once, in order, and as an end the first sum beyond the award. -#}
{% macro sorted_sums(sums, target_units) %}
    {{ return(adapter.dispatch('sorted_sums')(sums, target_units)) }}
{% endmacro %}

{% macro duckdb__sorted_sums(sums, target_units) %}
    {{ return('list_sort(list_append(list_distinct(' ~ sums ~ '), ' ~ target_units ~ ' + 1))') }}
{% endmacro %}

{#- The bit string of sorted sums: zeros between neighbours, and a one at each but the end. -#}
{% macro bits_of_sums(sorted_sums) %}
    {{ return(adapter.dispatch('bits_of_sums')(sorted_sums)) }}
{% endmacro %}

{% macro duckdb__bits_of_sums(sorted_sums) %}
    cast(
        array_to_string(
            list_transform(
                list_zip({{ sorted_sums }}, list_prepend(-1, {{ sorted_sums }}), true),
                lambda neighbours: repeat('0', neighbours[1] - neighbours[2] - 1)
            ),
            '1'
        ) as bit
    )
{% endmacro %}

{% macro bits_with_trade(bits, units) %}
    {{ return(adapter.dispatch('bits_with_trade')(bits, units)) }}
{% endmacro %}

{% macro duckdb__bits_with_trade(bits, units) %}
    {{ return(bits ~ ' | (' ~ bits ~ ' >> cast(' ~ units ~ ' as integer))') }}
{% endmacro %}

{#- Is the sum reachable, in whichever form is not null? A negative one is not. -#}
{% macro is_reachable(sums, bits, units) %}
    {{ return(adapter.dispatch('is_reachable')(sums, bits, units)) }}
{% endmacro %}

{% macro duckdb__is_reachable(sums, bits, units) %}
    case
        when {{ units }} < 0 then false
        -- beyond the bound on bits, units can exceed an integer
        when {{ bits }} is null then list_contains({{ sums }}, {{ units }})
        else get_bit({{ bits }}, cast({{ units }} as integer)) = 1
    end
{% endmacro %}
