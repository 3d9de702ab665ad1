-- What is odd in what was published: gates that warned, what they measured and what was expected.
select
    gate,
    subject,
    part,
    counted,
    round(measured, 4) as measured,
    expected,
    warns_beyond
from quality.qc_gates
where verdict = 'warning'
order by gate, subject, part
