{#- What the gates of seeds/gates.csv measure, judged at the end of a build (docs/decisions.md, "Gates"). Whatever is called
    quality.qc_gate_* holds measures: a gate is added by a row of the seed and a model. -#}

{#- Daily tables of trading desks: raw table, staged model, and whether the revised rule retired the schedule, so that no
    row of it is missing after combined_positions_end. -#}
{% macro daily_desk_tables() %}
    {{ return([
        ('fr_vv1.value_at_risk', 'stg_fr_vv1__values_at_risk', false),
        ('fr_vv1.limit_usage', 'stg_fr_vv1__limit_usages', false),
        ('fr_vv1.pnl', 'stg_fr_vv1__profits', false),
        ('fr_vv1.positions', 'stg_fr_vv1__positions', false),
        ('fr_vv1.inventory_aging', 'stg_fr_vv1__inventory_ages', true),
        ('fr_vv1.transactions', 'stg_fr_vv1__transactions', true),
    ]) }}
{% endmacro %}

{#- Daily series of the market: raw table, staged model, column. -#}
{% macro daily_market_series() %}
    {{ return([
        ('market.treasury_yields', 'stg_market__treasury_yields', 'ten_year_yield_pct'),
        ('market.move', 'stg_market__volatility', 'move'),
        ('market.curve_fit_error', 'stg_market__curve_fit_errors', 'curve_fit_error_bp'),
        ('market.on_the_run_premium', 'stg_market__on_the_run_premiums', 'on_the_run_premium_bp'),
    ]) }}
{% endmacro %}

{#- On-run-end, of a whole build: measures and judges all gates, and says what warns and what stops. In a hook of its own,
    since what is written in one that stops the run is rolled back. -#}
{% macro judge_gates(results) %}
    {%- if execute and flags.WHICH == 'build' and not without(results) -%}
        {%- set known = of_build('select gate from seeds.gates').columns[0].values() -%}
        {%- for gate, bound in var('gate_bounds').items() if gate not in known or bound is not number -%}
            {{ stop_build('bad input: gate_bounds: ' ~ gate ~ ' is ' ~ ('no gate' if gate not in known else 'no number')
                ~ '; expected numbers by gates of seeds/gates.csv') }}
        {%- endfor -%}
        {%- for name, account in accounts_of_gates().items() -%}
            {%- if account.columns -%}
                {%- do of_build('create or replace table quality.' ~ name ~ ' as ' ~ account.sql) -%}
                {%- do describe_account('quality.' ~ name, account) -%}
            {%- else -%}
                {%- do of_build('create or replace temp table ' ~ name ~ ' as ' ~ account.sql) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- for verdict in ['warning', 'stop'] -%}
            {%- for line in of_build(gates_in_words(verdict)).columns[0].values() -%}
                {{ log(verdict ~ ': ' ~ line, info=true) }}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{#- Why gates forbid publishing, in one line; empty where they do not. -#}
{% macro implausible() %}
    {%- set stops = of_build(gates_in_words('stop')).columns[0].values() -%}
    {%- if stops -%}
        {{ return('implausible: ' ~ stops[0]
            ~ ('; and ' ~ (stops | length - 1) ~ ' more gates stop' if stops | length > 1 else '')) }}
    {%- endif -%}
    {{ return('') }}
{% endmacro %}

{% macro describe_account(table, account) %}
    {%- set comments = ['comment on table ' ~ table ~ ' is ' ~ text_literal(account.description)] -%}
    {%- for column, description in account.columns.items() -%}
        {%- do comments.append('comment on column ' ~ table ~ '.' ~ column ~ ' is ' ~ text_literal(description)) -%}
    {%- endfor -%}
    {%- do of_build(comments | join('; ')) -%}
{% endmacro %}

{#- In the order in which they are made; those without columns are gone with the connection. -#}
{% macro accounts_of_gates() %}
    {{ return({
        'last_build': {'sql': 'select last_build() as content', 'columns': {}},
        'qc_build': {
            'sql': 'select * from (select unnest(from_json(this_build(), \'' ~ build_structure() ~ '\'), recursive := true))',
            'description': 'One row: which world the build is of, and whether its gates compare it with the last published one.',
            'columns': {
                'world': 'real, or the digest of what a pseudo world says of itself.',
                'raw_data': 'Digest of the paths of the raw data.',
                'variables': 'Digest of the variables of the project that rows hang on: all but gate_bounds and published_schemas.',
                'is_compared': 'The last published build is of the same world, so that the gates compare.',
            },
        },
        'qc_variables': {
            'sql': 'select * from (select unnest(from_json(variables(), \'[{"variable": "varchar", "value": "varchar"}]\'), '
                ~ 'recursive := true))',
            'description': 'One row per variable of the project: what the build was made with.',
            'columns': {
                'variable': 'Variable of dbt_project.yml, which says what it means.',
                'value': 'Its value, as JSON.',
            },
        },
        'qc_mart_columns': {
            'sql': mart_columns_account(),
            'description': 'One row per mart or observation model and column: rows, values and the weight of the largest one.',
            'columns': {
                'mart': 'Mart or observation model.',
                'column_name': 'Column.',
                'row_count': 'Rows of the mart.',
                'value_count': 'Rows in which the column has a value.',
                'nonzero_count': 'Rows in which it is a number other than zero.',
                'largest_share': 'Share of the largest in the sum of absolute values; null of what is no measure.',
            },
        },
        'qc_gates': {
            'sql': gates_account(),
            'description': 'One row per gate and subject: what was measured and the verdict on it. Bounds are in seeds.gates.',
            'columns': {
                'gate': 'Gate, a row of seeds.gates.',
                'subject': 'Raw table, column or mart.',
                'raw_file': 'File, as source/path; null where it is no file that is judged.',
                'part': 'Firm, desk, dealer, day or quarter of it; null for the whole.',
                'counted': 'Rows or units that the measure rests on: below least_count nothing is judged.',
                'measured': 'What is measured, as seeds.gates says.',
                'expected': 'at most or at least.',
                'warns_beyond': 'Bound beyond which it warns.',
                'stops_beyond': 'Bound beyond which nothing is published, as the seed or gate_bounds has it.',
                'verdict': 'ok, warning or stop.',
            },
        },
    }) }}
{% endmacro %}

{% macro build_structure() %}
    {{ return('{"world": "varchar", "raw_data": "varchar", "variables": "varchar", "is_compared": "boolean"}') }}
{% endmacro %}

{% macro mart_columns_account() %}
    {%- set selects = [] -%}
    {%- set marts = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | map(attribute='name') | list -%}
    {#- not by the adapter, which would open a transaction that a refusal rolls back -#}
    {%- for schema, mart, column, type in of_build(
        "select table_schema, table_name, column_name, data_type from information_schema.columns"
        ~ " where table_schema in ('marts', 'observations') order by all"
    ).rows if mart in marts -%}
        {%- set is_measure = type.split('(')[0] in ['DOUBLE', 'DECIMAL', 'FLOAT'] -%}
        {%- set value = adapter.quote(column) -%}
        {#- what a difference of logs leaves of equal ones are their last digits, and not the same on every engine -#}
        {%- set is_nonzero = value ~ ' <> 0' if type.startswith('DECIMAL') else 'abs(' ~ value ~ ') > 1e-9' -%}
        {%- do selects.append(
            'select ' ~ text_literal(mart) ~ ' as mart, ' ~ text_literal(column) ~ ' as column_name,'
            ~ ' count(*) as row_count, count(' ~ value ~ ') as value_count, '
            ~ ('count(*) filter (where ' ~ is_nonzero ~ ')' if is_measure else '0') ~ ' as nonzero_count, '
            ~ ('round(cast(max(abs(' ~ value ~ ')) as double) / nullif(sum(abs(cast(' ~ value ~ ' as double))), 0), 4)'
                if is_measure else 'cast(null as double)') ~ ' as largest_share from ' ~ schema ~ '.' ~ mart
        ) -%}
    {%- endfor -%}
    {{ return(selects | join(' union all ') ~ ' order by mart, column_name') }}
{% endmacro %}

{% macro gates_account() %}
    {%- set models = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name.startswith('qc_gate_') -%}
        {%- do models.append(node.name) -%}
    {%- endfor -%}
    {%- set bounds = ["('', cast(null as double))"] -%}
    {%- for gate, bound in var('gate_bounds').items() -%}
        {%- do bounds.append('(' ~ text_literal(gate) ~ ', ' ~ bound ~ ')') -%}
    {%- endfor -%}
    {%- set tolerances = [] -%}
    {%- for table, contract in fromjson(ask('raw_contracts')).items() -%}
        {%- do tolerances.append('(' ~ text_literal(table) ~ ', ' ~ contract.tolerated_rejects ~ ')') -%}
    {%- endfor %}
    with

    -- empty where there is none, or none to compare with
    last_rows as (
        select unnest(from_json(json_extract((select content from last_build), '$.rows'),
            '[{"source_table": "varchar", "row_count": "bigint"}]'), recursive := true)
    ),

    last_days as (
        select unnest(from_json(json_extract((select content from last_build), '$.days'),
            '[{"source_table": "varchar", "business_date": "date"}]'), recursive := true)
    ),

    last_firms as (
        select unnest(from_json(json_extract((select content from last_build), '$.firms'),
            '[{"firm_rssd": "bigint"}]'), recursive := true)
    ),

    last_columns as (
        select unnest(from_json(json_extract((select content from last_build), '$.columns'),
            '[{"mart": "varchar", "column_name": "varchar", "row_count": "bigint", "value_count": "bigint"}]'),
            recursive := true)
    ),

    staged as (
        select source_table, sum(rows_read) as rows_read, sum(rows_staged) as rows_staged, sum(rows_rejected) as rows_rejected
        from quality.qc_row_counts
        group by source_table
    ),

    mart_rows as (
        select mart, max(row_count) as row_count from quality.qc_mart_columns group by mart
    ),

    lost_days as (
        select
            last_days.source_table,
            count(*) as days_before,
            count(*) filter (where days.business_date is null) as days_gone,
            -- a day that no desk table has any more is taken for a holiday
            count(*) filter (
                where days.business_date is null
                and (
                    last_days.source_table not like 'fr_vv1.%'
                    or last_days.business_date in (
                        select business_date from quality.qc_rows_by_day where source_table like 'fr_vv1.%'
                    )
                )
            ) as days_lost
        from last_days
        left join quality.qc_rows_by_day as days
            on last_days.source_table = days.source_table and last_days.business_date = days.business_date
        where last_days.source_table in (select source_table from staged)
        group by last_days.source_table
    ),

    measures (gate, subject, raw_file, part, counted, measured) as (
        select 'file_reject_share', source_table, raw_file, null, rows_rejected, round(cast(rows_rejected as double) / rows_read, 4)
        from quality.qc_row_counts where rows_read > 0
        union all
        select 'table_reject_share', source_table, null, null, rows_read, round(cast(rows_rejected as double) / rows_read, 6)
        from staged where rows_read > 0
        union all
        select 'largest_value_of_mart', concat(mart, '.', column_name), null, null, nonzero_count, largest_share
        from quality.qc_mart_columns where largest_share is not null
        union all
        select
            'mart_empty', mart, null, null,
            -- few rows may leave a mart empty, and so does a layout without parties the one of matched sales
            case
                when (select sum(rows_staged) from staged) < 10000 then 0
                when mart in ('fct_soma_sale', 'obs_soma_sale') and (select sum(trades_of_known_dealers) from intermediate.int_trade_parties) = 0 then 0
                else 1
            end,
            case when row_count = 0 then 1 else 0 end
        from mart_rows
        -- limits may stay as they are
        where mart <> 'obs_limit_event'
        union all
        select 'column_empty', concat(mart, '.', column_name), null, null, row_count, case when value_count = 0 then 1 else 0 end
        from quality.qc_mart_columns where row_count > 0
        union all
        select
            'rows_lost', last_rows.source_table, null, null, last_rows.row_count,
            round(1 - cast(staged.rows_staged as double) / nullif(last_rows.row_count, 0), 4)
        from last_rows inner join staged on last_rows.source_table = staged.source_table
        union all
        select 'days_lost', source_table, null, null, days_before, days_lost from lost_days
        union all
        select
            'reporters_lost', 'fr_vv1', null, cast(last_firms.firm_rssd as string), 1,
            case
                when last_firms.firm_rssd in (select firm_rssd from quality.qc_firms_reported) then 0
                else 1
            end
        from last_firms
        union all
        select
            'mart_rows_lost', last_columns.mart, null, null, max(last_columns.row_count),
            round(1 - cast(max(mart_rows.row_count) as double) / nullif(max(last_columns.row_count), 0), 4)
        from last_columns inner join mart_rows on last_columns.mart = mart_rows.mart
        group by last_columns.mart
        union all
        select
            'column_emptied', concat(last_columns.mart, '.', last_columns.column_name), null, null, last_columns.value_count,
            case when columns_now.value_count = 0 then 1 else 0 end
        from last_columns
        inner join quality.qc_mart_columns as columns_now
            on last_columns.mart = columns_now.mart and last_columns.column_name = columns_now.column_name
        union all
        select
            'messages_undoing_nothing', 'trace.reports', null, null, messages,
            round(cast((
                -- one whose report was rejected is a finding about the report
                select count(*) from quality.qc_messages_undoing_nothing where undoes_nothing_since <> 'its report was rejected'
            ) as double) / nullif(messages, 0), 4)
        from (select count(*) as messages from intermediate.int_trade_messages)
        {%- for model in models %}
        union all
        select gate, subject, {{ 'raw_file' if 'raw_file' in graph.nodes['model.dealer_limits.' ~ model].columns else 'null' }}, part, counted, cast(measured as double)
        from quality.{{ model }}
        {%- endfor %}
    ),

    bounded as (
        select
            measures.gate,
            measures.subject,
            measures.raw_file,
            measures.part,
            cast(measures.counted as bigint) as counted,
            measures.measured,
            gates.expected,
            gates.warns_beyond,
            coalesce(
                bounds.bound,
                case when measures.gate = 'table_reject_share' then tolerances.tolerated else gates.stops_beyond end
            ) as stops_beyond,
            measures.counted >= gates.least_count and measures.measured is not null as is_judged
        from measures
        inner join seeds.gates as gates on measures.gate = gates.gate
        left join (values {{ bounds | join(', ') }}) as bounds (gate, bound) on measures.gate = bounds.gate
        left join (values {{ tolerances | join(', ') }}) as tolerances (source_table, tolerated)
            on measures.subject = tolerances.source_table
    )

    select
        * exclude (is_judged),
        case
            when gate = 'mart_empty' and measured > 0 and not is_judged then 'warning'
            when not is_judged then 'ok'
            when expected = 'at most' and measured > stops_beyond then 'stop'
            when expected = 'at least' and measured < stops_beyond then 'stop'
            when expected = 'at most' and measured > least(warns_beyond, stops_beyond) then 'warning'
            when expected = 'at least' and measured < warns_beyond then 'warning'
            else 'ok'
        end as verdict
    from bounded
    order by gate, subject, raw_file, part
{% endmacro %}

{#- One line per gate that warns or stops, with the worst that it found. Parts are firms and desks: they stay in the table. -#}
{% macro gates_in_words(verdict) %}
    select
        concat(
            qc.gate, ': ',
            arg_min(
                coalesce(qc.raw_file, qc.subject),
                (case when qc.expected = 'at most' then -qc.measured else qc.measured end, qc.subject, qc.raw_file)
            ),
            case when count(*) > 1 then format(', the worst of {}', count(*)) else '' end,
            ': ', any_value(gates.measures), ' is ',
            printf('%g', case when any_value(qc.expected) = 'at most' then max(qc.measured) else min(qc.measured) end),
            '; expected ', any_value(qc.expected), ' ',
            {% if verdict == 'stop' -%}
            printf('%g', any_value(qc.stops_beyond)),
            ' (quality.qc_gates of the build; to publish all the same, --vars ''{gate_bounds: {', qc.gate, ': ',
            printf('%g', case when any_value(qc.expected) = 'at most' then max(qc.measured) else min(qc.measured) end), '}}'')'
            {%- else -%}
            printf('%g', any_value(coalesce(qc.warns_beyond, 0))), ' (quality.qc_gates)'
            {%- endif %}
        )
    from quality.qc_gates as qc
    inner join seeds.gates as gates on qc.gate = gates.gate
    where qc.verdict = '{{ verdict }}'
    group by qc.gate
    order by qc.gate
{% endmacro %}

{#- Column of int_desk_days_reported that counts the rows of a table. -#}
{% macro rows_of(table) %}
    {{ return('rows_of_' ~ table.split('.')[1]) }}
{% endmacro %}

{#- Last day on which a daily desk table is due. -#}
{% macro due_until(is_retired) %}
    {{ return("cast('" ~ (var('combined_positions_end') if is_retired else '9999-12-31') ~ "' as date)") }}
{% endmacro %}

{#- Number of the half of a month, counted from year 0. -#}
{% macro half_month(day) %}
    {{ return('(extract(year from ' ~ day ~ ') * 24 + extract(month from ' ~ day ~ ') * 2 + case when extract(day from '
        ~ day ~ ') > 15 then 1 else 0 end)') }}
{% endmacro %}

{#- Mean log of absolute values, to six decimals: beyond them the order of summing shows. -#}
{% macro mean_decade(column) %}
    {{ return(as_decimal('avg(log10(cast(abs(nullif(' ~ column ~ ', 0)) as double)))', 18, 6)) }}
{% endmacro %}

{#- The same in two steps, of which the first can be added up: exact, so that the order of adding does not show. -#}
{% macro sum_of_logs(column) %}
    {{ return('sum(cast(log10(cast(abs(nullif(' ~ column ~ ', 0)) as double)) as decimal(18, 9)))') }}
{% endmacro %}

{% macro mean_of_logs(sums, counts) %}
    {{ return('cast(cast(sum(' ~ sums ~ ') as double) / nullif(sum(' ~ counts ~ '), 0) as decimal(18, 6))') }}
{% endmacro %}

{#- The gate on days without rows of a table: how many are odd depends on what the table is. -#}
{% macro gate_on_missing_days(source_table) %}
    {%- set gates = {'fr_vv1.%': 'desk_days_missing', 'market.%': 'market_days_missing', 'trace.%': 'trade_days_missing'} %}
    case
        {%- for pattern, gate in gates.items() %}
        when {{ source_table }} like '{{ pattern }}' then '{{ gate }}'
        {%- endfor %}
        else 'operation_days_missing'
    end
{%- endmacro %}
