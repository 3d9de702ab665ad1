-- Auctions of Treasury securities; reopenings repeat a CUSIP. Accepted rows of
-- market.treasury_securities.
select
    cusip,
    security_type,
    security_term,
    auction_date,
    issue_date,
    maturity_date,
    auction_price,
    raw_file,
from {{ ref('base_market__treasury_auctions') }}
where reject_reason is null
