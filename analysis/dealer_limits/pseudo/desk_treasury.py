"""The Treasury desks: positions, VaR, limits and P&L of 40 desks on every day of the calendar.

Each log position is the sum of a persistent and a passing part, and each part falls with z, the log of limit
usage (eq. 7) less the desk's own norm; P is the parameter file, named in `docs/pseudo_world.md`:

    persistent part   a[t+1] = rho a[t] - lambda z[t] + shock
    passing part      e[t+1] = rho' e[t] - lambda' z[t] + shock'
    log position      n[t]   = a[t] + e[t]      (net of securities, net combined, gross of each)
    share of new inventory (logit)             q[t+1] = rho q[t] - lambda z[t] + shock
    log VaR           v[t]   = scale + gamma vol[t] + sum of kappa n[t] + own variation
    log limit usage   u[t]   = v[t] - log limit[t-1] - c max(v[t] - log limit[t-1] - log h, 0)

VaR knows the position, not which part of it will pass: the kappas alone give the regressions of Table 2 their
printed sign, since what raises VaR reverts. The lambdas are the reaction to limits (`null`: zero). c is what
desks hedge within the day as they come near the limit, from h of it on. While the Fed buys at its height, a[t+1] of net
securities of prime desks also falls with their log usage above `exit_from`: what they sell to it to be rid of risk
(Figure 3).

    P&L on new positions         typical VaR[t] (level + theta z[t-1] + common + shifted + noise)
    P&L on existing positions    typical VaR[t] (level + common - shifted + noise)

Typical VaR is that of the desk's norm and the day's volatility: P&L in dollars has nothing to do with the VaR
of the day, other than that desks ask for wider spreads when usage is high (theta; Table 14).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dealer_limits.pseudo.desk_paths import (
    AppetiteEvent,
    Market,
    autoregression,
    in_spans,
    simulate_limits,
    simulate_market,
    simulate_risk_appetite,
    stream,
)
from dealer_limits.pseudo.desk_roster import BROAD_DESKS, TREASURY_DESKS, TreasuryDesk
from dealer_limits.pseudo.firms import SAMPLE_FIRMS
from dealer_limits.pseudo.parameters import Parameters

LAST_NOTIONAL_DAY = "2020-12-30"
LAST_AGING_DAY = "2020-12-31"
# gross positions are more volatile from here on: Table 5 has larger errors than its share of Table 2's days
LATER_FROM = "2018-01-01"
# all prime desks report without gaps here, so that every firm's usage is known for the event study
EVENT_WINDOW = ("2020-02-27", "2020-06-30")
# the Fed buys as never before: desks near their limits sell to it
EXIT_SPAN = ("2020-03-16", "2020-04-30")
AGING_BUCKETS = ("0-30", "31-60", "61-90", "91-180", "181-360", ">360")
SIDES = ("assets", "liabilities")


# states of the simulation, in this order: four positions, each persistent and passing, then two shares
POSITIONS = ("net_securities", "net_combined", "gross_securities", "gross_derivatives")
STATES = (*POSITIONS, *(f"{position}_passing" for position in POSITIONS), "new_assets", "new_liabilities")
# P&L on existing positions depends on the day's market by desk: mean and standard deviation of the exposure
EXPOSURE_TO_COMMON = (1.0, 0.5)
# share of net positions that are long
LONG_SHARE = 0.75
# what regimes of volatility and the convexity of the exponential add to mean usage
USAGE_LEVEL = 0.96
# matched books have VaR next to nothing on some days, and large P&L for such a VaR (Table 1(a))
TINY_VAR_SHARE = 0.08
TINY_VAR_PROFITS = 650.0


@dataclass(frozen=True)
class TreasuryDesks:
    """(T, 40) arrays over days and TREASURY_DESKS, dollars unless said otherwise; nan where not reported.

    exists: whether the desk reports anything. has_usage: whether limits and their usage are reported. limit,
    var, usage_gap (z), dv01 (dollars per basis point) are known for every day. reported_var: var where the
    VaR table has a row. usage: reported_var over the limit of the business day before. Derivatives are at
    notional to 2020-12-30 and at market value afterwards. aging: (T, 40, side, instrument, bucket) with
    instrument 0 securities and 1 derivatives.
    """

    days: pd.DatetimeIndex
    market: Market
    appetite: list[AppetiteEvent]
    exists: np.ndarray
    has_usage: np.ndarray
    limit: np.ndarray
    var: np.ndarray
    reported_var: np.ndarray
    usage: np.ndarray
    usage_gap: np.ndarray
    securities_long: np.ndarray
    securities_short: np.ndarray
    derivatives_long: np.ndarray
    derivatives_short: np.ndarray
    aging: np.ndarray
    pnl_existing: np.ndarray
    pnl_new: np.ndarray
    pnl_residual: np.ndarray
    customer_value: np.ndarray
    non_customer_value: np.ndarray
    dv01: np.ndarray

    @property
    def net_position(self) -> np.ndarray:
        """|long - short| of securities and derivatives, while derivatives are at notional (section 4.1.4)."""
        net = self.securities_long + self.derivatives_long - self.securities_short - self.derivatives_short
        return np.where((self.days <= LAST_NOTIONAL_DAY)[:, None], cents(np.abs(net)), np.nan)


def cents(dollars: np.ndarray) -> np.ndarray:
    """Dollars rounded to whole cents (still in dollars)."""
    return np.rint(dollars * 100) / 100


def simulate_treasury_desks(
    seed: int,
    parameters: Parameters,
    impulse: np.ndarray | None = None,
    sized: Sequence[TreasuryDesk] = TREASURY_DESKS,
) -> TreasuryDesks:
    """Simulate the 40 Treasury desks; about 0.15 s. Equations: see the module's docstring.

    `impulse` (T,): log points by which desks believe their usage to be higher than it is, by default none. `sized`: the
    desks of the roster in other sizes.
    """
    market = simulate_market(seed)
    days, count = market.days, len(TREASURY_DESKS)
    impulse = np.zeros(len(days)) if impulse is None else impulse
    shape = (len(days), count)
    appetite = simulate_risk_appetite(seed, days, len(SAMPLE_FIRMS))
    rng = stream(seed, "treasury desks")

    firm_index = {firm.mpid: index for index, firm in enumerate(SAMPLE_FIRMS)}
    firm_of_desk = np.array([firm_index[desk.mpid] for desk in TREASURY_DESKS])
    base_limit = np.array([desk.limit_mn for desk in sized]) * 1e6
    limit = simulate_limits(stream(seed, "treasury limits"), days, appetite, firm_of_desk, base_limit, returning=0.01)

    own_variation = sum(
        autoregression(rng, *shape, parameters[f"own_{part}_persistence"], parameters[f"own_{part}_sd"])
        for part in ("fast", "slow")
    )
    own_variation += parameters["own_passing_sd"] * rng.standard_normal(shape)
    by_volatility = parameters["var_on_volatility"] * market.volatility_gap[:, None]
    norm = np.log([desk.usage for desk in sized]) + np.log(USAGE_LEVEL)
    log_scale = norm + np.log(base_limit)

    states, log_var, usage_gap = _react(
        rng, parameters, days, own_variation + by_volatility + log_scale, np.log(limit), norm, impulse
    )
    log_position = {position: states[position] + states[f"{position}_passing"] for position in POSITIONS}

    def typical(size: str) -> np.ndarray:
        return np.log([getattr(desk, size) * 1e9 for desk in sized])

    securities_gross = np.exp(typical("securities_gross_bn") + log_position["gross_securities"])
    derivatives_gross = np.exp(typical("derivatives_gross_bn") + log_position["gross_derivatives"])
    matched = np.stack([in_spans(days, desk.matched) for desk in TREASURY_DESKS], axis=1)
    matched |= rng.random(shape) < 0.0004
    securities_net = np.exp(typical("securities_net_bn") + log_position["net_securities"])
    securities_net = _signed(rng, np.minimum(securities_net, 0.92 * securities_gross), matched)
    combined_net = _signed(rng, np.exp(typical("net_bn") + log_position["net_combined"]), matched)
    # derivatives carry what separates the combined net position from the securities
    derivatives_net = np.clip(combined_net - securities_net, -0.97 * derivatives_gross, 0.97 * derivatives_gross)
    # to 2020-12-30 notional; afterwards market value, a small and slowly moving fraction of it
    market_value = np.exp(autoregression(rng, *shape, 0.98, 0.3) - 5.5)
    derivatives_value = np.where((days <= LAST_NOTIONAL_DAY)[:, None], 1.0, market_value)

    existence = np.stack([in_spans(days, desk.spells) for desk in TREASURY_DESKS], axis=1)
    missing, no_positions, no_var, no_usage, no_pnl = _unreported(rng, days)
    exists = existence & ~missing
    reports_positions, reports_var = exists & ~no_positions, exists & ~no_var
    has_usage, reports_pnl = exists & ~no_usage, exists & ~no_pnl

    def reported(values: np.ndarray, where: np.ndarray) -> np.ndarray:
        return np.where(where, cents(values), np.nan)

    tiny = (rng.random(shape) < TINY_VAR_SHARE) & matched
    tiny[:, : count - len(BROAD_DESKS)] = False
    flat = np.stack([in_spans(days, desk.flat_var) for desk in TREASURY_DESKS], axis=1)
    var = np.where(tiny, np.exp(rng.normal(6.0, 1.0, shape)), np.exp(log_var))
    var = np.maximum(cents(np.where(flat, 0.0, var)), 0.0)

    securities_long = reported((securities_gross + securities_net) / 2, reports_positions)
    securities_short = reported((securities_gross - securities_net) / 2, reports_positions)
    derivatives_long = reported(derivatives_value * (derivatives_gross + derivatives_net) / 2, reports_positions)
    derivatives_short = reported(derivatives_value * (derivatives_gross - derivatives_net) / 2, reports_positions)
    reported_var = np.where(reports_var, var, np.nan)
    typical_var = np.where(tiny, TINY_VAR_PROFITS * var, np.exp(log_scale + by_volatility))
    pnl_existing, pnl_new, pnl_residual = _profits(rng, parameters, typical_var, usage_gap + impulse[:, None])
    customers, others = _transactions(rng, securities_gross, market)
    return TreasuryDesks(
        days=days,
        market=market,
        appetite=appetite,
        exists=exists,
        has_usage=has_usage,
        limit=limit,
        var=var,
        reported_var=reported_var,
        usage=_usage(reported_var, np.where(has_usage, limit, np.nan)),
        usage_gap=usage_gap,
        securities_long=securities_long,
        securities_short=securities_short,
        derivatives_long=derivatives_long,
        derivatives_short=derivatives_short,
        aging=_aging(
            rng,
            np.stack([securities_long, securities_short], axis=2),
            np.stack([derivatives_long, derivatives_short], axis=2),
            np.stack([states["new_assets"], states["new_liabilities"]], axis=2)
            + parameters["new_share_common_sd"] * rng.standard_normal((len(days), 1, 1)),
        ),
        pnl_existing=reported(pnl_existing, reports_pnl),
        pnl_new=reported(pnl_new, reports_pnl),
        pnl_residual=reported(pnl_residual, reports_pnl),
        customer_value=reported(customers, exists),
        non_customer_value=reported(others, exists),
        dv01=_dv01(rng, parameters, log_position, base_limit, days),
    )


def _react(
    rng: np.random.Generator,
    parameters: Parameters,
    days: pd.DatetimeIndex,
    unexposed: np.ndarray,
    log_limit: np.ndarray,
    norm: np.ndarray,
    impulse: np.ndarray,
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """States by name, log VaR and usage gap, (T, desks) each, day by day.

    `unexposed`: (T, desks) log VaR at typical positions. Gross positions share a part of their shocks.
    """
    count, desks = unexposed.shape

    def of_states(kind: str, missing: float = 0.0) -> np.ndarray:
        return np.array([[parameters.get(f"{state}_{kind}", missing)] for state in STATES])

    persistence, deviation = of_states("persistence"), of_states("shock")
    response = of_states("reaction") * np.ones(desks)
    response[:, ~_is_prime()] *= parameters["further_desks_reaction"]
    shocks = rng.standard_normal((count, len(STATES), desks))
    common = np.array([[parameters["gross_common_share"] if "gross" in state else 0.0] for state in STATES])
    shocks = np.sqrt(1 - common) * shocks + np.sqrt(common) * rng.standard_normal((count, len(STATES), 1))
    shocks *= deviation
    later = days >= LATER_FROM
    for place, state in enumerate(STATES):
        if state.startswith("net_securities"):
            shocks[:, place] *= _relative_volatility(days)
        if state.startswith("gross"):
            shocks[later, place] *= parameters[f"{state.removesuffix('_passing')}_later"]
    loading = np.array([parameters[f"var_on_log_{position}"] for position in POSITIONS])
    exposure = np.concatenate([loading, loading, np.zeros(2)])
    lagged_limit = np.vstack([log_limit[:1], log_limit[:-1]])
    threshold = lagged_limit + norm
    ceiling = lagged_limit + np.log(parameters["hedged_from"])
    hedged = parameters["hedged_share"]
    sells = np.where(_is_prime(), parameters["exit_reaction"], 0.0) * in_spans(days, (EXIT_SPAN,))[:, None]
    net_securities = STATES.index("net_securities")
    exit_threshold = lagged_limit + np.log(parameters["exit_from"])
    states = np.empty_like(shocks)
    log_var = np.empty((count, desks))
    usage_gap = np.empty((count, desks))
    state = rng.standard_normal((len(STATES), desks)) * deviation / np.sqrt(1 - persistence**2)
    for day in range(count):
        states[day] = state
        log_var[day] = unexposed[day] + exposure @ state
        log_var[day] -= hedged * np.maximum(log_var[day] - ceiling[day], 0.0)
        usage_gap[day] = log_var[day] - threshold[day]
        state = persistence * state - response * (usage_gap[day] + impulse[day]) + shocks[day]
        state[net_securities] -= sells[day] * np.maximum(log_var[day] - exit_threshold[day], 0.0)
    return dict(zip(STATES, states.transpose(1, 0, 2), strict=True)), log_var, usage_gap


def _is_prime() -> np.ndarray:
    """(desks,) whether a desk is a prime Treasury desk."""
    return np.array([desk.is_prime for desk in TREASURY_DESKS])


def _relative_volatility(days: pd.DatetimeIndex) -> np.ndarray:
    """(desks,) shocks to a desk's net securities position relative to those of the parameter file.

    The largest desks are steadier, and the other prime ones as much less so that the mean square over desk-days is
    one: regressions count desk-days and not dollars.
    """
    desk_days = np.array([in_spans(days, desk.spells).sum() for desk in TREASURY_DESKS])
    volatility = np.array([desk.volatility for desk in TREASURY_DESKS])
    mean_square = np.average(volatility**2, weights=desk_days * _is_prime())
    return np.where(_is_prime(), volatility / np.sqrt(mean_square), 1.0)


def _signed(rng: np.random.Generator, size: np.ndarray, matched: np.ndarray) -> np.ndarray:
    """Net positions with a sign that lasts about a year, mostly long; 0 if matched."""
    turns = rng.random(size.shape) < 0.004
    turns[0] = True
    drawn = np.where(rng.random(size.shape) < LONG_SHARE, 1.0, -1.0)
    last_turn = np.maximum.accumulate(np.where(turns, np.arange(len(size))[:, None], 0), axis=0)
    return np.where(matched, 0.0, np.take_along_axis(drawn, last_turn, axis=0) * size)


def _usage(var: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """VaR over the limit of the business day before (eq. 7-8)."""
    usage = np.full_like(var, np.nan)
    usage[1:] = var[1:] / limit[:-1]
    return usage


def _unreported(rng: np.random.Generator, days: pd.DatetimeIndex) -> tuple[np.ndarray, ...]:
    """Desk-days without any row, without positions, without VaR, without limits, without P&L."""
    count = len(TREASURY_DESKS)
    masks = [rng.random((len(days), count)) < rate for rate in (0.0008, 0.0022, 0.0022, 0.0022, 0.003)]
    event = in_spans(days, (EVENT_WINDOW,))
    prime = np.arange(count) < count - len(BROAD_DESKS)
    for mask in masks:
        mask[np.ix_(event, prime)] = False
    missing, no_positions, no_var, no_usage, no_pnl = masks
    for column, desk in enumerate(TREASURY_DESKS):
        no_positions[:, column] |= days < (desk.positions_from or "2015-01-01")
        before_var = days < (desk.var_from or "2015-01-01")
        no_var[:, column] |= before_var
        no_usage[:, column] |= before_var
    return missing, no_positions, no_var, no_usage, no_pnl


def _profits(
    rng: np.random.Generator, parameters: Parameters, typical_var: np.ndarray, usage_gap: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """P&L on existing and new positions and the residual, dollars: heavy-tailed multiples of typical VaR."""
    days, desks = typical_var.shape
    lagged_gap = np.vstack([usage_gap[:1], usage_gap[:-1]])
    # P&L is small when little happens: its parts share a scale that varies by day and desk
    spread = parameters["pnl_activity_sd"]
    activity = np.exp(rng.normal(-(spread**2), spread, typical_var.shape))
    shifted = parameters["pnl_shifted_noise"] * activity * rng.standard_normal(typical_var.shape)
    level = np.where(_is_prime(), 1.0, parameters["further_desks_profits"])
    new = level * rng.gamma(4, parameters["pnl_new_level"] / 4, desks) + parameters["pnl_new_reaction"] * lagged_gap
    # one factor moves both: Table 14 explains more of the total than of its parts
    market = rng.standard_normal((days, 1))
    new = new + parameters["pnl_new_common"] * market + shifted
    new = new + parameters["pnl_new_noise"] * activity * rng.standard_normal(typical_var.shape)
    exposure = rng.normal(*EXPOSURE_TO_COMMON, desks)
    existing = level * parameters["pnl_existing_level"] - shifted
    existing = existing + parameters["pnl_existing_common"] * exposure * market
    existing = existing + parameters["pnl_existing_noise"] * activity * _heavy_tailed(rng, typical_var.shape)
    residual = 0.03 * _heavy_tailed(rng, typical_var.shape)
    size = typical_var * np.where(_is_prime(), 1.0, parameters["further_desks_profit_size"])
    return existing * size, new * size, residual * size


def _heavy_tailed(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draws of a t distribution with five degrees of freedom, of unit variance."""
    return rng.standard_t(5, shape) * np.sqrt(3 / 5)


def _transactions(
    rng: np.random.Generator, securities_gross: np.ndarray, market: Market
) -> tuple[np.ndarray, np.ndarray]:
    """Value of trades with customers and with others, dollars: follows inventory and volatility."""
    busy = 0.5 * (market.log_move - market.log_move.mean())[:, None]
    share = rng.uniform(-2.2, -1.0, securities_gross.shape[1])
    customer = securities_gross * np.exp(share + busy + rng.normal(0, 0.35, securities_gross.shape))
    return customer, customer * np.exp(rng.normal(0.1, 0.3, securities_gross.shape))


def _aging(
    rng: np.random.Generator, securities: np.ndarray, derivatives: np.ndarray, new_share: np.ndarray
) -> np.ndarray:
    """(T, desks, side, instrument, bucket) dollars; buckets add up to the position to the cent.

    New inventory (0-30 days) is a logistic share of the position; older buckets split the rest geometrically.
    """
    new = 1 / (1 + np.exp(-(0.5 + new_share)))
    older = np.array([0.34, 0.22, 0.22, 0.14, 0.08])
    shares = np.concatenate([new[..., None], (1 - new[..., None]) * older], axis=-1)
    values = np.stack([securities, derivatives], axis=3)[..., None] * shares[:, :, :, None, :]
    values = cents(values)
    # what rounding leaves goes into the oldest bucket
    values[..., -1] = cents(np.stack([securities, derivatives], axis=3) - values[..., :-1].sum(axis=-1))
    return values


def _dv01(
    rng: np.random.Generator,
    parameters: Parameters,
    log_position: dict[str, np.ndarray],
    base_limit: np.ndarray,
    days: pd.DatetimeIndex,
) -> np.ndarray:
    """Dollars per basis point: follows net positions with noise, and passes zero more often later on."""
    exposure = parameters["dv01_on_net"] * log_position["net_combined"]
    exposure = exposure + parameters["dv01_on_net_securities"] * log_position["net_securities"]
    deviation = np.where(days <= LAST_NOTIONAL_DAY, parameters["dv01_sd"], parameters["dv01_later_sd"])
    noise = autoregression(rng, *exposure.shape, parameters["dv01_persistence"], 1.0) * deviation[:, None]
    dv01 = 0.12 * base_limit * np.exp(exposure + noise)
    return cents(np.where(rng.random(exposure.shape) < 0.002, 0.0, dv01))
