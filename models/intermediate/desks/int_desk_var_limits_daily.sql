-- One row per desk and business day on which it reports its VaR limit: the limit that serves that day.
-- Inside a stretch in which one limit follows the reported VaR, before the day and after it, that one serves; where one
-- takes over from another, the one that the usage of the day itself follows. Outside of all stretches the limit of the
-- last one goes on, or else that of the next: limits are persistent. Where the limit of the day is not reported there is
-- none.
with

compared as (

    select * from {{ ref('int_desk_var_limits_compared') }}

),

identified as (

    select * from {{ ref('int_desk_var_limits_identified') }}

),

candidates as (

    select
        compared.*,
        identified.rank_on_desk,
        compared.is_in_stretch and compared.follows_before_and_after as is_inside_stretch,
        max(case when compared.is_in_stretch then compared.business_day_index end) over (
            partition by compared.desk_id, compared.firm_rssd, compared.limit_id
            order by compared.business_day_index
            rows between unbounded preceding and current row
        ) as last_index_in_stretch,
        min(case when compared.is_in_stretch then compared.business_day_index end) over (
            partition by compared.desk_id, compared.firm_rssd, compared.limit_id
            order by compared.business_day_index
            rows between current row and unbounded following
        ) as next_index_in_stretch
    from compared
    inner join identified
        on
            compared.desk_id = identified.desk_id
            and compared.firm_rssd = identified.firm_rssd
            and compared.limit_id = identified.limit_id
    where identified.is_identified

),

ranked as (

    select
        *,
        -- rank_on_desk is unique
        row_number() over (
            partition by desk_id, business_date
            order by
                case when is_inside_stretch then 1 when is_in_stretch then 2 else 3 end asc,
                -- two that follow VaR alike do not take turns
                case when is_inside_stretch then rank_on_desk end asc,
                case when is_in_stretch and follows_var then 1 else 2 end asc,
                case when is_in_stretch and follows_around then 1 else 2 end asc,
                case when is_in_stretch or is_reported then 1 else 2 end asc,
                last_index_in_stretch desc nulls last,
                next_index_in_stretch asc nulls last,
                rank_on_desk asc
        ) as rank_on_day
    from candidates

),

final as (

    select
        desk_id,
        business_date,
        business_day_index,
        limit_id,
        var_limit_usd
    from ranked
    where
        rank_on_day = 1
        and is_reported

)

select * from final
