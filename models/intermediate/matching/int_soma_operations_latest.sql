-- One row per operation: the version of the last file that publishes it. A later file overwrites an earlier one.
with

operations as (

    select * from {{ ref('stg_soma__operations') }}

),

final as (

    select
        operation_id,
        operation_date,
        auction_status,
        operation_type,
        operation_direction,
        {{ to_eastern(
            "cast(concat(operation_date, ' ', close_time) as timestamp)", var('unzoned_times').soma
        ) }} as closed_at,
        accepted_par_usd,
        raw_file,
    from operations
    qualify row_number() over (partition by operation_id order by raw_file desc) = 1

)

select * from final
