"""A small made-up warehouse with the seeds and marts that estimation reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import duckdb
import jinja2
import numpy as np
import pandas as pd

from dealer_limits.montecarlo.whole_worlds import REGISTRY_SEEDS
from dealer_limits.project import PROJECT, SEEDS

# The first six desks are prime, the others in the broad set only.
DESKS = 8
PRIME_DESKS = 6
HORIZONS = (1, 5, 10)
PLANTED_COEFFICIENT = -0.25

# The last firm has no desks in the sample, so that its sales have no usage.
FIRMS = 6
EVENT_DAYS = 40
BONDS = 15
LEGS = 900

# of the market's days, beginning with the desks'
MARKET_DAYS = 150

POSITIONS = [
    f"{kind}_{scope}"
    for scope in ("position", "securities_position")
    for kind in ("net", "gross", "long", "short", "net_to_gross")
]
OUTCOMES = [
    *(f"d_log_{name}" for name in POSITIONS),
    *(f"d_log_{side}_{age}" for side in ("assets", "liabilities") for age in ("le_30d", "gt_30d")),
    *("d_pnl_total_to_var", "d_pnl_new_to_var", "d_pnl_existing_to_var"),
    "arc_change_net_securities_position",
]
KEYS = {
    "obs_desk_horizon": "desk_id, business_date, horizon",
    "obs_dealer_day": "firm_rssd, business_date",
    "obs_soma_sale": "award_id, trade_id",
    "obs_market_day": "business_date",
}


@dataclass(frozen=True)
class World:
    """Rows of the observation models that estimation reads, one frame each, and the desk-days behind them."""

    desk_days: pd.DataFrame
    changes: pd.DataFrame
    dealer_days: pd.DataFrame
    soma_sales: pd.DataFrame
    market_days: pd.DataFrame


def make_world(seed: int = 1, noise: float = 1.0, days: int = 100) -> World:
    """Desk-days from late 2019 on; every change is usage times -0.25 plus a desk, a day and a noise part.

    But for two kinds that follow from others: the change of log(net / gross) is that of net less that of
    gross, that of total P&L the sum of those of new and existing positions.
    """
    rng = np.random.default_rng(seed)
    dates = pd.bdate_range("2019-12-02", periods=days)
    desk_days = pd.MultiIndex.from_product(
        [[f"desk_{number}" for number in range(DESKS)], dates], names=["desk_id", "business_date"]
    ).to_frame(index=False)
    count = len(desk_days)
    desk = desk_days["desk_id"].str.removeprefix("desk_").astype(int)
    day = desk_days["business_date"].rank(method="dense").astype(int)
    desk_days["business_day_index"] = day
    # two desks a firm
    desk_days["firm_rssd"] = desk // 2 + 1
    desk_days["is_prime_treasury_desk"] = desk < PRIME_DESKS
    desk_days["is_treasury_desk"] = True
    for name in POSITIONS:
        desk_days[f"{name}_usd_mn"] = np.exp(rng.normal(6, 1, count))
    desk_days["var_usd_mn"] = np.exp(rng.normal(0, 0.5, count))
    desk_days["var_limit_usd_mn"] = 10.0
    desk_days["limit_usage"] = desk_days["var_usd_mn"] / 10
    desk_days["log_limit_usage"] = np.log(desk_days["limit_usage"]) + desk / 10 + np.sin(day / 9)
    desk_days["limit_usage_std"] = rng.normal(size=count)
    desk_days["limit_usage_percentile_rank"] = rng.uniform(size=count)
    desk_days["limit_usage_quartile"] = np.ceil(desk_days["limit_usage_percentile_rank"] * 4).astype(int)
    desk_days["log_dv01_limit_usage"] = np.where(desk < 3, rng.normal(size=count), 0.0)
    for part in ("new", "existing"):
        desk_days[f"pnl_{part}_usd_mn"] = rng.normal(0.1, 1, count)
    desk_days["pnl_total_usd_mn"] = desk_days["pnl_new_usd_mn"] + desk_days["pnl_existing_usd_mn"]
    for part in ("total", "new", "existing"):
        desk_days[f"pnl_{part}_to_var"] = desk_days[f"pnl_{part}_usd_mn"] / desk_days["var_usd_mn"]
    desk_days["slr_distance_pct"] = 1 + rng.uniform(size=count)
    desk_days["slr_distance_lag_pct"] = 1 + rng.uniform(size=count)
    # limits of the firm's other desks move on one day in three, and take usage with them
    for name, share in (("increase", 0.3), ("decrease", -0.3)):
        moves = np.where(rng.uniform(size=count) < 1 / 3, share * rng.uniform(size=count), 0.0)
        desk_days[f"firm_limit_{name}"] = moves
        desk_days["log_limit_usage"] -= 2 * moves
    panels = []
    for horizon in HORIZONS:
        panel = desk_days[["desk_id", "business_date"]].assign(horizon=horizon)
        for outcome in OUTCOMES:
            # noise grows with usage, so that robust errors differ from classical ones
            spread = noise * (0.5 + desk_days["limit_usage"]) * rng.normal(size=count)
            panel[outcome] = PLANTED_COEFFICIENT * desk_days["log_limit_usage"] + desk / 5 + np.cos(day / 7) + spread
        for scope in ("position", "securities_position"):
            # a net position of zero has no log
            panel.loc[rng.uniform(size=count) < 0.02, f"d_log_net_{scope}"] = np.nan
            panel[f"d_log_net_to_gross_{scope}"] = panel[f"d_log_net_{scope}"] - panel[f"d_log_gross_{scope}"]
        panel["d_pnl_total_to_var"] = panel["d_pnl_new_to_var"] + panel["d_pnl_existing_to_var"]
        ends = day > days - horizon
        panel.loc[ends, OUTCOMES] = np.nan
        panels.append(panel)
    # a missing usage every 97 rows: such rows must not be counted
    desk_days.loc[desk_days.index % 97 == 5, "log_limit_usage"] = np.nan
    changes = pd.concat(panels, ignore_index=True).merge(
        with_terms(desk_days), on=["desk_id", "business_date"], validate="m:1"
    )
    dealer_days = make_dealer_days(rng)
    return World(
        desk_days,
        changes,
        dealer_days,
        make_soma_sales(rng, dealer_days),
        make_market_days(rng),
    )


def with_terms(desk_days: pd.DataFrame) -> pd.DataFrame:
    """Desk-days with the terms of obs_desk_horizon."""
    year = desk_days["business_date"].dt.year
    terms = {
        "is_prime_treasury_desk_in_2020": desk_days["is_prime_treasury_desk"] & (year == 2020),
        "log_limit_usage_x_slr_distance_lag_pct": desk_days["log_limit_usage"] * desk_days["slr_distance_lag_pct"],
    }
    terms |= {f"limit_usage_q{n}": (desk_days["limit_usage_quartile"] == n).astype(int) for n in (2, 3, 4)}
    return desk_days.assign(**terms)


def with_march(frame: pd.DataFrame, *terms: str) -> pd.DataFrame:
    """A frame with its terms in March and after it."""
    march = frame["business_date"] < "2020-04-01"
    return frame.assign(
        **{
            f"march_{number}_x_{term}": frame[term] * is_in
            for term in terms
            for number, is_in in ((0, ~march), (1, march))
        }
    )


def make_market_days(rng: np.random.Generator) -> pd.DataFrame:
    """Days with illiquidity that spreads with volatility; some lack an index, one lacks a measure."""
    dates = pd.bdate_range("2019-12-02", periods=MARKET_DAYS)
    move = 60 + 15 * rng.gamma(2, size=MARKET_DAYS)
    index = np.where(np.arange(MARKET_DAYS) < 10, np.nan, rng.normal(size=MARKET_DAYS))
    # the residual of a regression on MOVE, as the mart has it
    index[10:] -= np.polynomial.Polynomial.fit(move[10:], index[10:], 1)(move[10:])
    # rounded as published, so that values repeat
    measures = {
        name: (1 + move / 40 * (1 + rng.gamma(1, size=MARKET_DAYS)) + 0.3 * np.nan_to_num(index)).round(1)
        for name in ("curve_fit_error", "on_the_run_premium")
    }
    days = pd.DataFrame({"business_date": dates, "move": move, "log_limit_usage_index_residual": index, **measures})
    days.loc[70, "curve_fit_error"] = np.nan
    return days


def make_dealer_days(rng: np.random.Generator) -> pd.DataFrame:
    """Firm-days from 2020-03-16 on; one has no usage, some have no sale to the Fed, one no customer sale."""
    dealer_days = pd.MultiIndex.from_product(
        [range(1, FIRMS), pd.bdate_range("2020-03-16", periods=EVENT_DAYS)],
        names=["firm_rssd", "business_date"],
    ).to_frame(index=False)
    count = len(dealer_days)
    dealer_days["limit_usage_lag"] = rng.uniform(0.1, 0.9, count) + dealer_days["firm_rssd"] / 50
    dealer_days.loc[7, "limit_usage_lag"] = np.nan
    dealer_days["log_limit_usage_lag"] = np.log(dealer_days["limit_usage_lag"])
    sells = rng.uniform(size=count) < 0.8
    dealer_days["soma_sale_indicator"] = sells.astype(int)
    dealer_days["log_soma_sale_amount"] = np.where(sells, rng.normal(6, 2, count) + dealer_days["firm_rssd"], np.nan)
    for name in ("sales", "buys"):
        dealer_days[f"soma_sales_to_customer_{name}"] = np.where(sells, rng.uniform(size=count), 0.0)
    dealer_days.loc[11, "soma_sales_to_customer_sales"] = np.nan
    for name in ("in_soma", "not_in_soma", "total"):
        dealer_days[f"log_customer_buys_{name}"] = rng.normal(15, 1, count)
    return with_march(dealer_days, "log_limit_usage_lag", "log_soma_sale_amount")


def make_soma_sales(rng: np.random.Generator, dealer_days: pd.DataFrame) -> pd.DataFrame:
    """Legs of awards on the firm-days, of bonds of all lives; a bond is not bought on every day."""
    sales = pd.DataFrame(
        {
            "award_id": [f"award_{number // 3}" for number in range(LEGS)],
            "trade_id": [f"trade_{number}" for number in range(LEGS)],
            "firm_rssd": rng.integers(1, FIRMS + 1, LEGS),
            "bond": rng.integers(0, BONDS, LEGS),
            "match_level": rng.choice([1, 2, 2, 3], LEGS),
        }
    )
    sales["business_date"] = rng.choice(dealer_days["business_date"].unique(), LEGS)
    sales = sales[(sales["bond"] + sales["business_date"].dt.day) % 3 > 0]
    sales["cusip"] = "bond_" + sales["bond"].astype(str)
    sales["years_to_maturity"] = np.where(sales["bond"] == 0, np.nan, sales["bond"] * 1.0)
    sales = sales.merge(
        dealer_days[["firm_rssd", "business_date", "log_limit_usage_lag"]],
        on=["firm_rssd", "business_date"],
        how="left",
    )
    sales["firm_rssd"] = sales["firm_rssd"].where(sales["firm_rssd"] < FIRMS)
    noise = rng.normal(size=len(sales)) * (1 + sales["bond"]) / 100
    sales["offer_aggressiveness"] = 0.01 * sales["log_limit_usage_lag"].fillna(0) + noise
    lives = {"lt_5": (0, 5), "5_10": (5, 10), "ge_10": (10, 100)}
    for life, (low, high) in lives.items():
        years = sales["years_to_maturity"]
        is_in = ((years >= low) & (years < high)).where(years.notna()).astype(float)
        sales[f"life_{life}_x_log_limit_usage_lag"] = is_in * sales["log_limit_usage_lag"]
    sales["is_match_level_1_or_2"] = sales["match_level"] < 3
    return with_march(sales.drop(columns="bond"), "log_limit_usage_lag")


def write_registry(connection: duckdb.DuckDBPyConnection) -> None:
    """Write the seeds that estimation reads from the project's CSV files, of specifications the printed columns."""
    for name in REGISTRY_SEEDS:
        connection.execute(
            f"create table seeds.{name} as from read_csv($file, all_varchar = true, header = true)",
            {"file": str(SEEDS / f"{name}.csv")},
        )
    connection.execute("alter table seeds.printed_tables alter horizon type integer")
    connection.execute(
        """
        delete from seeds.specifications as specified
        where not exists (
            select 1
            from seeds.printed_tables as printed
            where
                specified."table" = printed."table"
                and specified.panel is not distinct from printed.panel
                and specified."column" = printed."column"
        )
        """
    )


def write_warehouse(path: Path, world: World, built_from: str = "real") -> Path:
    """Write a warehouse file with `seeds` from the project's CSV files and the rest from a world.

    `built_from`: the world that it says it is of.
    """
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"create schema about; create table about.build as select '{built_from}' as world")
        connection.execute("create schema seeds; create schema marts; create schema observations")
        write_registry(connection)
        for name, frame in (
            ("marts.fct_desk_day", world.desk_days),
            ("marts.fct_firm_day", world.dealer_days),
            ("observations.obs_desk_horizon", world.changes),
            ("observations.obs_dealer_day", world.dealer_days),
            ("observations.obs_soma_sale", world.soma_sales),
            ("observations.obs_market_day", world.market_days),
        ):
            connection.register("frame", frame)
            connection.execute(
                f"create table {name} as select * replace (cast(business_date as date) as business_date) from frame"
            )
        for name, key in KEYS.items():
            connection.execute(f"alter table observations.{name} add primary key ({key})")
        connection.execute(f"create table marts.fct_summary_statistics as {summary_query()}")
    return path


def summary_query() -> str:
    """The SQL of the model fct_summary_statistics, on the marts of the same file."""
    model = (PROJECT / "models/marts/fct_summary_statistics.sql").read_text(encoding="utf-8")
    adapter = SimpleNamespace(quote=lambda name: f'"{name}"')
    return jinja2.Template(model).render(ref=lambda name: f"marts.{name}", adapter=adapter)
