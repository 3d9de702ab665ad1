-- One row per award and set of its weighed trades that may have filled it: all that add up to no more, and those of which the
-- largest filled it in part, since without it there is less than the award. `candidate` has a bit per trade: the sum of
-- 2^(place - 1).
with

trades as (

    select * from {{ ref('int_soma_weighed_trades') }}

),

digits as (

    select 0 as digit
    union all
    select 1 as digit

),

candidates as (

    select
        digits_1.digit
        {%- for place in range(2, var('weighed_trades') + 1) %}
        + {{ 2 ** (place - 1) }} * digits_{{ place }}.digit
        {%- endfor %} as candidate
    from digits as digits_1
    {% for place in range(2, var('weighed_trades') + 1) -%}
    cross join digits as digits_{{ place }}
    {% endfor %}

),

listed as (

    select
        award_id,
        max(place) as trades
    from trades
    group by award_id

),

numbers as (

    select distinct trades
    from listed

),

places as (

    select distinct place
    from trades

),

-- of so many trades: which candidates there are, and which trades are in them
members as (

    select
        numbers.trades,
        candidates.candidate,
        places.place
    from numbers
    inner join candidates on candidates.candidate < pow(2, numbers.trades)
    inner join places on {{ has_place('candidates.candidate', 'places.place') }}

),

sets as (

    select
        trades.award_id,
        members.candidate,
        count(*) as trades,
        min(trades.place) as largest_place,
        sum(trades.par_usd) as par_usd,
        sum(cast(trades.par_usd * trades.price as decimal(38, 6))) as par_times_price,
        count(trades.price) as prices
    from trades
    inner join listed on trades.award_id = listed.award_id
    inner join members
        on
            listed.trades = members.trades
            and trades.place = members.place
    group by trades.award_id, members.candidate
    having sum(trades.par_usd) - max(trades.par_usd) < max(trades.awarded_par_usd)

),

measured as (

    select
        sets.award_id,
        sets.candidate,
        sets.trades,
        sets.par_usd,
        trades.awarded_par_usd,
        abs(sets.par_usd - trades.awarded_par_usd) as gap_usd,
        -- the largest trade is counted as far as it filled the award
        sets.prices = sets.trades
        and abs(
            sets.par_times_price
            - greatest(sets.par_usd - trades.awarded_par_usd, 0) * trades.price
            - least(sets.par_usd, trades.awarded_par_usd) * trades.average_price
        ) <= {{ price_rounding() }} * least(sets.par_usd, trades.awarded_par_usd) as is_at_average_price
    from sets
    inner join trades
        on
            sets.award_id = trades.award_id
            and sets.largest_place = trades.place

),

final as (

    select
        award_id,
        cast(candidate as integer) as candidate,
        cast(trades as integer) as trades,
        cast(least(par_usd, awarded_par_usd) as decimal(18, 2)) as filled_par_usd,
        case
            when par_usd < awarded_par_usd then 'less'
            when par_usd = awarded_par_usd and (trades = 1 or is_at_average_price) then 'whole'
            when par_usd = awarded_par_usd then 'whole, off price'
            when trades = 1 or is_at_average_price then 'in part'
            else 'in part, off price'
        end as kind,
        {{ level_of('gap_usd', ['0.02 * awarded_par_usd', '0.1 * awarded_par_usd', '0.25 * awarded_par_usd',
            '0.5 * awarded_par_usd', 'awarded_par_usd']) }} as gap_level
    from measured

)

select * from final
