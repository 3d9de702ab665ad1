{#- Raw files and their contracts, as `dealer_limits.sources` knows them (docs/raw_files.md). -#}

{#- The answer, as `run_query` has it, of the build file, in which a build ends whichever engine makes its tables. It has the
    plugin's functions, and whatever judges a build is asked there. -#}
{% macro of_build(sql) %}
    {{ return(adapter.dispatch('of_build')(sql)) }}
{% endmacro %}

{#- The answer of a function of the plugin; what it refuses stops the run. -#}
{% macro ask(function, arguments=[]) %}
    {%- set literals = [] -%}
    {%- for argument in arguments -%}
        {%- do literals.append(text_literal(argument)) -%}
    {%- endfor -%}
    {%- set answer = of_build('select ' ~ function ~ '(' ~ literals | join(', ') ~ ')').columns[0].values()[0] -%}
    {%- if answer.startswith('refused: ') -%}
        {{ stop_build(answer[9:]) }}
    {%- endif -%}
    {{ return(answer) }}
{% endmacro %}

{% macro text_literal(text) %}
    {{ return("'" ~ text | string | replace("'", "''") ~ "'") }}
{% endmacro %}

{#- Every refusal goes through here: one line, which `dealer-limits build` recognises and which dbt's users see last. -#}
{% macro stop_build(line) %}
    {%- do of_build('select refuse(' ~ text_literal(line) ~ ')') -%}
    {{ exceptions.raise_compiler_error(line) }}
{% endmacro %}

{#- On-run-start: variables that --vars gives must be documented ones, of their kind. -#}
{% macro check_variables() %}
    {%- if execute -%}
        {%- do ask('variables') -%}
    {%- endif -%}
{% endmacro %}

{#- On-run-start: every file that the selected models read must exist and be readable, and have its columns. The first
    that is not stops the run, before anything is built, with one line: file, column, expectation. Never a value. -#}
{% macro check_raw_files() %}
    {%- if execute and flags.WHICH in ['build', 'run'] and not invocation_args_dict.get('empty') -%}
        {%- set needed = [] -%}
        {%- for node in graph.nodes.values() if node.unique_id in selected_resources and node.resource_type == 'model' -%}
            {%- for source_id in node.depends_on.nodes | select('in', graph.sources) -%}
                {%- do needed.append(graph.sources[source_id].source_name ~ '.' ~ graph.sources[source_id].name) -%}
            {%- endfor -%}
        {%- endfor -%}
        {#- a load tells of every file what became of it -#}
        {%- set needed = fromjson(ask('raw_contracts')) | list if is_load() else needed -%}
        {%- if needed -%}
            {%- do ask('inspect_raw_files', [needed | unique | sort | join(',')]) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
