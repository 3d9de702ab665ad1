-- One row per award of which the search for an exact sum ended at the bound on states: a match may have been missed.
select
    award_id,
    match_level,
    match_kind,
    awarded_par_usd
from {{ ref('fct_soma_award') }}
where is_search_bounded
