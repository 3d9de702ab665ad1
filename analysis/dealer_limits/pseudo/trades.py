"""The trade half of the pseudo data: securities, dealers, the Fed's purchases and transaction reports."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from dealer_limits.bond_calendar import business_days
from dealer_limits.pseudo.dealers import build_roster, write_dealers
from dealer_limits.pseudo.event_study import deal_sizes, plan_customer_trades
from dealer_limits.pseudo.firms import SAMPLE_FIRMS
from dealer_limits.pseudo.parameters import Parameters, world_parameters
from dealer_limits.pseudo.securities import SecurityUniverse, simulate_universe, simulate_yields, write_auctions
from dealer_limits.pseudo.soma import SomaWorld, event_days, simulate_soma, write_soma
from dealer_limits.pseudo.trace import FILL_FATES, TraceInputs, report_files, simulate_tickets
from dealer_limits.pseudo.trace_files import PSV_FILES, number_in_file, write_report_file

USAGE_START, USAGE_END = "2020-03-02", "2020-06-30"


@dataclass(frozen=True)
class TradeWorld:
    """Everything that the trade half writes, TRACE as the inputs that its report days are made from."""

    universe: SecurityUniverse
    roster: pd.DataFrame
    log_usage: pd.DataFrame
    trace: TraceInputs
    truth: dict

    @property
    def soma(self) -> SomaWorld:
        return self.trace.soma

    @property
    def tickets(self) -> pd.DataFrame:
        return self.trace.tickets


def stream(seed: int, part: str) -> np.random.Generator:
    """A random stream per part, so that a change in one leaves the others as they were."""
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(part.encode())]))


def plausible_firm_usage(rng: np.random.Generator) -> pd.DataFrame:
    """Mean limit usage per firm when no desk world is at hand: high in March, persistent, 0.1 to 1.2."""
    days = business_days(USAGE_START, USAGE_END)
    firms = len(SAMPLE_FIRMS)
    stress = np.interp(np.arange(len(days)), [0, 6, 14, 40, len(days)], [-0.9, -0.4, -0.4, -1.0, -1.3])
    own = np.zeros((len(days), firms))
    own[0] = rng.normal(scale=0.3, size=firms)
    for day in range(1, len(days)):
        own[day] = 0.9 * own[day - 1] + rng.normal(scale=0.13, size=firms)
    usage = np.exp(stress[:, None] + rng.normal(scale=0.3, size=firms) + own)
    rssd_ids = [firm.rssd_id for firm in SAMPLE_FIRMS]
    return pd.DataFrame(np.clip(usage, 0.1, 1.2), index=days, columns=rssd_ids)


def lagged_log_usage(firm_usage: pd.DataFrame) -> pd.DataFrame:
    """Log usage of the business day before each event day, event days x sample firms."""
    calendar = business_days(USAGE_START, USAGE_END)
    usage = firm_usage.reindex(index=calendar, columns=[firm.rssd_id for firm in SAMPLE_FIRMS])
    lagged = np.log(usage).shift(1).loc[event_days()]
    if not np.isfinite(lagged.to_numpy()).all():
        raise ValueError("firm_usage must be positive for every firm and business day of the event window")
    return lagged


def simulate_trade_world(
    seed: int,
    scale: float,
    firm_usage: pd.DataFrame | None,
    parameters: Parameters | None = None,
    other_sales: float = 1.0,
) -> TradeWorld:
    """The trade half of the world, a pure function of its arguments.

    `scale` multiplies the purchased CUSIP-days (6,410 at 1, one a day at least) and the reports of other
    trades (2.5 million at 1). `firm_usage`: business_date x rssd_id, mean limit usage of the firm's desks
    over 2020-03-02..2020-06-30; None takes a plausible one. `parameters`: of one of the worlds, by default of
    `paper`. `other_sales` multiplies sales to customers of what the Fed buys that day. Raises ValueError if usage
    has gaps.
    """
    parameters = world_parameters() if parameters is None else parameters
    universe = simulate_universe(stream(seed, "universe"))
    roster = build_roster()
    if firm_usage is None:
        firm_usage = plausible_firm_usage(stream(seed, "usage"))
    log_usage = lagged_log_usage(firm_usage)
    lagged = log_usage.to_numpy()
    log_size = deal_sizes(stream(seed, "sizes"), lagged)
    yields, prices = simulate_yields(stream(seed, "yields"), universe.securities, event_days())
    soma = simulate_soma(stream(seed, "soma"), universe.securities, prices, roster, lagged, scale, log_size, parameters)
    tickets = simulate_tickets(stream(seed, "tickets"), soma, roster)
    log_purchases = np.log(soma.awards.groupby("day")["par_usd_mn"].sum().to_numpy())
    customer_trades = plan_customer_trades(
        stream(seed, "buys"),
        lagged,
        np.asarray(event_days().month == 3),
        log_size,
        log_purchases - log_purchases.mean(),
        soma.sales_usd_mn[:, : len(SAMPLE_FIRMS)],
        parameters,
    )
    trace = TraceInputs(
        seed, scale, universe.securities, roster, prices, yields, soma, tickets, customer_trades, other_sales
    )
    return TradeWorld(universe, roster, log_usage, trace, planted_parameters(seed, scale, parameters))


def planted_parameters(seed: int, scale: float, parameters: Parameters) -> dict:
    """What was planted: the parameters of the world and the shares of fills by how they reach TRACE."""
    return {"seed": seed, "scale": scale, "fill_fates": FILL_FATES, **parameters}


def true_fills(world: TradeWorld) -> pd.DataFrame:
    """One row per TRACE report that filled an award: operation_id, cusip, control_date and systm_cntrl_nb (of
    the version that stands), filled_par_usd, dealer_mpid, fate (how the fill reached TRACE)."""
    tickets = world.tickets
    sales = true_sales(world).iloc[tickets["fill"]].reset_index(drop=True)
    fills = pd.DataFrame(
        {
            "operation_id": sales["operation_id"],
            "cusip": sales["cusip"],
            "control_date": event_days()[tickets["report_day"]].date,
            "systm_cntrl_nb": number_in_file(
                tickets["control_number"].to_numpy(), tickets["report_day"].to_numpy()
            ).astype(str),
            "filled_par_usd": tickets["filled_par_usd"],
            "dealer_mpid": sales["dealer_mpid"],
            "fate": tickets["fate"],
        }
    )
    return fills.sort_values(["operation_id", "cusip", "control_date", "systm_cntrl_nb"], ignore_index=True)


def true_sales(world: TradeWorld) -> pd.DataFrame:
    """One row per fill, reported to TRACE or not: operation_id, operation_date, cusip, dealer_mpid,
    par_usd, price (dollars)."""
    fills, awards = world.soma.fills, world.soma.awards
    operation = awards["operation"].to_numpy()[fills["award"]]
    return pd.DataFrame(
        {
            "operation_id": world.soma.operations["operation_id"].to_numpy()[operation],
            "operation_date": event_days()[fills["day"]].date,
            "cusip": world.universe.securities["cusip"].to_numpy()[fills["security"]],
            "dealer_mpid": world.roster["mpid"].to_numpy()[fills["dealer"]],
            "par_usd": fills["par_usd_mn"].to_numpy() * 1_000_000,
            "price": fills["price"].to_numpy() / 1e6,
        }
    )


def write_trade_world(world: TradeWorld, raw: Path, truth: Path, advance: Callable[[str], None]) -> None:
    """Write market/treasury_auctions.csv, reference/dealers.csv, soma/, trace/ under `raw` and
    soma_fills.parquet, soma_sales.parquet, trade_parameters.json under `truth`; `advance` is called with
    the name of each part when it is written. The same world gives the same bytes."""
    write_auctions(world.universe.auctions, raw / "market" / "treasury_auctions.csv")
    advance("market/treasury_auctions.csv")
    write_dealers(world.roster, raw / "reference" / "dealers.csv")
    advance("reference/dealers.csv")
    write_soma(world.soma, world.universe.securities, raw / "soma")
    advance("soma")
    for number, (date, table) in enumerate(report_files(world.trace)):
        path = write_report_file(table, date, raw / "trace", as_text=number < PSV_FILES)
        advance(f"trace/{path.name}")
    truth.mkdir(parents=True, exist_ok=True)
    for name, frame in (("soma_fills", true_fills(world)), ("soma_sales", true_sales(world))):
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
        pyarrow.parquet.write_table(table, truth / f"{name}.parquet", compression="zstd", store_schema=False)
    text = json.dumps(world.truth, indent=1, sort_keys=True) + "\n"
    (truth / "trade_parameters.json").write_text(text, encoding="utf-8")
    advance("truth")
