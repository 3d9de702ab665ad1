"""Transaction reports of supervisory Treasury TRACE, one file per report date.

Each day's trades come from a random stream of their own, so that memory holds one day at a time and a
world forty times the size needs no more design than this one. A day's trades are made, cancelled, corrected
and reversed; messages that act on an earlier report, and reports that come late, wait for their report date.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from dealer_limits.bond_calendar import business_days
from dealer_limits.pseudo.event_study import CustomerTrades
from dealer_limits.pseudo.securities import years_to_maturity
from dealer_limits.pseudo.soma import SomaWorld, event_days, tick
from dealer_limits.pseudo.trace_files import (
    AS_OF,
    AS_OF_REVERSAL,
    BAD_SIDE,
    BAD_STATUS,
    BUY,
    CANCEL,
    CORRECTED,
    DAY_OF_NUMBER,
    DECIMAL_PRICE,
    NEGATIVE_YIELD,
    NEW_VERSION,
    REVERSAL,
    SELL,
    TRADE,
    YIELD_PRICE,
    Encoder,
)

REPORTS = 2_500_000
# sales to customers in a CUSIP that the Fed buys that day, per award; most are odd lots, too small for the match
SALES_PER_AWARD = 4.0
SALES_PER_AWARD_SHAPE = 2.0
ODD_LOTS = 0.88
# and blocks of more than the Fed took, which no exact match can use: of dealers outside the sample, per award, and as
# many of those in the sample as their sales of the day come to
BLOCKS_PER_AWARD = 0.3
BLOCK_MULTIPLE = (1.1, 3.0)
# what is left of these sales goes to the smallest awards, and below these into odd lots, at most so many
MOST_ODD_LOTS = 20
ODD_LOT_USD = 450_000

# what becomes of a fill in TRACE; the rest is reported once, near the operation's close
FILL_FATES = {
    "split": 0.12,
    "late_execution": 0.16,
    "late_report": 0.02,
    "bundled": 0.03,
    "agency": 0.02,
    "affiliate": 0.01,
    "next_day": 0.01,
}
REPORTED_FATES = ("near_close", "split", "late_execution")
GIVE_UP_SHARE = 0.07
CANCELLED_SHARE, CORRECTED_SHARE, REVERSED_SHARE = 0.015, 0.010, 0.003
REVERSALS_WITHOUT_NUMBER = 0.4
LATE_REPORT_SHARE = 0.008
_DUPLICATED_FILL_SHARE = 0.01
_BAD_ROW_DAYS = range(3, 62, 8)

# thousands of dollars
_ROUND_LOTS = (500, 1000, 1000, 2000, 3000, 5000, 5000, 10000, 10000, 15000, 20000, 25000, 50000, 100000)
_OFF_THE_RUN_LOTS = 10
_OPEN, _CLOSE_OF_DAY = 7 * 3600 + 1800, 17 * 3600 + 1800
# trades per report by kind: an interdealer trade makes two reports, and 4% of trades make one or two more
_TRADES_PER_REPORT = {"sell": 0.265, "buy": 0.265, "interdealer": 0.185, "affiliate": 0.035, "when_issued": 0.02}

# the key of this part's random streams, after the form that the reports belong to
_STREAM = 2956


@dataclass(frozen=True)
class TraceInputs:
    """What the reports are made from. `prices`, `yields`: securities x days; `customer_trades`: at scale 1;
    `tickets`: reports of fills, see `simulate_tickets`; `other_sales`: times the sales to customers of what the
    Fed buys."""

    seed: int
    scale: float
    securities: pd.DataFrame
    roster: pd.DataFrame
    prices: np.ndarray
    yields: np.ndarray
    soma: SomaWorld
    tickets: pd.DataFrame
    customer_trades: CustomerTrades
    other_sales: float = 1.0


def simulate_tickets(rng: np.random.Generator, soma: SomaWorld, roster: pd.DataFrame) -> pd.DataFrame:
    """How each fill reaches TRACE: fill, fate, day (of execution), report_day, second, par_usd,
    filled_par_usd, is_agency, is_affiliate, control_number.

    Fills of dealers that do not report have no ticket. `par_usd` exceeds `filled_par_usd` where the dealer
    reported the fill and another customer's order as one trade.
    """
    fills = soma.fills
    last_day = int(fills["day"].max())
    reported = roster["reports_to_trace"].to_numpy()[fills["dealer"]]
    fate = rng.choice(["near_close", *FILL_FATES], len(fills), p=[1 - sum(FILL_FATES.values()), *FILL_FATES.values()])
    # the window closes before a late message on its last days would arrive
    day = fills["day"].to_numpy()
    cannot_wait = (day > last_day - 3) & np.isin(fate, ["late_report", "next_day"])
    fate[cannot_wait | ((fate == "split") & (fills["par_usd_mn"] < 2))] = "near_close"

    pieces = np.where(fate == "split", rng.integers(2, 4, len(fills)), 1) * reported
    fill = np.repeat(np.arange(len(fills)), pieces)
    tickets = pd.DataFrame({"fill": fill, "fate": fate[fill], "day": day[fill]})
    par = fills["par_usd_mn"].to_numpy()[fill] * 1_000_000
    first = np.r_[True, fill[1:] != fill[:-1]]
    cut = np.floor(par / pieces[fill] * rng.uniform(0.5, 1.2, len(fill)) / 250_000).astype(np.int64) * 250_000
    cut = np.where(first, 0, cut)
    taken = np.bincount(fill, cut, len(fills)).astype(np.int64)
    tickets["filled_par_usd"] = np.where(first, par - taken[fill], cut)
    other_order = rng.integers(1, 60, len(fill)) * 1_000_000
    tickets["par_usd"] = tickets["filled_par_usd"] + np.where(tickets["fate"] == "bundled", other_order, 0)
    tickets = tickets[tickets["filled_par_usd"] > 0]

    n = len(tickets)
    close = soma.operations["close_second"].to_numpy()
    close = close[soma.awards["operation"].to_numpy()[fills["award"].to_numpy()[tickets["fill"]]]]
    lag = np.clip(np.rint(rng.normal(300, 270, n)), -300, 1500)
    lag = np.where(tickets["fate"] == "late_execution", rng.integers(1860, 7200, n), lag)
    tickets["second"] = (close + lag).astype(np.int64)
    tickets["report_day"] = tickets["day"]
    is_late = (tickets["fate"] == "late_report").to_numpy()
    tickets.loc[is_late, "report_day"] += rng.integers(1, 4, is_late.sum())
    tickets["day"] += tickets["fate"] == "next_day"
    tickets["report_day"] = np.maximum(tickets["report_day"], tickets["day"])
    tickets["is_agency"] = tickets["fate"] == "agency"
    tickets["is_affiliate"] = tickets["fate"] == "affiliate"
    tickets = tickets.sort_values(["day", "fill"], kind="stable", ignore_index=True)
    tickets["control_number"] = control_numbers(tickets["day"].to_numpy(), tickets.groupby("day").cumcount().to_numpy())
    return tickets


def control_numbers(day: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Unique numbers of reports: execution day, then position among the day's messages."""
    return (100 + day) * DAY_OF_NUMBER + position


def _pick(rng: np.random.Generator, weights: np.ndarray, size: int) -> np.ndarray:
    """`size` positions drawn with the given weights, with replacement."""
    edges = np.cumsum(weights)
    return np.searchsorted(edges, rng.random(size) * edges[-1], side="right")


def _trade_sizes(rng: np.random.Generator, size: int, lots: int = len(_ROUND_LOTS)) -> np.ndarray:
    """Par in dollars: odd lots below half a million, the first `lots` round lots, whole millions and odd
    amounts in proportion to the largest of these lots."""
    kind = rng.choice(4, size, p=[0.33, 0.32, 0.12, 0.23])
    small = np.rint(np.exp(rng.normal(4.2, 1.2, size))).clip(1, 499)
    round_lots = np.array(_ROUND_LOTS)[rng.integers(0, lots, size)]
    large = _ROUND_LOTS[lots - 1] * np.exp(rng.normal(-2.5, 1.2, size))
    millions = np.maximum(np.rint(large / 1000), 1) * 1000
    odd = np.maximum(np.rint(large), 500)
    thousands = np.select([kind == 0, kind == 1, kind == 2], [small, round_lots, millions], odd)
    return thousands.astype(np.int64) * 1000


class _Day:
    """The trades executed on one day. Positions in arrays: security, dealers as in their tables."""

    def __init__(self, inputs: TraceInputs, day: int, calendar: pd.DatetimeIndex, activity: np.ndarray) -> None:
        self.inputs = inputs
        self.day = day
        self.calendar = calendar
        self.rng = np.random.default_rng(np.random.SeedSequence([inputs.seed, _STREAM, day]))
        date = calendar[day]
        securities = inputs.securities
        issued = (securities["issue_date"] <= date).to_numpy()
        alive = (securities["maturity_date"] > date).to_numpy()
        announced = (securities["first_auction_date"] <= date + pd.Timedelta(days=4)).to_numpy()
        self.when_issued = np.flatnonzero(announced & ~issued)
        self.is_bill = (securities["kind"] == "bill").to_numpy()
        newness = (date - securities["issue_date"]).dt.days.to_numpy()
        benchmark = (newness >= 0) & (newness < 35) & ~self.is_bill
        self.activity = np.where(issued & alive, activity * np.where(benchmark, 30.0, 1.0), 0.0)
        awards = inputs.soma.awards
        awards = awards[awards["day"] == day]
        self.bought = awards["security"].to_numpy()
        self.bought_usd_mn = awards["par_usd_mn"].to_numpy()
        self.is_reported = awards.index.isin(self._awards_reported())
        reporters = inputs.roster["customer_weight"].to_numpy()
        plan = inputs.soma.dealer_days
        sample = plan.sells.shape[1]
        is_idle = np.r_[plan.is_idle[day], np.zeros(len(reporters) - sample, dtype=bool)]
        self.reporters = np.where(is_idle, 0.0, reporters)
        self.clearing = np.flatnonzero(inputs.roster["is_clearing"])
        self.platforms = np.flatnonzero(inputs.roster["is_platform"])

    def _awards_reported(self) -> np.ndarray:
        """Awards with a fill that was reported as what it is, to which the match comes before it goes by price."""
        tickets = self.inputs.tickets
        found = tickets[(tickets["day"] == self.day) & tickets["fate"].isin(REPORTED_FATES)]
        return self.inputs.soma.fills["award"].to_numpy()[found["fill"]]

    def trades(self, reports: int) -> pd.DataFrame:
        """All trades of the day, each as its final version, fills of the Fed's purchases first."""
        count = {kind: round(reports * share) for kind, share in _TRADES_PER_REPORT.items()}
        frames = [
            self._fills(),
            self._customer_sales(count["sell"]),
            self._customer_buys(count["buy"]),
            self._affiliate_trades(count["affiliate"]),
            self._when_issued_trades(count["when_issued"]),
        ]
        frames = [self._give_up(frame) for frame in frames]
        frames += self._interdealer(count["interdealer"])
        trades = pd.concat(frames, ignore_index=True)
        size = len(trades)
        late = ~trades["is_fill"].to_numpy() & (self.rng.random(size) < LATE_REPORT_SHARE)
        trades.loc[late, "report_day"] += self.rng.integers(1, 4, late.sum())
        delay = self.rng.exponential(240, size).astype(np.int64)
        trades["report_second"] = np.minimum(trades["second"] + delay, 86_000)
        trades["as_of"] = np.where(trades["report_day"] > self.day, AS_OF, -1)
        trades["status"] = TRADE
        trades["control_number"] = control_numbers(self.day, np.arange(size))
        trades["previous"] = np.int64(0)
        trades["previous_day"] = 0
        return trades

    def _frame(self, security: np.ndarray, reporter: np.ndarray, side: int, contra: np.ndarray | int) -> pd.DataFrame:
        size = len(security)
        peak = self.rng.beta(1.7, 1.9, size)
        return pd.DataFrame(
            {
                "security": security,
                "reporter": reporter,
                "reporter_give_up": -1,
                "contra": contra,
                "contra_give_up": -1,
                "side": side,
                "par_usd": _trade_sizes(self.rng, size),
                "second": (_OPEN + peak * (_CLOSE_OF_DAY - _OPEN)).astype(np.int64),
                "report_day": self.day,
                "is_agency": self.rng.random(size) < 0.04,
                "is_when_issued": False,
                "is_platform": self.rng.random(size) < 0.06,
                "is_fill": False,
                "price": np.int64(0),
                "price_type": DECIMAL_PRICE,
            }
        )

    def _price(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Prices around the day's level: dollars for coupons, the discount rate for bills, the yield before
        issue; below zero the rate's magnitude with the type that says so."""
        security = frame["security"].to_numpy()
        noise = self.rng.normal(size=len(frame))
        life = years_to_maturity(self.inputs.securities.iloc[security], self.calendar[[self.day]])[:, 0]
        is_customer = (frame["contra"] == self.customer).to_numpy()
        markup = np.where(is_customer, np.where(frame["side"] == SELL, 0.15, -0.15), 0.0)
        dispersion = np.interp(life, [0, 2, 5, 10, 30], [0.005, 0.012, 0.03, 0.06, 0.16])
        price = self.inputs.prices[security, self.day] + dispersion * (noise + markup)
        rate = self.inputs.yields[security, self.day] + 0.03 * noise
        is_rate = self.is_bill[security] | frame["is_when_issued"].to_numpy()
        micros = np.where(is_rate, np.rint(np.abs(rate) * 1000).astype(np.int64) * 1000, tick(price))
        price_type = np.where(frame["is_when_issued"], YIELD_PRICE, DECIMAL_PRICE)
        price_type[is_rate & (rate < 0)] = NEGATIVE_YIELD
        return frame.assign(price=micros, price_type=price_type)

    @property
    def customer(self) -> int:
        return len(self.inputs.roster)

    @property
    def affiliate(self) -> int:
        return len(self.inputs.roster) + 1

    def _securities(self, size: int, share_bought: float) -> np.ndarray:
        """CUSIPs drawn by activity, a share of them among those that the Fed buys today."""
        is_bought = np.zeros(len(self.activity), dtype=bool)
        is_bought[self.bought] = True
        inside = self.rng.random(size) < share_bought
        drawn = _pick(self.rng, np.where(is_bought, 0.0, self.activity), size)
        drawn[inside] = _pick(self.rng, is_bought.astype(float), inside.sum())
        return drawn

    def _fills(self) -> pd.DataFrame:
        tickets = self.inputs.tickets
        tickets = tickets[tickets["day"] == self.day]
        fills = self.inputs.soma.fills.iloc[tickets["fill"]]
        frame = self._frame(fills["security"].to_numpy(), fills["dealer"].to_numpy(), SELL, self.customer)
        return frame.assign(
            contra=np.where(tickets["is_affiliate"], self.affiliate, self.customer),
            par_usd=tickets["par_usd"].to_numpy(),
            second=tickets["second"].to_numpy(),
            report_day=tickets["report_day"].to_numpy(),
            is_agency=tickets["is_agency"].to_numpy(),
            is_platform=False,
            is_fill=True,
            price=fills["price"].to_numpy(),
        )

    def _customer_sales(self, size: int) -> pd.DataFrame:
        wanted = SALES_PER_AWARD * self.rng.gamma(SALES_PER_AWARD_SHAPE, 1 / SALES_PER_AWARD_SHAPE, len(self.bought))
        ordinary = np.repeat(self.bought, self.rng.poisson(wanted * self.inputs.other_sales))
        ordinary_by = _pick(self.rng, self.reporters, len(ordinary))
        award, block_by, block_par = self._blocks()
        in_awards = len(ordinary) + len(award)
        elsewhere = self._securities(max(size - in_awards, 0), 0.0)
        reporter = np.r_[ordinary_by, block_by, _pick(self.rng, self.reporters, len(elsewhere))]
        frame = self._frame(np.r_[ordinary, self.bought[award], elsewhere], reporter, SELL, self.customer)
        par = frame["par_usd"].to_numpy()[in_awards:]
        ordinary_par = _trade_sizes(self.rng, len(ordinary), _OFF_THE_RUN_LOTS)
        # a dealer that sells nothing to the Fed that day has odd lots only
        sells = np.r_[self.inputs.soma.sales_usd_mn[self.day] > 0, True]
        is_odd_lot = self.rng.random(len(ordinary)) < ODD_LOTS
        is_odd_lot |= ~sells[np.minimum(ordinary_by, len(sells) - 1)]
        odd_lots = self.rng.integers(5, ODD_LOT_USD // 1000, len(ordinary)) * 1000
        ordinary_par = np.where(is_odd_lot, odd_lots, ordinary_par)
        return self._price(frame.assign(par_usd=np.r_[ordinary_par, block_par, par]))

    def _blocks(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Award, dealer and par in dollars of large sales of what the Fed buys: those of a sample dealer add up to its
        sales of the day."""
        low, high = BLOCK_MULTIPLE
        awards = len(self.bought)
        times = self.inputs.other_sales
        target = self.inputs.customer_trades.other_sales_in[self.day] * self.inputs.scale * times / 1e6
        target = np.where(self.inputs.soma.dealer_days.is_idle[self.day], 0, np.rint(target)).astype(np.int64)
        outside = np.where(np.arange(len(self.reporters)) < len(target), 0.0, self.reporters)
        award = np.repeat(np.arange(awards), self.rng.poisson(BLOCKS_PER_AWARD * times, awards))
        par = np.ceil(self.bought_usd_mn[award] * self.rng.uniform(low, high, len(award))).astype(np.int64)
        parts = [(award, _pick(self.rng, outside, len(award)), par * 1_000_000)]
        sells = self.inputs.soma.sales_usd_mn[self.day] > 0
        for dealer, wanted in enumerate(target):
            # who sells nothing to the Fed stays out of what the match would look for sellers of, by price alone
            open_to = np.arange(awards) if sells[dealer] else np.flatnonzero(self.is_reported)
            # more than enough, and of these as many as fit
            drawn = self.rng.permutation(np.tile(open_to, 1 + wanted // int(self.bought_usd_mn.sum())))
            par = np.ceil(self.bought_usd_mn[drawn] * self.rng.uniform(low, high, len(drawn))).astype(np.int64)
            fits = np.cumsum(par) <= wanted
            left = wanted - par[fits].sum()
            from_small = open_to[np.argsort(self.bought_usd_mn[open_to], kind="stable")]
            smaller = from_small[self.bought_usd_mn[from_small] < left]
            if len(smaller):
                last = smaller[-1:], np.array([left * 1_000_000])
            else:
                pieces = min(int(left) * 1_000_000 // ODD_LOT_USD, MOST_ODD_LOTS)
                last = self.rng.integers(0, awards, pieces), np.full(pieces, ODD_LOT_USD)
            award = np.r_[drawn[fits], last[0]]
            parts.append((award, np.full(len(award), dealer), np.r_[par[fits] * 1_000_000, last[1]]))
        award, dealer, par = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return award, dealer, par

    def _customer_buys(self, size: int) -> pd.DataFrame:
        security = self._securities(size, 0.47)
        reporter = _pick(self.rng, self.reporters, size)
        frame = self._frame(security, reporter, BUY, self.customer)
        # sample dealers' buys add up to what was planned for the day, to the nearest thousand a trade
        planned = self.inputs.customer_trades
        target = np.r_[planned.buys_out[self.day], planned.buys_in[self.day]] * self.inputs.scale
        sample = len(target) // 2
        is_sample = reporter < sample
        cell = reporter[is_sample] + sample * np.isin(security[is_sample], self.bought)
        weight = np.exp(self.rng.normal(scale=1.2, size=len(cell)))
        share = weight / np.bincount(cell, weight, len(target))[cell]
        par = frame["par_usd"].to_numpy().copy()
        par[is_sample] = np.maximum(np.rint(target[cell] * share / 1000).astype(np.int64), 1) * 1000
        return self._price(frame.assign(par_usd=par))

    def _affiliate_trades(self, size: int) -> pd.DataFrame:
        reporter = _pick(self.rng, self.reporters, size)
        frame = self._frame(self._securities(size, 0.3), reporter, SELL, self.affiliate)
        return self._price(frame.assign(side=self.rng.integers(0, 2, size)))

    def _when_issued_trades(self, size: int) -> pd.DataFrame:
        size = size if len(self.when_issued) else 0
        security = self.when_issued[self.rng.integers(0, max(len(self.when_issued), 1), size)]
        frame = self._frame(security, _pick(self.rng, self.reporters, size), SELL, self.customer)
        return self._price(frame.assign(side=self.rng.integers(0, 2, size), is_when_issued=True))

    def _interdealer(self, size: int) -> list[pd.DataFrame]:
        """Trades between members, which both sides report; some through a platform."""
        seller = _pick(self.rng, self.reporters, size)
        buyer = _pick(self.rng, self.reporters, size)
        buyer = np.where(buyer == seller, (buyer + 1) % 10, buyer)
        on_platform = self.rng.random(size) < 0.45
        platform = self.platforms[self.rng.integers(0, len(self.platforms), size)]
        buyer = np.where(on_platform & (self.rng.random(size) < 0.5), platform, buyer)
        frame = self._frame(self._securities(size, 0.2), seller, SELL, buyer)
        sold = self._give_up(self._price(frame.assign(is_platform=on_platform)))
        bought = sold.assign(
            side=BUY,
            reporter=sold["contra"],
            reporter_give_up=sold["contra_give_up"],
            contra=sold["reporter"],
            contra_give_up=sold["reporter_give_up"],
            second=sold["second"] + self.rng.integers(-2, 3, size),
        )
        return [sold, bought]

    def _give_up(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Some dealers' trades are reported by a clearing firm, which names them as given up."""
        given_up = self.rng.random(len(frame)) < GIVE_UP_SHARE
        clearing = self.clearing[self.rng.integers(0, len(self.clearing), len(frame))]
        given_up &= frame["reporter"].to_numpy() != clearing
        return frame.assign(
            reporter_give_up=np.where(given_up, frame["reporter"], -1),
            reporter=np.where(given_up, clearing, frame["reporter"]),
        )

    def messages(self, trades: pd.DataFrame) -> pd.DataFrame:
        """The trades' reports with what cancels, corrects and reverses them.

        A trade in its final version keeps its control number. A corrected trade was first reported wrongly
        (T), the wrong report is cancelled (C) and the right one replaces it (R). X, C and Y repeat the
        attributes of the report that they act on.
        """
        rng = self.rng
        draw = rng.random(len(trades))
        is_fill = trades["is_fill"].to_numpy()
        cancelled = ~is_fill & (draw < CANCELLED_SHARE)
        corrected = (draw >= CANCELLED_SHARE) & (draw < CANCELLED_SHARE + CORRECTED_SHARE)
        reversed_ = ~is_fill & (draw > 1 - REVERSED_SHARE)
        # a fill now and then was reported twice and the second report cancelled
        twice = trades[is_fill & (rng.random(len(trades)) < _DUPLICATED_FILL_SHARE)]
        twice = twice.assign(control_number=self._numbers(trades, len(twice), 0))
        next_number = len(twice)

        def acting(on: pd.DataFrame, status: int, mean_wait: float, **changes: object) -> pd.DataFrame:
            nonlocal next_number
            numbers = self._numbers(trades, len(on), next_number)
            next_number += len(on)
            wait = 5 + rng.exponential(mean_wait, len(on)).astype(np.int64)
            values = {
                "status": status,
                "previous": on["control_number"],
                "previous_day": on["report_day"],
                "control_number": numbers,
                "report_second": np.minimum(on["report_second"] + wait, 86_399),
            }
            return on.assign(**{**values, **changes})

        cancels = acting(pd.concat([trades[cancelled], twice]), CANCEL, 1800)
        final = trades[corrected]
        wrong_price = rng.random(len(final)) < 0.5
        numbers = self._numbers(trades, len(final), next_number)
        next_number += len(final)
        first_version = final.assign(
            control_number=numbers,
            price=final["price"] + np.where(wrong_price, 1_000_000, 0),
            par_usd=np.where(wrong_price, final["par_usd"], final["par_usd"] * 10),
        )
        cancelled_corrections = acting(first_version, CORRECTED, 900)
        new_versions = final.assign(
            status=NEW_VERSION,
            previous=first_version["control_number"],
            previous_day=first_version["report_day"],
            report_second=cancelled_corrections["report_second"],
        )
        mistaken = trades[reversed_]
        size = len(mistaken)
        days_later = np.where(rng.random(size) < 0.5, rng.integers(1, 6, size), rng.integers(21, 36, size))
        reversals = acting(mistaken, REVERSAL, 3600, as_of=AS_OF_REVERSAL)
        reversals["report_day"] += days_later
        reversals.loc[rng.random(size) < REVERSALS_WITHOUT_NUMBER, "previous"] = 0
        corrections = [first_version, cancelled_corrections, new_versions]
        return pd.concat([trades[~corrected], twice, cancels, *corrections, reversals], ignore_index=True)

    def _numbers(self, trades: pd.DataFrame, size: int, offset: int) -> np.ndarray:
        return control_numbers(self.day, len(trades) + offset + np.arange(size))


def _bad_rows(rng: np.random.Generator, reports: pd.DataFrame, dealers: int) -> pd.DataFrame:
    """Five copies of interdealer reports, each damaged so that staging must reject it."""
    between_members = reports[(reports["contra"] < dealers) & (reports["status"] == TRADE)]
    rows = between_members.iloc[rng.choice(len(between_members), 5, replace=False)].copy()
    numbers = rows["control_number"].to_numpy() + 9 * 10**8
    # the fourth repeats another report's control number
    numbers[3] -= 9 * 10**8
    rows["control_number"] = numbers
    rows["security"] = np.r_[-1, rows["security"].to_numpy()[1:]]
    par = rows["par_usd"].to_numpy()
    rows["par_usd"] = np.r_[par[0], -par[1], par[2:]]
    side, status = rows["side"].to_numpy(), rows["status"].to_numpy()
    rows["side"] = np.r_[side[:2], BAD_SIDE, side[3:]]
    rows["status"] = np.r_[status[:4], BAD_STATUS]
    return rows


def report_files(inputs: TraceInputs) -> Iterator[tuple[pd.Timestamp, pa.Table]]:
    """The reports of each report date in the window, in order of the time of the report."""
    days = event_days()
    calendar = business_days("2020-03-16", "2020-12-31")
    intensity = np.where(days.month == 3, 1.5, np.where(days.month == 4, 1.0, 0.83))
    per_day = REPORTS * inputs.scale * intensity / intensity.sum()
    encoder = Encoder(inputs.roster, inputs.securities, calendar)
    activity = np.random.default_rng(np.random.SeedSequence([inputs.seed, _STREAM])).gamma(
        0.8, size=len(inputs.securities)
    )
    waiting = pd.DataFrame()
    for day in range(len(days)):
        market = _Day(inputs, day, calendar, activity)
        made = market.messages(market.trades(per_day[day]))
        made["day"] = day
        waiting = pd.concat([waiting, made[made["report_day"] > day]], ignore_index=True)
        due = waiting["report_day"] == day
        reports = pd.concat([made[made["report_day"] == day], waiting[due]], ignore_index=True)
        waiting = waiting[~due]
        if day in _BAD_ROW_DAYS:
            reports = pd.concat([reports, _bad_rows(market.rng, reports, len(inputs.roster))], ignore_index=True)
        # a correction's new version follows the cancellation of the old one
        is_new_version = reports["status"] == NEW_VERSION
        order = np.lexsort((reports["control_number"], is_new_version, reports["report_second"]))
        reports = reports.iloc[order]
        yield days[day], encoder.table(market.rng, reports, day)
