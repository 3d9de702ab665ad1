-- Which raw rows were rejected, and why?
select
    source_table,
    raw_file,
    reject_reason,
    count(*) as rejected_rows
from quality.qc_rejected_rows
group by source_table, raw_file, reject_reason
order by rejected_rows desc, source_table asc, raw_file asc, reject_reason asc
