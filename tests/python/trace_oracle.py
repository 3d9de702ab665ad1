"""Which TRACE reports stand, in plain Python, written from the description of the layouts, not from the SQL.

A message undoes a report by a link: the control date and number that it names (its previous ones) or that it
carries (a cancel X and the old half C of a correction). Never what was entered after it.

1. A link with a date is that report.
2. A link without one may be of any day. The report is of the message's CUSIP and, where the message has a
   time of execution, of its day. A number that the message carries must be that of a report with the same
   side and parties, and the same time where both have one. Of several the report that agrees in most
   fields; a tie undoes nothing.
3. A message without a link, in the order of entry, undoes the first report like it in every field that is
   left. One whose par or price is not known undoes the only report that fits the other fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

FIELDS = ("cusip", "executed_day", "executed_time", "side", "par", "price", "party", "contra")


@dataclass(frozen=True)
class Entry:
    """A row of a file. entered: seconds from the first day. day: the control date, `is_dated` if stated.

    is_bad: staging rejects it, for its par or its price, which are None then.
    """

    day: int
    number: int
    status: str
    entered: int
    cusip: str
    executed_day: int
    executed_time: int | None
    side: str
    par: int | None
    price: int | None
    party: str
    contra: str
    is_dated: bool = False
    is_as_of_reversal: bool = False
    previous_day: int | None = None
    previous_number: int | None = None

    @property
    def key(self) -> tuple[int, int]:
        return self.day, self.number

    @property
    def is_report(self) -> bool:
        return self.status in "TR" and not self.is_as_of_reversal

    @property
    def is_message(self) -> bool:
        return self.status != "T" or self.is_as_of_reversal

    @property
    def is_bad(self) -> bool:
        return self.par is None or self.price is None

    @property
    def like(self) -> tuple:
        return tuple(getattr(self, field) for field in FIELDS)


def undone(entries: Sequence[Entry]) -> set[tuple[int, int]]:
    """Keys of the reports that messages undo, among those that staging accepts."""
    reports = sorted((e for e in entries if e.is_report and not e.is_bad), key=lambda e: (e.entered, e.key))
    messages = sorted({e for e in entries if e.is_message}, key=lambda e: (e.entered, e.key, e.status))
    by_link: set[tuple[int, int]] = set()
    without_link = []
    for message in messages:
        found = [report for link in _links(message) for report in _linked(message, reports, *link)]
        by_link |= {report.key for report in found}
        if not found and message.previous_number is None and message.status != "R":
            without_link.append(message)
    left = [report for report in reports if report.key not in by_link]
    gone = set(by_link)
    for message in without_link:
        fitting = [r for r in left if r.key not in gone and r.entered <= message.entered]
        same = [report for report in fitting if report.like == message.like]
        if same and not message.is_bad:
            gone.add(same[0].key)
    after_equals = [report for report in left if report.key not in gone]
    for message in without_link:
        if message.is_bad:
            fitting = [
                report
                for report in after_equals
                if report.entered <= message.entered
                and all(
                    getattr(report, field) == getattr(message, field)
                    or (field in ("par", "price") and getattr(message, field) is None)
                    for field in FIELDS
                )
            ]
            if len(fitting) == 1:
                gone.add(fitting[0].key)
    return gone


def _links(message: Entry) -> Iterator[tuple[int | None, int, bool]]:
    """(day or None, number, whether the message carries it)."""
    if message.previous_number is not None:
        yield message.previous_day, message.previous_number, False
    if message.status in "XC":
        yield message.day if message.is_dated else None, message.number, True


def _linked(message: Entry, reports: Sequence[Entry], day: int | None, number: int, is_own: bool) -> list[Entry]:
    found = [
        report
        for report in reports
        if report.number == number
        and report.entered <= message.entered
        and not (message.status == "R" and report.key == message.key)
    ]
    if day is not None:
        return [report for report in found if report.day == day]
    found = [
        report
        for report in found
        if report.cusip == message.cusip
        and (message.executed_time is None or report.executed_day == message.executed_day)
    ]
    if is_own:
        found = [
            report
            for report in found
            if (report.side, report.party, report.contra) == (message.side, message.party, message.contra)
            and (None in (times := (report.executed_time, message.executed_time)) or times[0] == times[1])
        ]
    agreements = [
        sum(
            getattr(report, field) is not None and getattr(report, field) == getattr(message, field) for field in FIELDS
        )
        for report in found
    ]
    best = [report for report, count in zip(found, agreements, strict=True) if count == max(agreements, default=0)]
    return best if len(best) == 1 else []
