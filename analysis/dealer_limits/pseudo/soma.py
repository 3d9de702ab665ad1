"""The Fed's purchase operations of March to June 2020: who sold how much of what, at which price.

Built from the dealers up. Who sells, and a dealer's part of the day's purchases, are planned from its limit usage
of the day before (event_study.py); the day's sales are cut into fills, the fills dealt to awards, and an award is
the sum of its fills, so that dealer totals are exactly as planted and awards are as hard to take apart as real ones.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from dealer_limits.bond_calendar import business_days
from dealer_limits.pseudo.event_study import DIGITS, DealerDays, plan_dealer_days
from dealer_limits.pseudo.parameters import Parameters
from dealer_limits.pseudo.securities import years_to_maturity

EVENT_START = "2020-03-16"
EVENT_END = "2020-06-11"
PURCHASED_CUSIPS = 347
PURCHASED_CUSIP_DAYS = 6410
CUSIP_DAYS_BOUGHT_TWICE = 60
MEAN_AWARD_USD_MN = 133.5

LIVES = ("short", "middle", "long")
LEAST_SEEN = 0.25
# dealers outside the sample have no usage: they sell on as many days, in sizes of their own
OTHERS_SALE_PROBABILITY = 0.82
OTHERS_LOG_SALES_SPREAD, OTHERS_LOG_SALES_NOISE = 1.5, 0.35
FILLS_PER_AWARD = (0.48, 0.27, 0.13, 0.06, 0.04, 0.02)


@dataclass(frozen=True)
class MaturityBucket:
    """Securities that one operation buys: remaining life in [from_years, to_years), nominal or TIPS."""

    from_years: float
    to_years: float
    kind: str = "coupon"


BUCKETS: tuple[MaturityBucket, ...] = (
    MaturityBucket(0.08, 2.25),
    MaturityBucket(2.25, 4.5),
    MaturityBucket(4.5, 7),
    MaturityBucket(7, 20),
    MaturityBucket(20, 31),
    MaturityBucket(0.08, 7.5, "tips"),
    MaturityBucket(7.5, 31, "tips"),
)
_CLOSE_TIMES = ("10:15", "10:45", "11:00", "11:45", "12:30", "13:15", "14:15")
_SECOND_OPERATION_CLOSE = "15:00"
_LAST_PUBLICATION = "2020-06-19"
_DAYS_WITH_SECOND_OPERATION = range(2, 12)

# before the window the Fed bought bills each week, at discount rates that fell
_BILL_DAYS = business_days("2020-02-05", "2020-03-11")
_BILL_RATES_PCT = (1.55, 0.4)
_BILLS_PER_OPERATION = 8


@dataclass(frozen=True)
class SomaWorld:
    """Operations, awards and fills of the event window.

    operations: operation_id, day (index), bucket, close_second, is_second.
    included: operation, security (row numbers) and whether it is excluded from the operation.
    awards: operation, day, security (row numbers), par_usd_mn, average_price, highest_price (millionths of
    a dollar). fills: award, dealer, day, security, par_usd_mn, price (millionths).
    sales_usd_mn: days x dealers. dealer_days: the plan of the sample dealers.
    """

    operations: pd.DataFrame
    included: pd.DataFrame
    awards: pd.DataFrame
    fills: pd.DataFrame
    sales_usd_mn: np.ndarray
    dealer_days: DealerDays


def event_days() -> pd.DatetimeIndex:
    return business_days(EVENT_START, EVENT_END)


def apportion(totals: np.ndarray, weights: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Integers that add up to `totals[g]` in each group g, by largest remainder of the weights' shares."""
    share = totals[groups] * weights / np.bincount(groups, weights, len(totals))[groups]
    whole = np.floor(share).astype(np.int64)
    missing = totals - np.bincount(groups, whole, len(totals)).astype(np.int64)
    order = np.lexsort((whole - share, groups))
    whole[order] += _rank_in_group(groups[order]) < missing[groups[order]]
    return whole


def _rank_in_group(sorted_groups: np.ndarray) -> np.ndarray:
    """0, 1, 2... within each run of equal values."""
    starts = np.flatnonzero(np.r_[True, sorted_groups[1:] != sorted_groups[:-1]])
    run_lengths = np.diff(np.r_[starts, len(sorted_groups)])
    return np.arange(len(sorted_groups)) - np.repeat(starts, run_lengths)


def daily_purchases(rng: np.random.Generator, days: int, parameters: Parameters) -> np.ndarray:
    """Relative par bought per day: three days at 46, three at 80, then a long decline, with noise of the day."""
    opening = [46.0, 46, 46, 80, 80, 80]
    floor = parameters["sale_days_floor"]
    decline = (80 - 17.5 - floor) * 0.87 ** np.arange(days - len(opening)) + floor
    return np.r_[opening, decline] * np.exp(parameters["sale_days_noise"] * rng.normal(size=days))


def _membership(securities: pd.DataFrame, days: pd.DatetimeIndex) -> np.ndarray:
    """Bucket of each security on each day (securities x days), -1 where it cannot be bought."""
    life = years_to_maturity(securities, days)
    kind = securities["kind"].to_numpy()
    issued = securities["issue_date"].to_numpy()[:, None] <= days.to_numpy()[None, :]
    bucket = np.full(life.shape, -1)
    for number, rule in enumerate(BUCKETS):
        kinds = ["tips"] if rule.kind == "tips" else ["note", "bond"]
        eligible = issued & (life >= rule.from_years) & (life < rule.to_years)
        bucket[eligible & np.isin(kind, kinds)[:, None]] = number
    return bucket


def _active_buckets(days: pd.DatetimeIndex) -> np.ndarray:
    """Days x buckets: all in March, five of seven in rotation in April, three later."""
    per_day = np.select([days.month == 3, days.month == 4], [7, 5], 3)
    turn = (np.arange(len(BUCKETS))[None, :] - 3 * np.arange(len(days))[:, None]) % len(BUCKETS)
    return turn < per_day[:, None]


def _newest_of_term(securities: pd.DataFrame, days: pd.DatetimeIndex) -> np.ndarray:
    """Securities x days: the most recently issued of its kind and term, which the Fed leaves alone."""
    issue = securities["issue_date"].to_numpy()[:, None]
    issued = np.where(issue <= days.to_numpy()[None, :], issue.astype("int64"), 0)
    newest = np.zeros(issued.shape, dtype=bool)
    for rows in securities.groupby(["kind", "years"]).indices.values():
        newest[rows] = (issued[rows] == issued[rows].max(axis=0)) & (issued[rows] > 0)
    return newest


def _choose_purchases(
    rng: np.random.Generator, buyable: np.ndarray, cusip_days: int, shape: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Day and security of each purchase: `cusip_days` pairs over exactly PURCHASED_CUSIPS securities, each
    bought at least once (fewer securities when there are fewer than three pairs for each)."""
    days = buyable.shape[1]
    every_security_once = cusip_days >= 3 * PURCHASED_CUSIPS
    weight = rng.gamma(2.0, size=len(buyable))
    candidates = np.flatnonzero(buyable.sum(axis=1) >= 3)
    chosen = rng.choice(candidates, PURCHASED_CUSIPS, replace=False)
    buyable = buyable & np.isin(np.arange(len(buyable)), chosen)[:, None]

    room = buyable.sum(axis=0)
    wanted = 1 + apportion(np.array([cusip_days - days]), shape**0.6, np.zeros(days, dtype=int))
    while (excess := np.maximum(wanted - room, 0)).sum() > 0:
        wanted = np.minimum(wanted, room)
        spare = np.maximum(room - wanted, 0).astype(float)
        if spare.sum() == 0:
            break
        extra = min(excess.sum(), int(spare.sum()))
        wanted = wanted + apportion(np.array([extra]), spare, np.zeros(days, dtype=int))

    key = np.log(weight)[:, None] + rng.gumbel(size=buyable.shape)
    key[~buyable] = -np.inf
    if every_security_once:
        chance = np.where(buyable[chosen], wanted[None, :], 0.0)
        chance = np.cumsum(chance, axis=1) / chance.sum(axis=1, keepdims=True)
        key[chosen, (rng.random((len(chosen), 1)) > chance).sum(axis=1)] = np.inf
    rank = np.argsort(np.argsort(-key, axis=0, kind="stable"), axis=0, kind="stable")
    day, security = np.nonzero((rank < wanted[None, :]).T)
    return day, security


def _operations(
    rng: np.random.Generator, days: pd.DatetimeIndex, active: np.ndarray, bought: np.ndarray
) -> pd.DataFrame:
    """One operation per active bucket in which something is bought, plus second ones on some March days.

    `bought`: days x buckets, the number of securities bought."""
    day, bucket = np.nonzero(active & (bought > 0))
    regular = pd.DataFrame({"day": day, "bucket": bucket, "is_second": False})
    shuffled = regular.assign(key=rng.random(len(regular))).sort_values(["day", "key"])
    slots = shuffled.groupby("day")["day"].transform("size").to_numpy()
    rank = shuffled.groupby("day").cumcount().to_numpy()
    times = np.array([_seconds(time) for time in _CLOSE_TIMES])
    shuffled["close_second"] = times[(rank * len(times)) // slots]
    second_days = [number for number in _DAYS_WITH_SECOND_OPERATION if number < len(days)]
    busiest = np.where(active, bought, -1).argmax(axis=1)[second_days]
    second = pd.DataFrame(
        {"day": second_days, "bucket": busiest, "is_second": True, "close_second": _seconds(_SECOND_OPERATION_CLOSE)}
    )
    operations = pd.concat([shuffled.drop(columns="key"), second])
    operations = operations.sort_values(["day", "close_second", "bucket"], ignore_index=True)
    dates = days[operations["day"]].strftime("%m%d%y")
    number = operations.groupby("day").cumcount() + 1
    operations["operation_id"] = [f"OR {date} {n:02d}" for date, n in zip(dates, number, strict=True)]
    return operations


def _seconds(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def _plan_sales(
    rng: np.random.Generator,
    roster: pd.DataFrame,
    log_usage: np.ndarray,
    days: pd.DatetimeIndex,
    total_usd_mn: np.ndarray,
    fills_per_day: np.ndarray,
    log_size: np.ndarray,
    parameters: Parameters,
) -> tuple[np.ndarray, np.ndarray, DealerDays]:
    """Par sold ($ millions) and number of fills, days x primary dealers, sample dealers first, and their plan."""
    dealers = int(roster["is_primary"].sum())
    sample = log_usage.shape[1]
    others = dealers - sample
    log_purchases = np.log(total_usd_mn)
    plan = plan_dealer_days(
        rng, log_usage, np.asarray(days.month == 3), log_size, log_purchases - log_purchases.mean(), parameters
    )
    appetite = rng.permutation(np.linspace(-OTHERS_LOG_SALES_SPREAD, OTHERS_LOG_SALES_SPREAD, others))
    log_weight = appetite + rng.normal(scale=OTHERS_LOG_SALES_NOISE, size=(len(days), others))
    of_others = np.where(rng.random((len(days), others)) < OTHERS_SALE_PROBABILITY, np.exp(log_weight), 0.0)
    of_sample = np.where(plan.sells, np.exp(plan.log_weight - plan.log_weight.mean()), 0.0)
    # the same number on all days: shares differ by who sells
    share = parameters["sale_share_of_sample"]
    of_others *= (1 - share) / share * of_sample.sum() / of_others.sum()
    weight = np.c_[of_sample, of_others]

    # a small world has days with fewer fills than sellers: the largest sell
    rank = np.argsort(np.argsort(-weight, axis=1, kind="stable"), axis=1, kind="stable")
    weight[rank >= fills_per_day[:, None]] = 0.0
    day, dealer = np.nonzero(weight)
    sold = weight[day, dealer]
    sellers = np.bincount(day, minlength=len(days))
    par = 1 + apportion(total_usd_mn - sellers, sold, day)
    count = np.minimum(1 + apportion(fills_per_day - sellers, sold**0.7, day), par)
    sales, fills = np.zeros_like(weight, dtype=np.int64), np.zeros_like(weight, dtype=np.int64)
    sales[day, dealer], fills[day, dealer] = par, count
    return sales, fills, plan


def simulate_soma(
    rng: np.random.Generator,
    securities: pd.DataFrame,
    prices: np.ndarray,
    roster: pd.DataFrame,
    log_usage: np.ndarray,
    scale: float,
    log_size: np.ndarray,
    parameters: Parameters,
) -> SomaWorld:
    """Operations, awards and fills.

    `prices`: securities x days, dollars; `log_usage`: days x sample dealers, of the business day before;
    `log_size`: (sample dealers,) of their business with customers.
    Purchased CUSIP-days are 6,410 times `scale`, at least one a day and at most what the day's operations
    list (about twice as many).
    """
    days = event_days()
    shape = daily_purchases(rng, len(days), parameters)
    active = _active_buckets(days)
    bucket = _membership(securities, days)
    excluded = _newest_of_term(securities, days)
    is_active = np.take_along_axis(np.c_[active, np.zeros(len(days), bool)].T, bucket, axis=0)
    buyable = is_active & (bucket >= 0) & ~excluded

    cusip_days = min(max(round(PURCHASED_CUSIP_DAYS * scale), len(days)), PURCHASED_CUSIPS * len(days))
    day, security = _choose_purchases(rng, buyable, cusip_days, shape)
    bought = np.zeros(active.shape, dtype=np.int64)
    np.add.at(bought, (day, bucket[security, day]), 1)
    operations = _operations(rng, days, active, bought)
    number = np.full((len(days), len(BUCKETS), 2), -1)
    number[operations["day"], operations["bucket"], operations["is_second"].astype(int)] = operations.index

    first, second = number[day, bucket[security, day]].T
    can_repeat = np.flatnonzero(second >= 0)
    repeats = min(round(CUSIP_DAYS_BOUGHT_TWICE * scale), len(can_repeat))
    repeated = np.sort(rng.choice(can_repeat, repeats, replace=False))
    awards = pd.DataFrame(
        {
            "operation": np.r_[first, second[repeated]],
            "day": np.r_[day, day[repeated]],
            "security": np.r_[security, security[repeated]],
        }
    ).sort_values(["operation", "security"], ignore_index=True)

    fills, dealer_days = _deal_fills(rng, roster, log_usage, days, awards, len(day), shape, log_size, parameters)
    fills["price"] = _offer_prices(rng, securities, prices, days, log_usage, fills, parameters)
    grouped = fills.groupby("award")
    awards["par_usd_mn"] = grouped["par_usd_mn"].sum()
    paid = (fills["price"] * fills["par_usd_mn"]).groupby(fills["award"]).sum()
    awards["average_price"] = (2 * paid + awards["par_usd_mn"]) // (2 * awards["par_usd_mn"])
    awards["highest_price"] = grouped["price"].max()

    operation_of_day = operations[["day", "bucket"]].reset_index(names="operation")
    security_row, day_column = np.nonzero(bucket >= 0)
    members = pd.DataFrame(
        {
            "security": security_row,
            "day": day_column,
            "bucket": bucket[security_row, day_column],
            "is_excluded": excluded[security_row, day_column],
        }
    )
    included = operation_of_day.merge(members, on=["day", "bucket"])[["operation", "security", "is_excluded"]]
    sales = np.zeros((len(days), len(roster)), dtype=np.int64)
    np.add.at(sales, (fills["day"], fills["dealer"]), fills["par_usd_mn"])
    return SomaWorld(operations, included, awards, fills, sales, dealer_days)


def _deal_fills(
    rng: np.random.Generator,
    roster: pd.DataFrame,
    log_usage: np.ndarray,
    days: pd.DatetimeIndex,
    awards: pd.DataFrame,
    cusip_days: int,
    shape: np.ndarray,
    log_size: np.ndarray,
    parameters: Parameters,
) -> tuple[pd.DataFrame, DealerDays]:
    """Cut each dealer-day's sales into fills and deal them to the day's awards, at least one to each."""
    per_award = 1 + rng.choice(len(FILLS_PER_AWARD), len(awards), p=FILLS_PER_AWARD)
    award_day = awards["day"].to_numpy()
    fills_per_day = np.bincount(award_day, per_award, len(days)).astype(np.int64)
    everything = np.zeros(len(days), dtype=int)
    awards_per_day = np.bincount(award_day, minlength=len(days))
    # at small scale a day's share of par must leave a million for every fill
    total = fills_per_day + apportion(
        np.array([round(MEAN_AWARD_USD_MN * cusip_days)]) - fills_per_day.sum(),
        shape * awards_per_day / np.maximum(shape**0.6, 1e-9),
        everything,
    )
    sales, counts, dealer_days = _plan_sales(rng, roster, log_usage, days, total, fills_per_day, log_size, parameters)

    day, dealer = np.nonzero(counts)
    seller_day = np.repeat(np.arange(len(day)), counts[day, dealer])
    size = np.exp(rng.normal(scale=0.9, size=len(seller_day)))
    par = 1 + apportion(sales[day, dealer] - counts[day, dealer], size, seller_day)
    is_rounded = (par >= 10) & (rng.random(len(par)) < 0.6)
    par = np.where(is_rounded, 5 * np.rint(par / 5).astype(np.int64), par)
    fills = pd.DataFrame({"day": day[seller_day], "dealer": dealer[seller_day], "par_usd_mn": par})
    fills = fills.assign(key=rng.random(len(fills))).sort_values(["day", "key"], ignore_index=True)

    slot_award = np.repeat(np.arange(len(awards)), per_award)
    slots = pd.DataFrame({"award": slot_award, "day": award_day[slot_award]})
    slots["is_further"] = _rank_in_group(slot_award) > 0
    slots["key"] = rng.random(len(slots))
    slots = slots.sort_values(["day", "is_further", "key"], ignore_index=True)
    slots = slots[slots.groupby("day").cumcount() < counts.sum(axis=1)[slots["day"]]]
    fills["award"] = slots["award"].to_numpy()
    fills["security"] = awards["security"].to_numpy()[fills["award"]]
    columns = ["award", "dealer", "day", "security", "par_usd_mn"]
    return fills.sort_values(["award", "dealer", "par_usd_mn"], ignore_index=True)[columns], dealer_days


def _offer_prices(
    rng: np.random.Generator,
    securities: pd.DataFrame,
    prices: np.ndarray,
    days: pd.DatetimeIndex,
    log_usage: np.ndarray,
    fills: pd.DataFrame,
    parameters: Parameters,
) -> np.ndarray:
    """Price of each fill in millionths of a dollar, on a grid of 1/256 rounded to six decimals.

    An award's average moves with its own offers, so that a concession is seen in part only: what sellers concede
    is as much larger than what Table 12 is to find of it.
    """
    day, security, dealer = (fills[name].to_numpy() for name in ("day", "security", "dealer"))
    life_class = np.digitize(years_to_maturity(securities, days)[security, day], [5, 10])
    sample = log_usage.shape[1]
    is_sample = dealer < sample
    deviation = np.where(is_sample, (log_usage - log_usage.mean())[day, np.minimum(dealer, sample - 1)], 0.0)
    own = np.where(is_sample, 0.0, parameters["offer_of_others"])
    for place, life in enumerate(LIVES):
        of_class = np.where(life_class == place, deviation, 0.0)
        own = own + parameters[f"offer_on_usage_{life}"] / _seen_of_concession(fills, of_class, is_sample) * of_class
    noise = np.array([parameters[f"offer_noise_{life}"] for life in LIVES])[life_class] * rng.normal(size=len(fills))
    return tick(prices[security, day] - own + noise)


def _seen_of_concession(fills: pd.DataFrame, concession: np.ndarray, is_sample: np.ndarray) -> float:
    """The slope on a concession of what the sample's sales are cheaper than their award's average, in a regression with
    effects of bonds and days as in Table 12. A world of few sales says little of it: bounded by LEAST_SEEN and 1."""
    award, par = fills["award"].to_numpy(), fills["par_usd_mn"].to_numpy()
    average = np.bincount(award, par * concession) / np.maximum(np.bincount(award, par), 1)
    cheaper = (concession - average[award])[is_sample]
    effects = [pd.factorize(fills[name].to_numpy()[is_sample])[0] for name in ("security", "day")]
    dummies = sparse.hstack(
        [sparse.csr_array((np.ones(len(one)), (np.arange(len(one)), one))) for one in effects]
    ).tocsc()
    gram = np.linalg.pinv((dummies.T @ dummies).toarray(), hermitian=True)
    regressor = concession[is_sample]
    regressor = regressor - dummies @ (gram @ (dummies.T @ regressor))
    spread = regressor @ regressor
    if spread == 0:
        return 1.0
    return float(np.clip(np.round(regressor @ cheaper / spread, DIGITS), LEAST_SEEN, 1))


def tick(price: np.ndarray) -> np.ndarray:
    """Dollars to millionths on the grid of 1/256 that Treasuries trade on, rounded to six decimals."""
    return np.rint(np.rint(price * 256) * (1e6 / 256)).astype(np.int64)


def operation_details(soma: SomaWorld, securities: pd.DataFrame) -> pd.DataFrame:
    """One row per operation and listed CUSIP, par and prices as the JSON shows them (text)."""
    awards = soma.awards[["operation", "security", "par_usd_mn", "average_price", "highest_price"]]
    details = soma.included.merge(awards, on=["operation", "security"], how="left")
    details = details.join(securities[["cusip", "kind", "coupon_pct", "maturity_date"]], on="security")
    details = details.sort_values(["operation", "maturity_date", "cusip"], ignore_index=True)
    is_bought = details["par_usd_mn"].notna()
    par = details["par_usd_mn"].fillna(0).astype("int64") * 1_000_000
    details["par"] = par.astype(str).mask(details["is_excluded"], "")
    for column in ("average_price", "highest_price"):
        value = details[column].fillna(0).astype("int64")
        text = (value // 1_000_000).astype(str) + "." + (value % 1_000_000).astype(str).str.zfill(6)
        details[column] = text.where(is_bought, "NA").mask(details["is_excluded"], "")
    details["allotted"] = np.where(details["is_excluded"], "", np.where(is_bought, "100", "NA"))
    prefix = np.where(details["kind"] == "tips", "TII ", "T ")
    details["description"] = (
        prefix + details["coupon_pct"].map("{:06.3f}".format) + details["maturity_date"].dt.strftime(" %m/%d/%y")
    )
    details["is_bought"] = is_bought
    return details


def _auction(operation: dict, details: list[dict], updated: str) -> dict:
    accepted = sum(int(row["par"] or 0) for row in details)
    names = {"tips": "TIPS", "bill": "Bill"}
    direction = operation.get("direction", "P")
    action = "Purchase" if direction == "P" else "Sale"
    return {
        "operationId": operation["operation_id"],
        "auctionStatus": operation.get("status", "Results"),
        "operationType": f"Outright {names.get(operation['kind'], 'Coupon')} {action}",
        "operationDate": operation["date"],
        "settlementDate": operation["settlement_date"],
        "maturityRangeStart": operation["maturity_from"],
        "maturityRangeEnd": operation["maturity_to"],
        "operationDirection": direction,
        "auctionMethod": "Multiple Price",
        "releaseTime": _clock(operation["close_second"] - 1200),
        "closeTime": _clock(operation["close_second"]),
        "totalParAmtSubmitted": str(accepted * 2 + accepted // 2 // 1_000_000 * 1_000_000),
        "totalParAmtAccepted": str(accepted),
        "note": "",
        "lastUpdated": updated,
        "details": [
            {
                "inclusionIndicator": "E" if row["is_excluded"] else "I",
                "cusip": row["cusip"],
                "securityDescription": row["description"],
                "parAmountAccepted": row["par"],
                "weightedAvgAccptPrice": row["average_price"],
                "leastFavoriteAccptPrice": row["highest_price"],
                "percentAllottedleastFavoriteAccptPrice": row["allotted"],
            }
            for row in details
        ],
    }


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second % 3600 // 60:02d}"


def _without_prices(details: list[dict]) -> list[dict]:
    return [{**row, "average_price": "", "highest_price": "", "allotted": ""} for row in details]


def soma_files(soma: SomaWorld, securities: pd.DataFrame) -> dict[str, dict]:
    """File name -> JSON document, one file per week named after its last day.

    Prices come late: a week's last two days are published without them, and repeated with them, and with a
    later `lastUpdated`, in the week that follows. One operation was cancelled and one was a sale.
    """
    days = event_days()
    settlement = business_days(EVENT_START, "2020-06-30")[1 : len(days) + 1]
    details = operation_details(soma, securities)
    rows_of = {
        number: rows.to_dict("records")
        for number, rows in details.drop(columns=["coupon_pct"]).groupby("operation", sort=True)
    }
    range_of = details.groupby("operation")["maturity_date"].agg(["min", "max"])
    records = soma.operations.to_dict("records")
    for number, record in enumerate(records):
        record["date"] = days[record["day"]].date().isoformat()
        record["settlement_date"] = settlement[record["day"]].date().isoformat()
        record["maturity_from"] = range_of.loc[number, "min"].date().isoformat()
        record["maturity_to"] = range_of.loc[number, "max"].date().isoformat()
        record["kind"] = BUCKETS[record["bucket"]].kind

    week = np.asarray((days + pd.offsets.Week(weekday=4, n=0)).strftime("%Y-%m-%d"))
    fridays = sorted(set(week))
    next_friday = dict(zip(fridays, [*fridays[1:], _LAST_PUBLICATION], strict=True))
    last_days = {day for friday in fridays for day in np.flatnonzero(week == friday)[-2:]}
    files: dict[str, list[dict]] = {friday: [] for friday in [*fridays, _LAST_PUBLICATION]}
    for number, record in enumerate(records):
        friday = week[record["day"]]
        if record["day"] in last_days:
            unpriced = _without_prices(rows_of[number])
            files[friday].append(_auction(record, unpriced, f"{record['date']} 17:00:00"))
            files[next_friday[friday]].append(_auction(record, rows_of[number], f"{next_friday[friday]} 10:00:00"))
        else:
            files[friday].append(_auction(record, rows_of[number], f"{friday} 10:00:00"))

    odd = [number for number, record in enumerate(records) if record["day"] in (7, 20)]
    cancelled = {**records[odd[0]], "status": "Cancelled", "close_second": 16 * 3600}
    cancelled["operation_id"] = cancelled["operation_id"][:-2] + "91"
    files[week[cancelled["day"]]].append(_auction(cancelled, [], f"{cancelled['date']} 17:00:00"))
    sale = {**records[odd[-1]], "direction": "S", "close_second": 16 * 3600}
    sale["operation_id"] = sale["operation_id"][:-2] + "92"
    sold = next(row for row in rows_of[odd[-1]] if row["is_bought"])
    files[week[sale["day"]]].append(
        _auction(sale, [{**sold, "par": "1000000"}], f"{next_friday[week[sale['day']]]} 10:00:00")
    )
    return {
        f"treasury_operations_{friday}.json": {"treasury": {"auctions": auctions}} for friday, auctions in files.items()
    }


def bill_operations(securities: pd.DataFrame) -> dict:
    """Weekly purchases of bills before the event window, as a JSON document.

    The published 'price' of a bill is its discount rate.
    """
    auctions = []
    days = [day for day in _BILL_DAYS if day.weekday() == 2]
    settlement = business_days("2020-02-05", "2020-03-16")
    for week, day in enumerate(days):
        is_outstanding = (securities["kind"] == "bill") & (securities["issue_date"] <= day)
        life = (securities["maturity_date"] - day).dt.days
        bills = securities[is_outstanding & life.between(30, 360)].sort_values("maturity_date")
        bills = bills.iloc[:: -(-len(bills) // _BILLS_PER_OPERATION)]
        rate = np.interp(week, [0, len(days) - 1], _BILL_RATES_PCT)
        operation = {
            "operation_id": f"OB {day:%m%d%y} 01",
            "kind": "bill",
            "date": day.date().isoformat(),
            "settlement_date": settlement[settlement > day][0].date().isoformat(),
            "maturity_from": bills["maturity_date"].min().date().isoformat(),
            "maturity_to": bills["maturity_date"].max().date().isoformat(),
            "close_second": _seconds("10:30"),
        }
        details = [
            {
                "cusip": bill.cusip,
                "is_excluded": False,
                "description": f"BILL {bill.maturity_date:%m/%d/%y}",
                "par": str((250 + 75 * (place % 5)) * 1_000_000),
                "average_price": f"{rate - 0.01 * place:.6f}",
                "highest_price": f"{rate - 0.01 * place - 0.005:.6f}",
                "allotted": "100",
            }
            for place, bill in enumerate(bills.itertuples())
        ]
        auctions.append(_auction(operation, details, f"{operation['date']} 11:00:00"))
    return {"treasury": {"auctions": auctions}}


def write_soma(soma: SomaWorld, securities: pd.DataFrame, folder: Path) -> None:
    """One JSON file per week of the event window, and one of the bills that were bought before it."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = {"treasury_operations_bills.json": bill_operations(securities)}
    for name, document in (documents | soma_files(soma, securities)).items():
        (folder / name).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
