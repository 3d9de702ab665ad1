"""The universe of Treasury securities: an invented auction calendar, identifiers and prices.

CUSIPs follow the real numbering (912795/912796 bills, 912828/91282C notes, 912810 bonds, with a right
check digit) but name nothing that was ever sold.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dealer_limits.bond_calendar import business_days

FIRST_AUCTION = "1990-01-01"
LAST_AUCTION = "2023-12-29"
_SERIAL_CHARACTERS = string.digits + "ABCDEFGHJKLMNPQRSTUVWXYZ"
# the ten-year yield of new issues by year, from which coupons are struck
_YIELD_YEARS = (1990, 1995, 2000, 2005, 2008, 2012, 2016, 2019, 2020, 2021, 2023)
_YIELD_LEVELS = (8.6, 6.6, 6.0, 4.3, 3.8, 1.9, 1.9, 2.3, 0.9, 1.4, 4.0)


@dataclass(frozen=True)
class CouponCycle:
    """A coupon security sold by calendar: new issues in `months`, reopened in the months that follow."""

    kind: str
    years: int
    months: tuple[int, ...]
    first_year: int
    last_year: int
    reopenings: int = 0
    settles_at_month_end: bool = False


_EVERY_MONTH = tuple(range(1, 13))
COUPON_CYCLES: tuple[CouponCycle, ...] = (
    CouponCycle("note", 2, _EVERY_MONTH, 2005, 2023, settles_at_month_end=True),
    CouponCycle("note", 3, _EVERY_MONTH, 2008, 2023),
    CouponCycle("note", 5, _EVERY_MONTH, 2005, 2023, settles_at_month_end=True),
    CouponCycle("note", 7, _EVERY_MONTH, 2009, 2023, settles_at_month_end=True),
    CouponCycle("note", 10, (2, 5, 8, 11), 2005, 2023, reopenings=2),
    CouponCycle("bond", 20, (5, 8, 11), 2020, 2020, reopenings=2, settles_at_month_end=True),
    CouponCycle("bond", 20, (2, 5, 8, 11), 2021, 2023, reopenings=2, settles_at_month_end=True),
    CouponCycle("bond", 30, (2, 8, 11), 1990, 1999),
    CouponCycle("bond", 30, (2, 8), 2000, 2008, reopenings=1),
    CouponCycle("bond", 30, (2, 5, 8, 11), 2009, 2023, reopenings=2),
    CouponCycle("frn", 2, (1, 4, 7, 10), 2014, 2023, reopenings=2, settles_at_month_end=True),
    CouponCycle("tips", 5, (4, 10), 2005, 2023, reopenings=1),
    CouponCycle("tips", 10, (1, 7), 2005, 2023, reopenings=2),
    CouponCycle("tips", 30, (2,), 2010, 2023, reopenings=2),
)
# the four-week and eight-week bills moved to Tuesdays at the end of 2018; weeks to maturity at each sale
_THURSDAY_BILL_WEEKS = (26, 13, 4)
_TUESDAY_BILL_WEEKS = (8, 4)
_TUESDAY_BILLS_FROM = pd.Timestamp("2018-12-04")
_SHARE_OF_BLANK_PRICES = 0.01


@dataclass(frozen=True)
class SecurityUniverse:
    """`securities`: one row per CUSIP (cusip, kind, years, coupon_pct, first_auction_date, issue_date,
    maturity_date), sorted by cusip; `auctions`: one row per sale, in the layout of the raw file."""

    securities: pd.DataFrame
    auctions: pd.DataFrame


def cusip_check_digit(base: str) -> str:
    """The ninth character of a CUSIP whose first eight are `base` (modulus 10, double add double)."""
    total = 0
    for position, character in enumerate(base):
        value = int(character, 36) * (1 + position % 2)
        total += value // 10 + value % 10
    return str(-total % 10)


def _assign_cusips(kind: pd.Series, issue_date: pd.Series) -> pd.Series:
    """Serial numbers in order of issue within each family of prefixes."""
    family = kind.map({"bill": "bill", "bond": "bond"}).fillna("note")
    long_tips = (kind == "tips") & (issue_date.index.get_level_values("years") == 30)
    family = family.mask(long_tips, "bond")
    prefixes = {"bill": ("912795", "912796"), "note": ("912828", "91282C"), "bond": ("912810",)}
    capacity = len(_SERIAL_CHARACTERS) ** 2
    serial = issue_date.groupby(family.to_numpy()).cumcount()
    bases = [
        prefixes[name][number // capacity]
        + _SERIAL_CHARACTERS[number % capacity // len(_SERIAL_CHARACTERS)]
        + _SERIAL_CHARACTERS[number % len(_SERIAL_CHARACTERS)]
        for name, number in zip(family, serial, strict=True)
    ]
    return pd.Series([base + cusip_check_digit(base) for base in bases], index=issue_date.index)


def _coupon_sales() -> pd.DataFrame:
    rows = []
    for cycle in COUPON_CYCLES:
        for year in range(cycle.first_year, cycle.last_year + 1):
            for month in cycle.months:
                first = pd.Timestamp(year, month, 1)
                dated = first + pd.offsets.MonthEnd() if cycle.settles_at_month_end else first.replace(day=15)
                maturity = dated + pd.DateOffset(years=cycle.years)
                if cycle.settles_at_month_end:
                    maturity += pd.offsets.MonthEnd(0)
                for reopening in range(cycle.reopenings + 1):
                    settles = dated + pd.DateOffset(months=reopening)
                    term = f"{cycle.years}-Year"
                    if reopening:
                        term = f"{cycle.years - 1}-Year {12 - reopening}-Month"
                    rows.append((cycle.kind, cycle.years, dated, settles, maturity, term, 5))
    columns = ["kind", "years", "dated_date", "issue_date", "maturity_date", "term", "lead_days"]
    return pd.DataFrame(rows, columns=columns)


def _bill_sales() -> pd.DataFrame:
    frames = []
    thursdays = pd.date_range("2005-01-06", LAST_AUCTION, freq="W-THU")
    cycles = [(thursdays, weeks) for weeks in _THURSDAY_BILL_WEEKS]
    cycles.append((thursdays[::4], 52))
    tuesdays = pd.date_range(_TUESDAY_BILLS_FROM, LAST_AUCTION, freq="W-TUE")
    cycles += [(tuesdays, weeks) for weeks in _TUESDAY_BILL_WEEKS]
    for issue_dates, weeks in cycles:
        frames.append(
            pd.DataFrame(
                {
                    "kind": "bill",
                    "years": 0,
                    "issue_date": issue_dates,
                    "maturity_date": issue_dates + pd.Timedelta(weeks=weeks),
                    "term": f"{weeks}-Week",
                    "lead_days": 2,
                }
            )
        )
    sales = pd.concat(frames, ignore_index=True)
    # one CUSIP per maturity date: a 13-week bill is last quarter's 26-week bill, reopened
    sales["dated_date"] = sales.groupby("maturity_date")["issue_date"].transform("min")
    return sales


def simulate_universe(rng: np.random.Generator) -> SecurityUniverse:
    """All sales from 1990 (bonds) and 2005 (the rest) to 2023; only prices at auction are random."""
    sales = pd.concat([_coupon_sales(), _bill_sales()], ignore_index=True)
    calendar = business_days(FIRST_AUCTION, LAST_AUCTION).to_numpy().astype("datetime64[D]")
    weekdays = np.arange(calendar[0], calendar[-1] + 1)
    weekdays = weekdays[np.is_busday(weekdays)]
    holidays = np.setdiff1d(weekdays, calendar)
    settles = np.busday_offset(
        sales["issue_date"].to_numpy().astype("datetime64[D]"), 0, roll="forward", holidays=holidays
    )
    sales["issue_date"] = settles.astype("datetime64[ns]")
    auctioned = np.busday_offset(settles, -sales["lead_days"].to_numpy(), holidays=holidays)
    sales["auction_date"] = auctioned.astype("datetime64[ns]")
    sales = sales[sales["auction_date"].between(FIRST_AUCTION, LAST_AUCTION)]

    key = ["kind", "years", "dated_date", "maturity_date"]
    securities = (
        sales.groupby(key)
        .agg(first_auction_date=("auction_date", "min"), issue_date=("issue_date", "min"))
        .sort_values(["issue_date", "maturity_date"], kind="stable")
    )
    securities["cusip"] = _assign_cusips(
        pd.Series(securities.index.get_level_values("kind"), index=securities.index), securities["issue_date"]
    )
    sales = sales.join(securities["cusip"], on=key)
    securities = securities.reset_index()

    issue_year = securities["issue_date"].dt.year + securities["issue_date"].dt.dayofyear / 366
    level = np.interp(issue_year, _YIELD_YEARS, _YIELD_LEVELS)
    slope = 0.35 * np.log(np.maximum(securities["years"], 1) / 10)
    real_rate_discount = np.where(securities["kind"] == "tips", 1.6, 0.0)
    coupon = np.maximum(np.floor(8 * (level + slope - real_rate_discount)) / 8, 0.125)
    securities["coupon_pct"] = np.where(securities["kind"].isin(["bill", "frn"]), 0.0, coupon)
    columns = ["cusip", "kind", "years", "coupon_pct", "first_auction_date", "issue_date", "maturity_date"]
    securities = securities[columns].sort_values("cusip", ignore_index=True)

    weeks = (sales["maturity_date"] - sales["issue_date"]).dt.days / 7
    is_bill = (sales["kind"] == "bill").to_numpy()
    is_reopening = (sales["issue_date"] > sales["dated_date"] + pd.Timedelta(days=7)).to_numpy()
    noise = rng.normal(size=len(sales))
    price = np.where(
        is_bill,
        100 - weeks * 0.02 * np.exp(0.3 * noise),
        np.where(is_reopening, 100.3 + 2.5 * noise, 99.8 - 0.15 * np.abs(noise)),
    )
    prices = pd.Series(price, index=sales.index).map("{:.6f}".format)
    prices = prices.mask(rng.random(len(sales)) < _SHARE_OF_BLANK_PRICES, "")
    long_tips = (sales["kind"] == "tips") & (sales["years"] == 30)
    security_type = sales["kind"].map({"bill": "Bill", "bond": "Bond"}).fillna("Note").mask(long_tips, "Bond")
    auctions = pd.DataFrame(
        {
            "CUSIP": sales["cusip"],
            "Security Type": security_type,
            "Security Term": sales["term"],
            "Auction Date": sales["auction_date"],
            "Issue Date": sales["issue_date"],
            "Maturity Date": sales["maturity_date"],
            "Price per $100": prices,
        }
    ).sort_values(["Auction Date", "CUSIP", "Issue Date"], ignore_index=True)
    return SecurityUniverse(securities, auctions)


def write_auctions(auctions: pd.DataFrame, path: Path) -> None:
    """`market/treasury_auctions.csv`: dates MM/DD/YYYY, price blank where none was published."""
    path.parent.mkdir(parents=True, exist_ok=True)
    auctions.to_csv(path, index=False, date_format="%m/%d/%Y", lineterminator="\n")


def years_to_maturity(securities: pd.DataFrame, days: pd.DatetimeIndex) -> np.ndarray:
    """Remaining life in years, securities x days; negative after maturity."""
    maturity = securities["maturity_date"].to_numpy()[:, None]
    return (maturity - days.to_numpy()[None, :]) / np.timedelta64(1, "D") / 365.25


def simulate_yields(
    rng: np.random.Generator, securities: pd.DataFrame, days: pd.DatetimeIndex
) -> tuple[np.ndarray, np.ndarray]:
    """Yield (percent) and price (dollars per 100; a bill's is its discount rate), securities x days.

    The curve of spring 2020, stylised: bills near zero in March and April, ten years near 0.8%, a level
    that moves about 8 basis points a day in March and 3 later.
    """
    life = np.clip(years_to_maturity(securities, days), 0.02, None)
    kind = securities["kind"].to_numpy()[:, None]
    is_march = np.asarray(days.month == 3)
    level = np.cumsum(rng.normal(size=len(days)) * np.where(is_march, 0.08, 0.03))
    curve = 0.15 + 1.25 * (1 - np.exp(-life / 9)) + level * (1 - np.exp(-life))
    curve = curve + rng.normal(scale=0.02, size=(len(securities), 1))
    curve = np.where(kind == "tips", curve - 0.9, curve)
    bill_rate = np.where(np.arange(len(days)) < 30, 0.05, 0.14) + 0.05 * life
    rate = np.where(kind == "bill", bill_rate, curve)
    coupon = np.where(kind == "frn", rate, securities["coupon_pct"].to_numpy()[:, None])
    discount = (1 + rate / 200) ** (-2 * life)
    safe_rate = np.where(np.abs(rate) < 1e-6, 1e-6, rate)
    price = coupon / safe_rate * 100 * (1 - discount) + 100 * discount
    return rate, np.where(kind == "bill", rate, price)
