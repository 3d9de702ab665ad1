{#- Sums that an award's nearest trades reach, in whole units, as a list of whole numbers in one of two forms.
    `is_listed`: each sum up to the award once. Otherwise words of 62 bits, a bit per sum up to the award: a trade
    more is a shift and an or, whatever the number of sums. -#}

{#- Values of a group as a list, and the length of one. -#}
{% macro values_in_order(value, place) %}
    {{ return(adapter.dispatch('values_in_order')(value, place)) }}
{% endmacro %}

{% macro length_of(values) %}
    {{ return(adapter.dispatch('length_of')(values)) }}
{% endmacro %}

{#- The largest round amount that divides an award and all of its trades: the fewer sums, the quicker. -#}
{% macro common_unit(par_usd, awarded_par_usd) %}
    case
        {%- for unit in [1000000, 500000, 100000, 50000, 10000, 5000, 1000, 100, 1] %}
        when max({{ par_usd }} % {{ unit }}) = 0 and {{ awarded_par_usd }} % {{ unit }} = 0 then {{ unit }}
        {%- endfor %}
        else 0.01
    end
{% endmacro %}

{% macro whole_units(pars, unit_usd) %}
    {{ return(adapter.dispatch('whole_units')(pars, unit_usd)) }}
{% endmacro %}

{#- The one sum of no trades. -#}
{% macro first_sums(target_units, is_listed) %}
    {{ return(adapter.dispatch('first_sums')(target_units, is_listed)) }}
{% endmacro %}

{#- The sums with one more trade of `units`; those beyond the award are of no use. -#}
{% macro sums_with_trade(sums, units, target_units, is_listed) %}
    {{ return(adapter.dispatch('sums_with_trade')(sums, units, target_units, is_listed)) }}
{% endmacro %}

{% macro is_reached(sums, units, is_listed) %}
    {{ return(adapter.dispatch('is_reached')(sums, units, is_listed)) }}
{% endmacro %}

{#- Ways back from the award to zero, as a list: the units left, the `path` so far and its worth, the prices of its units
    added up, in millionths. -#}
{% macro first_ways(target_units) %}
    {{ return(adapter.dispatch('first_ways')(target_units)) }}
{% endmacro %}

{#- Each way once without the trade and once with it, as far as the trades before it reach what is then left. The list stays
    in the order of the paths; of more than most_exact_subsets the least survive. -#}
{% macro ways_before_trade(ways, units, millionths, sums, is_listed) %}
    {{ return(adapter.dispatch('ways_before_trade')(ways, units, millionths, sums, is_listed)) }}
{% endmacro %}

{#- The path of the way whose worth is nearest to that of the award at `price`, the least of several or without a price. -#}
{% macro path_nearest_to(ways, price, target_units) %}
    {{ return(adapter.dispatch('path_nearest_to')(ways, price, target_units)) }}
{% endmacro %}
