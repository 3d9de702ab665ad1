{#- On-run-end, of a whole build: the schema `about` says where the warehouse comes from (docs/decisions.md, "A warehouse says
    where it comes from"). It differs from run to run and is in no model. -#}
{% macro say_where_it_comes_from(results) %}
    {{ return(adapter.dispatch('say_where_it_comes_from')(results)) }}
{% endmacro %}

{% macro default__say_where_it_comes_from(results) %}{% endmacro %}

{#- On-run-start: a file that is built into is no longer that of the build that it says. -#}
{% macro forget_where_it_comes_from() %}
    {{ return(adapter.dispatch('forget_where_it_comes_from')()) }}
{% endmacro %}

{% macro default__forget_where_it_comes_from() %}{% endmacro %}
