"""The US bond-market calendar, from a kept package rather than from rules of our own."""

from __future__ import annotations

from functools import lru_cache

import pandas as pd
import pandas_market_calendars

SAMPLE_START = "2015-01-01"
SAMPLE_END = "2023-03-31"


@lru_cache
def business_days(start: str = SAMPLE_START, end: str = SAMPLE_END) -> pd.DatetimeIndex:
    """Bond-market business days from `start` to `end`, both included (timezone-naive)."""
    calendar = pandas_market_calendars.get_calendar("SIFMA_US")
    return calendar.valid_days(start, end).tz_localize(None).rename("business_date")
