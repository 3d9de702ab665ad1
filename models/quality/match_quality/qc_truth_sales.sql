-- One row per sale to the Fed, reported to TRACE or not: what a pseudo world planted. Empty of real data.
select
    concat(operation_id, '/', cusip) as award_id,
    operation_date,
    dealer_mpid,
    cast(par_usd as decimal(18, 2)) as sold_par_usd
from {{ read_truth('soma_sales', {
    'operation_id': 'string',
    'operation_date': 'date',
    'cusip': 'string',
    'dealer_mpid': 'string',
    'par_usd': 'bigint'
}) }}
