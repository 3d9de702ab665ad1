{#- On DuckDB the models are made in the build file itself. -#}
{% macro duckdb__of_build(sql) %}
    {{ return(run_query(sql)) }}
{% endmacro %}
