{#- Exact sums of trades (int_soma_exact_searches): the parts of the search that need lists. Sums that an award's nearest
    trades reach are kept, in whole units, as a list of whole numbers in one of two forms. `is_listed`: each sum up to the
    award once. Otherwise words, a bit per sum up to the award: a trade more is a shift and an or, whatever the number of
    sums. -#}

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

{#- CTEs of which the last is `ways`, a row per search: `searched_trades`, the number of nearest trades that it went through,
    and `ways`, from the award back through these to zero, as a list: the `path` of each and its worth, the prices of its
    units added up, in millionths. Reads `searches`. A trade more is added to the sums up to the first trade with which they
    reach the award, and `listed_trades` at least, unless the sums become more than `most_sums`. From the award each way goes
    on once without the trade and once with it, as far as the trades before it reach what is then left; the list stays in
    the order of the paths, and of more than most_exact_subsets the least survive. -#}
{% macro ways_of_searches(most_sums) %}
    {{ return(adapter.dispatch('ways_of_searches')(most_sums)) }}
{% endmacro %}

{#- The path of the way whose worth is nearest to that of the award at `price`, the least of several or without a price. -#}
{% macro path_nearest_to(ways, price, target_units) %}
    {{ return(adapter.dispatch('path_nearest_to')(ways, price, target_units)) }}
{% endmacro %}
