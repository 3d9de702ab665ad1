"""Public files of a window of days: from where each is had, and where it belongs among the raw files."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

from dealer_limits.sources.files import refusal

SOURCES = ("soma", "fr_y9c", "market")

_JSON = ("application/json",)
_CSV = ("text/csv", "application/csv", "text/plain", "application/octet-stream")
_ZIP = ("application/zip", "application/x-zip-compressed", "application/octet-stream")

_SOMA = "https://markets.newyorkfed.org/api/tsy/all/results/details/search.json"
_FR_Y9C = "https://www.ffiec.gov/npw/FinancialReport/ReturnBHCFZipFiles"
_YIELDS = "https://fred.stlouisfed.org/graph/fredgraph.csv"
_AUCTIONS = "https://api.fiscaldata.treasury.gov/services/api/fiscal_service/v1/accounting/od/auctions_query"
# all auctions since 1979 are little more than this, so that those of one window are one page
_MOST_AUCTIONS = 10_000

# columns of `market.treasury_securities`, and what the Treasury's API calls them; the type is made of flags too
_AUCTION_FIELDS = {
    "CUSIP": "cusip",
    "Security Type": "security_type",
    "Security Term": "security_term",
    "Auction Date": "auction_date",
    "Issue Date": "issue_date",
    "Maturity Date": "maturity_date",
    "Price per $100": "price_per100",
}
_AUCTION_TYPES = {"inflation_index_security": "TIPS", "floating_rate": "FRN", "cash_management_bill_cmb": "CMB"}


@dataclass(frozen=True)
class Window:
    """Days from `start` to `end`, both included."""

    start: date
    end: date

    def hull(self, other: Window) -> Window:
        """The window that holds both."""
        return Window(min(self.start, other.start), max(self.end, other.end))


@dataclass(frozen=True)
class PublicFile:
    """A file to fetch: `url` serves one of `types`, and `place` makes of what it served the file `name` of `source`.

    is_one: the file holds all that is known of its table, whatever the window.
    """

    source: str
    name: str
    url: str
    types: tuple[str, ...]
    window: Window
    place: Callable[[Path, Path], None] = Path.replace
    is_one: bool = False
    by_hand: str = ""

    @property
    def key(self) -> str:
        return f"{self.source}/{self.name}"


def plan_files(window: Window, sources: tuple[str, ...], known: Mapping[str, Window]) -> list[PublicFile]:
    """The files of some sources that a window needs.

    known: the windows of files that were fetched before, by `source/name`; a file that holds a whole table is
    fetched for its own window and the new one, so that it never loses days.
    """
    makers = {"soma": _soma, "fr_y9c": _fr_y9c, "market": _market}
    return [file for source in sources for file in makers[source](window, known)]


def _soma(window: Window, known: Mapping[str, Window]) -> Iterator[PublicFile]:
    """A file per calendar month: a search of years in detail is more than is served at once."""
    start = window.start
    while start <= window.end:
        end = min(_month_end(start), window.end)
        query = urlencode({"startDate": start, "endDate": end, "securityType": "treasury"})
        name = f"treasury_operations_{start}_{end}.json"
        yield PublicFile("soma", name, f"{_SOMA}?{query}", _JSON, Window(start, end))
        start = end + timedelta(days=1)


def _fr_y9c(window: Window, known: Mapping[str, Window]) -> Iterator[PublicFile]:
    """From the quarter end before the window, since the leverage ratio of the quarter before counts."""
    day = window.start.replace(day=1) - timedelta(days=1)
    while day.month % 3:
        day = day.replace(day=1) - timedelta(days=1)
    while day <= window.end:
        name = f"BHCF{day:%Y%m%d}.zip"
        yield PublicFile("fr_y9c", name, f"{_FR_Y9C}?zipfilename={name}", _ZIP, Window(day, day))
        for _ in range(3):
            day = _month_end(day + timedelta(days=1))


def _market(window: Window, known: Mapping[str, Window]) -> Iterator[PublicFile]:
    name = "DGS10.csv"
    days = _widened(window, f"market/{name}", known)
    query = urlencode({"id": "DGS10", "cosd": days.start, "coed": days.end})
    yield PublicFile("market", name, f"{_YIELDS}?{query}", _CSV, days, place_yields, is_one=True)

    name = "treasury_auctions.csv"
    days = _widened(window, f"market/{name}", known)
    # what was outstanding: the Fed buys securities that were auctioned up to thirty years before
    query = urlencode(
        {
            "fields": ",".join([*_AUCTION_FIELDS.values(), *_AUCTION_TYPES]),
            "filter": f"maturity_date:gte:{days.start},auction_date:lte:{days.end}",
            "sort": "auction_date,cusip",
            "format": "json",
            "page[size]": _MOST_AUCTIONS,
        },
        safe=",:[]",
        quote_via=quote,
    )
    columns = ", ".join(_AUCTION_FIELDS)
    yield PublicFile(
        *("market", name, f"{_AUCTIONS}?{query}", _JSON, days, write_auctions, True),
        by_hand=f"as CSV with the columns {columns}; TIPS, FRN and CMB are types of their own",
    )


def place_yields(served: Path, target: Path) -> None:
    """Move what was served into its place. Raises DealerLimitsError where its last line has no end: more was meant."""
    if not served.read_bytes().endswith(b"\n"):
        raise refusal(f"market/{target.name}", "the last line has no end", "expected a whole file")
    served.replace(target)


def write_auctions(served: Path, target: Path) -> None:
    """Write the auctions that the Treasury's API served as the CSV file that the contract names.

    Raises DealerLimitsError for another shape, or where a page does not hold them all.
    """
    unknown = refusal(f"market/{target.name}", "what was served is of another shape", "expected data and meta in JSON")
    try:
        document = json.loads(served.read_text(encoding="utf-8"))
        rows, count = document["data"], int(document["meta"]["total-count"])
        auctions = [[_text(row[field]) for field in _AUCTION_FIELDS.values()] for row in rows]
        kinds = [[kind for flag, kind in _AUCTION_TYPES.items() if row[flag] == "Yes"] for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise unknown from error
    if count != len(rows):
        raise refusal(
            f"market/{target.name}", f"{len(rows)} of {count} auctions were served", "expected all: a shorter window"
        )
    place = list(_AUCTION_FIELDS).index("Security Type")
    for auction, of_kind in zip(auctions, kinds, strict=True):
        auction[place] = (of_kind or [auction[place]])[0]
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_AUCTION_FIELDS)
        writer.writerows(auctions)
    served.unlink()


def _text(value: str | None) -> str:
    """The API writes a missing value as the word null."""
    return "" if value in (None, "null") else str(value)


def _widened(window: Window, key: str, known: Mapping[str, Window]) -> Window:
    return window.hull(known[key]) if key in known else window


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
