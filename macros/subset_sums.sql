{#- Sums that an award's nearest trades reach, in whole units, as a list of whole numbers in the shorter of two forms.
    `is_listed`: each sum up to the award once. Otherwise words of 62 bits, a bit per sum up to the award: a trade
    more is a shift and an or, whatever the number of sums. -#}

{#- Values of a group as a list, and the length of one. -#}
{% macro list_in_order(value, place) %}
    {{ return(adapter.dispatch('list_in_order')(value, place)) }}
{% endmacro %}

{% macro length_of(values) %}
    {{ return(adapter.dispatch('length_of')(values)) }}
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

{#- The walk from the award back to zero, a fold over its trades from the farthest on: `prefixes` are the sums of no trade,
    of the nearest, of the nearest two, … Every step that can still reach zero is kept, so each walk is a subset that adds
    up; of more than most_exact_subsets the least paths, so that of the nearest trades always survives. Each has its path
    and its worth, the prices of its units added up, in millionths. -#}
{% macro exact_subsets(prefixes, units, millionths, target_units, is_listed) %}
    {{ return(adapter.dispatch('exact_subsets')(prefixes, units, millionths, target_units, is_listed)) }}
{% endmacro %}

{#- The path of the subset whose worth is nearest to that of the award at `price`, the least of several or without a price. -#}
{% macro path_nearest_to(subsets, price, target_units) %}
    {{ return(adapter.dispatch('path_nearest_to')(subsets, price, target_units)) }}
{% endmacro %}
