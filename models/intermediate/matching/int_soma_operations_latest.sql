-- One row per operation: of its versions, within a file or across files, the last updated that has details; what a file
-- is called says nothing.
with

operations as (

    select * from {{ ref('stg_soma__operations') }}

),

detailed as (

    select distinct
        operation_id,
        last_updated,
        raw_file,
        true as has_details
    from {{ ref('stg_soma__operation_details') }}

),

final as (

    select
        operations.operation_id,
        operations.operation_date,
        coalesce(operations.settlement_date, operations.operation_date) as settlement_date,
        operations.auction_status,
        operations.operation_type,
        operations.operation_direction,
        {% for event, at in [('close', 'closed_at'), ('release', 'released_at')] -%}
        {{ to_eastern(
            "cast(case when operations." ~ event ~ "_time is not null then concat(operations.operation_date, ' ', operations."
            ~ event ~ "_time) end as timestamp)",
            var('unzoned_times').soma
        ) }} as {{ at }},
        {% endfor -%}
        operations.accepted_par_usd,
        operations.last_updated,
        operations.raw_file
    from operations
    left join detailed
        on
            operations.operation_id = detailed.operation_id
            and operations.last_updated is not distinct from detailed.last_updated
            and operations.raw_file = detailed.raw_file
    qualify
        row_number() over (
            partition by operations.operation_id
            order by
                coalesce(detailed.has_details, false) desc,
                operations.last_updated desc nulls last,
                -- of versions updated at one time, so that a rebuild picks the same
                operations.raw_file desc
        ) = 1

)

select * from final
