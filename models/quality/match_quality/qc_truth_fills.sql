-- One row per TRACE report that filled an award, whole or in part: what a pseudo world planted. Empty of real data.
select
    concat(operation_id, '/', cusip) as award_id,
    control_date,
    systm_cntrl_nb as control_number,
    cast(filled_par_usd as decimal(18, 2)) as filled_par_usd
from {{ read_truth('soma_fills', {
    'operation_id': 'string',
    'cusip': 'string',
    'control_date': 'date',
    'systm_cntrl_nb': 'string',
    'filled_par_usd': 'bigint'
}) }}
