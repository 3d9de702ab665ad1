"""The Treasury desks: positions, VaR, limits and P&L of 40 desks on every day of the calendar.

With z the log of limit usage (eq. 7) less the desk's own norm, in log deviations from its typical sizes:

    slow part of net positions   a[t+1] = rho_a a[t] - lambda_a z[t] + shock      (securities, combined)
    gross positions              g[t+1] = rho_g g[t] - lambda_g z[t] + shock      (securities, derivatives)
    share of new inventory       q[t+1] = rho_q q[t] - lambda_q z[t] + shock      (assets, liabilities; logit)
    log net position             n[t]   = a[t] + e[t],  e transitory
    log VaR                      v[t]   = scale + gamma vol[t] + k_a (a_sec + a_comb) + k_s e_sec + k_c e_comb
                                          + k_g g_sec + f[t] + w[t]
    log limit usage              u[t]   = v[t] - log limit[t-1] - c max(v[t] - log limit[t-1] - log 0.75, 0)

(c is what desks hedge within the day as they come near the limit; reported VaR is u[t] + log limit[t-1])

so desks cut positions when usage is high, new inventory first, and VaR moves with what they hold.
f and w are fast and slow variations of VaR that come from the composition of the book. The regressions of
Table 2 pick up lambda together with the reversal of e and a that k_s, k_c and k_a let into VaR.

    P&L on new positions         VaR[t] (markup + theta z[t-1] - psi z[t] + noise)
    P&L on existing positions    VaR[t] (carry - psi_e z[t] + market + noise)

Desks ask for wider spreads, per unit of VaR, when usage is high (theta; Table 14); P&L lags VaR (psi, psi_e).
"""

from __future__ import annotations

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
from dealer_limits.pseudo.desk_roster import BROAD_DESKS, TREASURY_DESKS
from dealer_limits.pseudo.firms import SAMPLE_FIRMS

LAST_NOTIONAL_DAY = "2020-12-30"
LAST_AGING_DAY = "2020-12-31"
# all prime desks report without gaps here, so that every firm's usage is known for the event study
EVENT_WINDOW = ("2020-02-27", "2020-06-30")
AGING_BUCKETS = ("0-30", "31-60", "61-90", "91-180", "181-360", ">360")
SIDES = ("assets", "liabilities")


@dataclass(frozen=True)
class Reaction:
    """One row of the equations above: persistence, response to usage and daily shock of a state."""

    name: str
    persistence: float
    response: float
    shock: float


REACTIONS: tuple[Reaction, ...] = (
    Reaction("net_securities", 0.97, 0.0080, 0.11),
    Reaction("net_combined", 0.97, 0.016, 0.15),
    Reaction("gross_securities", 0.985, 0.0068, 0.070),
    Reaction("gross_derivatives", 0.985, 0.0072, 0.045),
    Reaction("new_assets", 0.94, 0.016, 0.09),
    Reaction("new_liabilities", 0.94, 0.014, 0.09),
)
BROAD_RESPONSE = 0.6  # of the further desks, relative to the prime ones
VAR_ON_VOLATILITY = 1.35
VAR_ON_SLOW_NET = 0.06
VAR_ON_TRANSITORY_SECURITIES = 0.032
VAR_ON_TRANSITORY_COMBINED = 0.022
VAR_ON_GROSS = 0.05
COMPRESSION = 0.7  # c
COMPRESSION_FROM = 0.75
MARKUP_ON_USAGE = 0.15  # theta
MARKUP_ON_VAR = 0.28  # psi
CARRY_ON_VAR = 0.09  # psi_e
# what regimes of volatility and the convexity of the exponential add to mean usage
USAGE_LEVEL = 0.96
# matched books have VaR next to nothing on some days, and large P&L for such a VaR (Table 1(a))
TINY_VAR_SHARE = 0.08
TINY_VAR_PROFITS = 200.0


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

    @property
    def gross_position(self) -> np.ndarray:
        """Long plus short of securities and derivatives, while derivatives are at notional."""
        gross = self.securities_long + self.derivatives_long + self.securities_short + self.derivatives_short
        return np.where((self.days <= LAST_NOTIONAL_DAY)[:, None], gross, np.nan)


def planted_coefficients() -> dict[str, float]:
    """The coefficients of the equations in this module, by name, for the truth file."""
    planted = {f"response_of_{reaction.name}_to_log_usage": -reaction.response for reaction in REACTIONS}
    planted |= {f"persistence_of_{reaction.name}": reaction.persistence for reaction in REACTIONS}
    return planted | {
        "response_of_further_desks_relative_to_prime": BROAD_RESPONSE,
        "log_var_on_log_volatility": VAR_ON_VOLATILITY,
        "log_var_on_slow_log_net": VAR_ON_SLOW_NET,
        "log_var_on_transitory_log_net_securities": VAR_ON_TRANSITORY_SECURITIES,
        "log_var_on_transitory_log_net_combined": VAR_ON_TRANSITORY_COMBINED,
        "log_var_on_log_gross": VAR_ON_GROSS,
        "share_of_log_usage_above_0.75_hedged_within_the_day": COMPRESSION,
        "new_pnl_to_var_on_lagged_log_usage": MARKUP_ON_USAGE,
        "new_pnl_to_var_on_log_usage": -MARKUP_ON_VAR,
        "existing_pnl_to_var_on_log_usage": -CARRY_ON_VAR,
    }


def cents(dollars: np.ndarray) -> np.ndarray:
    """Dollars rounded to whole cents (still in dollars)."""
    return np.rint(dollars * 100) / 100


def simulate_treasury_desks(seed: int) -> TreasuryDesks:
    """Simulate the 40 Treasury desks; about 0.1 s. Equations and coefficients: see the module's docstring."""
    market = simulate_market(seed)
    days, count = market.days, len(TREASURY_DESKS)
    shape = (len(days), count)
    appetite = simulate_risk_appetite(seed, days, len(SAMPLE_FIRMS))
    rng = stream(seed, "treasury desks")

    firm_index = {firm.mpid: index for index, firm in enumerate(SAMPLE_FIRMS)}
    firm_of_desk = np.array([firm_index[desk.mpid] for desk in TREASURY_DESKS])
    base_limit = np.array([desk.limit_mn for desk in TREASURY_DESKS]) * 1e6
    limit = simulate_limits(
        stream(seed, "treasury limits"), days, appetite, firm_of_desk, base_limit, returning=0.01
    )

    transitory_securities = autoregression(rng, *shape, 0.25, 0.42)
    transitory_combined = autoregression(rng, *shape, 0.25, 0.56)
    transitory_gross = autoregression(rng, *shape, 0.3, 0.03)
    own_variation = autoregression(rng, *shape, 0.65, 0.27) + autoregression(rng, *shape, 0.985, 0.25)
    own_variation += VAR_ON_TRANSITORY_SECURITIES * transitory_securities
    own_variation += VAR_ON_TRANSITORY_COMBINED * transitory_combined
    own_variation += VAR_ON_VOLATILITY * market.volatility_gap[:, None]
    norm = np.log([desk.usage for desk in TREASURY_DESKS]) + np.log(USAGE_LEVEL)
    log_scale = norm + np.log(base_limit)

    state_paths, log_var, usage_gap = _react(rng, own_variation, log_scale, np.log(limit), norm)
    net_securities, net_combined, gross_securities, gross_derivatives, new_assets, new_liabilities = (
        state_paths.transpose(1, 0, 2)
    )

    def typical(size: str) -> np.ndarray:
        return np.log([getattr(desk, size) * 1e9 for desk in TREASURY_DESKS])

    securities_gross = np.exp(typical("securities_gross_bn") + gross_securities + transitory_gross)
    derivatives_gross = np.exp(typical("derivatives_gross_bn") + gross_derivatives)
    matched = np.stack([in_spans(days, desk.matched) for desk in TREASURY_DESKS], axis=1)
    matched |= rng.random(shape) < 0.0004
    securities_net = np.exp(typical("securities_net_bn") + net_securities + transitory_securities)
    securities_net = _signed(rng, np.minimum(securities_net, 0.92 * securities_gross), matched)
    combined_net = _signed(rng, np.exp(typical("net_bn") + net_combined + transitory_combined), matched)
    # derivatives carry what separates the combined net position from the securities
    derivatives_net = np.clip(
        combined_net - securities_net, -0.97 * derivatives_gross, 0.97 * derivatives_gross
    )
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
    derivatives_long = reported(
        derivatives_value * (derivatives_gross + derivatives_net) / 2, reports_positions
    )
    derivatives_short = reported(
        derivatives_value * (derivatives_gross - derivatives_net) / 2, reports_positions
    )
    reported_var = np.where(reports_var, var, np.nan)
    pnl_existing, pnl_new, pnl_residual = _profits(
        rng, np.where(tiny, TINY_VAR_PROFITS * var, np.exp(log_var)), usage_gap
    )
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
            np.stack([new_assets, new_liabilities], axis=2),
        ),
        pnl_existing=reported(pnl_existing, reports_pnl),
        pnl_new=reported(pnl_new, reports_pnl),
        pnl_residual=reported(pnl_residual, reports_pnl),
        customer_value=reported(customers, exists),
        non_customer_value=reported(others, exists),
        dv01=_dv01(
            rng,
            0.2 * net_combined + 0.02 * transitory_combined + 0.02 * transitory_securities,
            base_limit,
        ),
    )


def _react(
    rng: np.random.Generator,
    own_variation: np.ndarray,
    log_scale: np.ndarray,
    log_limit: np.ndarray,
    norm: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States (T, 6, desks), log VaR and usage gap (T, desks), day by day."""
    days, desks = own_variation.shape
    persistence = np.array([[reaction.persistence] for reaction in REACTIONS])
    response = np.array([[reaction.response] for reaction in REACTIONS]) * np.ones(desks)
    response[:, desks - len(BROAD_DESKS) :] *= BROAD_RESPONSE
    deviation = np.array([[reaction.shock] for reaction in REACTIONS])
    shocks = rng.standard_normal((days, len(REACTIONS), desks)) * deviation
    exposure = np.array([VAR_ON_SLOW_NET, VAR_ON_SLOW_NET, VAR_ON_GROSS, 0.0, 0.0, 0.0])
    lagged_limit = np.vstack([log_limit[:1], log_limit[:-1]])
    unexposed = own_variation + log_scale
    threshold = lagged_limit + norm
    ceiling = lagged_limit + np.log(COMPRESSION_FROM)
    states = np.empty_like(shocks)
    log_var = np.empty((days, desks))
    usage_gap = np.empty((days, desks))
    state = rng.standard_normal((len(REACTIONS), desks)) * deviation / np.sqrt(1 - persistence**2)
    for day in range(days):
        states[day] = state
        log_var[day] = unexposed[day] + exposure @ state
        log_var[day] -= COMPRESSION * np.maximum(log_var[day] - ceiling[day], 0.0)
        usage_gap[day] = log_var[day] - threshold[day]
        state = persistence * state - response * usage_gap[day] + shocks[day]
    return states, log_var, usage_gap


def _signed(rng: np.random.Generator, size: np.ndarray, matched: np.ndarray) -> np.ndarray:
    """Net positions with a sign that lasts about a year, long on three days in five; 0 if matched."""
    turns = rng.random(size.shape) < 0.004
    turns[0] = True
    drawn = np.where(rng.random(size.shape) < 0.6, 1.0, -1.0)
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
    rng: np.random.Generator, var: np.ndarray, usage_gap: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """P&L on existing and new positions and the residual, dollars: heavy-tailed multiples of VaR."""
    days, desks = var.shape
    usage_gap = np.clip(usage_gap, -2.5, 2.5)
    lagged_gap = np.vstack([usage_gap[:1], usage_gap[:-1]])
    level = rng.gamma(4, 0.05, desks)
    # P&L is small when little happens: its parts share a scale that varies by day and desk
    activity = np.exp(rng.normal(-0.9, 0.9, var.shape))
    new = level + MARKUP_ON_USAGE * lagged_gap - MARKUP_ON_VAR * usage_gap
    new = new + 0.40 * activity * rng.standard_normal(var.shape)
    exposure = rng.normal(0, 0.2, desks)
    existing = 0.02 + exposure * rng.standard_normal((days, 1)) - CARRY_ON_VAR * usage_gap
    existing = existing + 0.5 * activity * rng.standard_t(5, var.shape)
    residual = 0.03 * rng.standard_t(4, var.shape)
    return existing * var, new * var, residual * var


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


def _dv01(rng: np.random.Generator, log_exposure: np.ndarray, base_limit: np.ndarray) -> np.ndarray:
    """Dollars per basis point: follows the net position with noise; flat on a few days."""
    noise = autoregression(rng, *log_exposure.shape, 0.8, 0.35)
    dv01 = 0.12 * base_limit * np.exp(log_exposure + noise)
    return cents(np.where(rng.random(log_exposure.shape) < 0.002, 0.0, dv01))
