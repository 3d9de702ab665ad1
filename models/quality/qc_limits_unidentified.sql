-- One row per desk that reports VaR but of whose limits none is identified as its VaR limit.
with

reported as (

    select
        desk_id,
        count(*) as var_days
    from {{ ref('stg_fr_vv1__values_at_risk') }}
    group by desk_id

),

identified as (

    select
        desk_id,
        count(*) as candidate_limits,
        count(*) filter (where is_identified) as identified_limits,
        min(median_relative_gap) as smallest_median_relative_gap
    from {{ ref('int_desk_var_limits_identified') }}
    group by desk_id

),

final as (

    select
        reported.desk_id,
        reported.var_days,
        coalesce(identified.candidate_limits, 0) as candidate_limits,
        identified.smallest_median_relative_gap
    from reported
    left join identified on reported.desk_id = identified.desk_id
    where coalesce(identified.identified_limits, 0) = 0

)

select * from final
