{#- What a pseudo world planted, as a relation of `columns` (name: type): a file of the folder that TRUTH_DATA names, else of
    `truth` beside RAW_DATA. Real data have none: then without rows. -#}
{% macro read_truth(name, columns) %}
    {{ return(adapter.dispatch('read_truth')(name, columns)) }}
{% endmacro %}
