"""What the dealers of the event study do day by day: who sells to the Fed, how much, and its business with customers.

Printed coefficients are planted as their regressions see them. What is linear in the regression is linear here,
in usage itself, with effects of dealers and days; what a dealer is by itself, its size and its taste, takes up
whatever else the regressions without dealer effects would see. Only noise of a day is left between what is
planted and what the true sales give.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit

from dealer_limits.pseudo.parameters import Parameters

# logs, the smallest dealer far below the others (Table 1(b): means 0.4 below medians)
DEALER_SIZES = (-4.2, -1.1, -0.45, -0.05, 0.35, 0.55, 0.85, 1.05, 1.35, 1.65)
SHUFFLES = 5_000
# the smallest dealer is in one of two groups: their sizes cannot be alike both in dollars and in logs
WEIGHT_OF_LOGS = 0.3
# firm-days of Table 1(b) without any trade with customers: 620 less 610
IDLE_DEALER_DAYS = 10
# a slope of the probability that no reaction reaches is planted as far as this one goes, in log odds
STEEPEST_REACTION = 40.0
# of what is solved for: the last digits of linear algebra depend on the machine, the world must not
DIGITS = 5
BISECTIONS = 45
STEPS = 4


@dataclass(frozen=True)
class DealerDays:
    """The plan of the event study, days x sample dealers each.

    sells: whether it sells to the Fed. log_weight: log of its share of what the Fed buys that day, up to a number
    common to all dealers. is_idle: it does not trade with customers at all.
    """

    sells: np.ndarray
    log_weight: np.ndarray
    is_idle: np.ndarray


@dataclass(frozen=True)
class CustomerTrades:
    """Dollars of trades with customers, days x sample dealers each; "in" is of what the Fed buys that day.

    other_sales_in: sales, besides those to the Fed.
    """

    other_sales_in: np.ndarray
    buys_in: np.ndarray
    buys_out: np.ndarray


class Effects:
    """Least squares on some cells of a days x dealers panel."""

    def __init__(self, is_row: np.ndarray, of_dealers: bool) -> None:
        """`is_row`: (days, dealers) cells that are in the regression; effects of days, and of dealers if wanted."""
        days, dealers = is_row.shape
        self.is_row = is_row
        day, dealer = np.nonzero(is_row)
        dummies = [day[:, None] == np.arange(days)]
        if of_dealers:
            dummies.append(dealer[:, None] == np.arange(dealers - 1))
        self._basis = np.linalg.svd(np.hstack(dummies).astype(float), full_matrices=False)
        singular = self._basis[1]
        self._basis = self._basis[0][:, singular > 1e-9 * singular[0]]

    def left(self, values: np.ndarray) -> np.ndarray:
        """(rows,) what the effects leave of (days, dealers) values."""
        rows = values[self.is_row]
        return rows - self._basis @ (self._basis.T @ rows)

    def slopes(self, outcome: np.ndarray, *regressors: np.ndarray) -> np.ndarray:
        """Coefficients of the regressors, (days, dealers) as the outcome."""
        left = np.column_stack([self.left(regressor) for regressor in regressors])
        return np.linalg.lstsq(left, outcome[self.is_row], rcond=None)[0]


def deal_sizes(rng: np.random.Generator, log_usage: np.ndarray) -> np.ndarray:
    """(dealers,) log sizes, dealt so that size has as little as it can to do with usage.

    Of SHUFFLES shuffles the one with the least correlation of size with mean usage and the least difference, in
    dollars and in logs, between dealers of high and low usage on the first day, which is of the business day
    before: the groups of Figure 5. What ten dealers differ in by chance would otherwise drown what usage does
    between them.
    """
    dealers = log_usage.shape[1]
    sizes = np.resize(DEALER_SIZES, dealers)
    usage = log_usage.mean(axis=0)
    usage = (usage - usage.mean()) / usage.std()
    is_high = np.argsort(np.argsort(-log_usage[0], kind="stable"), kind="stable") < dealers // 2
    shuffled = np.array([rng.permutation(sizes) for _ in range(SHUFFLES)])
    centred = (shuffled - sizes.mean()) / sizes.std()
    dollars = np.exp(shuffled)
    gap_in_dollars = np.log(dollars[:, is_high].sum(axis=1) / dollars[:, ~is_high].sum(axis=1))
    gap_in_logs = centred[:, is_high].mean(axis=1) - centred[:, ~is_high].mean(axis=1)
    relation = np.square(centred @ usage / dealers) + np.square(gap_in_dollars)
    return shuffled[np.argmin(relation + WEIGHT_OF_LOGS * np.square(gap_in_logs))]


def plan_dealer_days(
    rng: np.random.Generator,
    log_usage: np.ndarray,
    is_march: np.ndarray,
    log_size: np.ndarray,
    log_purchases: np.ndarray,
    parameters: Parameters,
) -> DealerDays:
    """Who sells to the Fed, and how much of what it buys.

    `log_usage`: days x dealers, of the business day before; `is_march`: (days,); `log_size`: (dealers,);
    `log_purchases`: (days,) of the Fed, less their mean.
    """
    probability = sale_probabilities(rng, log_usage, is_march, log_size, log_purchases, parameters)
    sells = _sell_indicator(rng, probability, log_usage, is_march)
    weight = _log_weights(rng, log_usage, is_march, log_size, sells, parameters)
    # the smallest stay away
    resting = np.argsort(np.where(sells, np.inf, log_size[None, :] + rng.random(sells.shape)), axis=None, kind="stable")
    is_idle = np.zeros(sells.shape, dtype=bool)
    is_idle.flat[resting[:IDLE_DEALER_DAYS]] = True
    return DealerDays(sells, weight, is_idle & ~sells)


def sale_probabilities(
    rng: np.random.Generator,
    log_usage: np.ndarray,
    is_march: np.ndarray,
    log_size: np.ndarray,
    log_purchases: np.ndarray,
    parameters: Parameters,
) -> np.ndarray:
    """Days x dealers: the probability that a dealer sells to the Fed.

    Log odds have parts of the dealer's size, of the day and of usage. Odds are not what Table 11(a) regresses on
    usage, so that the reactions in them are solved for: those that move the regressions of the probability,
    columns 1 and 3, by what is planted. Without reactions usage has no part in the odds.
    """
    centred = log_usage - log_usage.mean()
    of_dealer = np.broadcast_to(centred.mean(axis=0), centred.shape)
    march = np.where(is_march[:, None], centred, 0.0)
    later = centred - march
    day_part = parameters["sale_probability_on_purchases"] * log_purchases
    day_part = day_part + parameters["sale_probability_days"] * rng.normal(size=len(log_purchases))
    without = parameters["sale_probability_on_size"] * log_size[None, :] + day_part[:, None]
    everyone = np.ones(log_usage.shape, dtype=bool)
    both, of_days = Effects(everyone, True), Effects(everyone, False)
    planted = np.array(
        [parameters[f"sale_probability_{name}"] for name in ("on_usage_march", "on_usage_later", "between")]
    )
    mean = parameters["sale_probability_mean"]

    def probability(reactions: np.ndarray) -> np.ndarray:
        on_march, on_later, between = reactions
        return _with_mean(without + on_march * march + on_later * later + between * of_dealer, mean)

    def seen(reactions: np.ndarray) -> np.ndarray:
        found = probability(reactions)
        return np.r_[both.slopes(found, march, later), of_days.slopes(found, centred)]

    reactions = np.zeros(3)
    if planted.any():
        # from no reaction on, a step at a time: where all but a few sell, the last steps have nobody to move
        at_zero = seen(reactions)
        for part in np.linspace(0, 1, STEPS + 1)[1:]:
            target = at_zero + part * planted
            reactions = least_squares(
                lambda tried, target=target: seen(tried) - target,
                reactions,
                bounds=(-STEEPEST_REACTION, STEEPEST_REACTION),
            ).x
    return probability(np.round(reactions, DIGITS))


def _with_mean(log_odds: np.ndarray, mean: float) -> np.ndarray:
    """Probabilities of these log odds, all moved by the number that gives them this mean."""
    low, high = -log_odds.max() - 10, -log_odds.min() + 10
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(log_odds + middle).mean() < mean else (low, middle)
    return expit(log_odds + (low + high) / 2)


def _sell_indicator(
    rng: np.random.Generator, probability: np.ndarray, usage: np.ndarray, is_march: np.ndarray
) -> np.ndarray:
    """Who sells (days x dealers), by systematic sampling along each period's order of usage: the draws keep
    the planted slope of the probability in a sample of 620, where independent ones would bury it."""
    sells = np.zeros(probability.shape, dtype=bool)
    centred = usage - usage.mean(axis=0, keepdims=True) - usage.mean(axis=1, keepdims=True)
    for period in (is_march, ~is_march):
        inside = np.broadcast_to(period[:, None], probability.shape)
        order = np.argsort(centred[inside], kind="stable")
        steps = np.floor(np.cumsum(probability[inside][order]) + rng.random())
        drawn = np.zeros(len(order), dtype=bool)
        drawn[order] = np.diff(steps, prepend=0) > 0
        sells[inside] = drawn
    return sells


def _log_weights(
    rng: np.random.Generator,
    log_usage: np.ndarray,
    is_march: np.ndarray,
    log_size: np.ndarray,
    sells: np.ndarray,
    parameters: Parameters,
) -> np.ndarray:
    """Days x dealers: log of what a dealer sells to the Fed, up to a number of the day.

    Its slopes on usage in March and after are those of Table 11(a) column 6. What a dealer is by itself follows
    its size and its mean usage, as much of the latter as column 4, without dealer effects, is to find.
    """
    march = np.where(is_march[:, None], log_usage, 0.0)
    within = parameters["log_sales_on_usage_march"] * march
    within = within + parameters["log_sales_on_usage_later"] * (log_usage - march)
    within = within + parameters["log_sales_on_size"] * log_size[None, :]
    of_dealer = np.broadcast_to(log_usage.mean(axis=0), log_usage.shape)
    of_days = Effects(sells, False)
    (found,), (per_unit,) = of_days.slopes(within, log_usage), of_days.slopes(of_dealer, log_usage)
    own = (parameters["log_sales_between"] - found) / per_unit
    within = within + np.round(own, DIGITS) * of_dealer
    # seldom much more than usual, now and then much less (Table 1(b): the median is 0.28 above the mean)
    noise = 1 - rng.exponential(size=log_usage.shape)
    return within + parameters["log_sales_noise"] * noise


def plan_customer_trades(
    rng: np.random.Generator,
    log_usage: np.ndarray,
    is_march: np.ndarray,
    log_size: np.ndarray,
    log_purchases: np.ndarray,
    sales_usd_mn: np.ndarray,
    parameters: Parameters,
) -> CustomerTrades:
    """Dollars of trades with customers (the equations of Table 13, planted).

    `sales_usd_mn`: days x dealers, to the Fed. Buys in and out of what the Fed buys react alike, with noise of
    their own; other sales do not react.
    """
    sold = sales_usd_mn > 0
    log_sales = np.log(np.where(sold, sales_usd_mn, 1))
    log_sales = np.where(sold, log_sales - log_sales[sold].mean(), 0.0)
    on_sales = [parameters[f"log_buys_on_sales_{period}"] for period in ("march", "later")]
    reaction = parameters["log_buys_on_usage"] * (log_usage - log_usage.mean())
    reaction = reaction + np.where(is_march[:, None], *on_sales) * log_sales

    def dollars(what: str) -> np.ndarray:
        log_millions = (
            parameters[f"{what}_level"]
            + parameters[f"{what}_on_size"] * log_size[None, :]
            + parameters[f"{what}_on_purchases"] * log_purchases[:, None]
            + parameters[f"{what}_noise"] * rng.normal(size=log_usage.shape)
        )
        return np.exp(log_millions) * 1e6

    other_sales, buys_in, buys_out = dollars("other_sales"), dollars("log_buys_in"), dollars("log_buys_out")
    return CustomerTrades(other_sales, buys_in * np.exp(reaction), buys_out * np.exp(reaction))
