"""The seed of bond-market holidays is the calendar of the package that the analysis uses."""

from __future__ import annotations

import pandas as pd

from dealer_limits.bond_calendar import business_days
from workspace import ROOT


def test_weekdays_without_the_holidays_of_the_seed_are_the_business_days_of_the_package() -> None:
    holidays = pd.read_csv(ROOT / "seeds/bond_market_holidays.csv", parse_dates=["holiday"])["holiday"]
    first, last = f"{holidays.min().year}-01-01", f"{holidays.max().year}-12-31"

    weekdays = pd.bdate_range(first, last)

    assert set(weekdays.difference(pd.DatetimeIndex(holidays))) == set(business_days(first, last))


def test_every_holiday_of_the_seed_is_a_weekday_and_stands_once() -> None:
    holidays = pd.read_csv(ROOT / "seeds/bond_market_holidays.csv", parse_dates=["holiday"])["holiday"]

    assert holidays.is_unique
    assert (holidays.dt.dayofweek < 5).all()
