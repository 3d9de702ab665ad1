-- One row per trading desk, described by its latest information schedule (4.1.1).
with

desks as (

    select * from {{ ref('stg_fr_vv1__desks') }}

),

latest as (

    select
        desk_id,
        firm_rssd,
        firm_name,
        desk_name,
        desk_description,
        {{ words('desk_name') }} as searched_name,
        {{ words("concat_ws(' ', desk_name, desk_description)") }} as searched_text,
        {{ words("coalesce(claimed_exclusions, '')") }} as exclusions
    from desks
    qualify row_number() over (partition by desk_id order by valid_from desc) = 1

),

periods as (

    select
        desk_id,
        min(valid_from) as first_valid_from,
        -- null where a period is still open
        case when count(*) = count(valid_to) then max(valid_to) end as last_valid_to,
        count(*) as schedule_count
    from desks
    group by desk_id

),

searched as (

    select
        *,
        {{ matches('searched_text', var('treasury_desk_pattern')) }} as speaks_of_treasury,
        {{ matches('searched_text', var('not_treasury_desk_pattern')) }} as means_something_else,
        {{ matches('searched_name', var('treasury_desk_pattern')) }} as is_named_treasury,
        {{ contains(
            'exclusions', var('treasury_exclusions'), var('treasury_exclusions_needed')
        ) }} as claims_treasury_exclusions
    from latest

),

final as (

    select
        searched.desk_id,
        searched.firm_rssd,
        searched.firm_name,
        searched.desk_name,
        searched.desk_description,
        searched.speaks_of_treasury and not searched.means_something_else as is_treasury_desk,
        searched.speaks_of_treasury
        and not searched.means_something_else
        and searched.is_named_treasury
        and searched.claims_treasury_exclusions as is_prime_treasury_desk,
        periods.first_valid_from,
        periods.last_valid_to,
        periods.schedule_count
    from searched
    inner join periods on searched.desk_id = periods.desk_id

)

select * from final
