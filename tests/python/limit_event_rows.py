"""Made-up desks with limits that change, through the SQL of `obs_limit_event`."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import duckdb
import jinja2
import numpy as np
import pandas as pd

from dealer_limits.estimation.specifications import read_csv, seed_file
from dealer_limits.project import PROJECT

WINDOW = 6


def panel(seed: int, events: Mapping[int, int], days: int = 60, desks: int = 24, firms: int = 8) -> pd.DataFrame:
    """A row per desk and day: firm, a limit that rises on the day of `events` (desk to day) and stays, and positions.

    A desk leaves when the window after its event is over.
    """
    rng = np.random.default_rng(seed)
    desk, day = (grid.ravel() for grid in np.indices((desks, days)))
    event = np.array([events.get(each, 10 * days) for each in range(desks)])[desk]
    log_position = rng.normal(size=(desks, days)).cumsum(axis=1) / 5 + rng.normal(size=(1, days))
    log_position += 0.3 * rng.normal(size=(firms, days))[np.arange(desks) % firms]
    frame = pd.DataFrame(
        {
            "desk_id": [f"desk {each:02}" for each in desk],
            "business_date": pd.Timestamp("2019-01-01") + pd.to_timedelta(day, "D"),
            "business_day_index": day,
            "firm_rssd": desk % firms + 1,
            "is_prime_treasury_desk": True,
            "var_limit_usd_mn": np.where(day >= event, 15.0, 10.0),
            "net_securities_position_usd_mn": np.exp(log_position.ravel() + 0.2 * (day > event)),
            "event": event,
        }
    )
    return frame[day <= event + WINDOW].reset_index(drop=True)


def warehouse(desk_days: pd.DataFrame, window: int = WINDOW) -> duckdb.DuckDBPyConnection:
    """A database with the desk-days, the observations that the model makes of them, and the registry."""
    connection = duckdb.connect()
    connection.execute("create schema marts; create schema observations; create schema seeds")
    others = ("gross_securities_position_usd_mn", "customer_volume_usd_mn", "pnl_total_usd_mn", "pnl_new_usd_mn")
    connection.register("desk_days", desk_days.assign(**dict.fromkeys(others, np.nan)))
    connection.execute("create table marts.fct_desk_day as from desk_days")
    connection.execute(f"create table observations.obs_limit_event as {model_sql(window)}")
    registry = pd.DataFrame(read_csv(seed_file("extensions")))
    connection.register("registry", registry[registry["table"] == "limit_events"])
    connection.execute("create table seeds.extensions as from registry")
    return connection


def model_sql(window: int) -> str:
    """The SQL of the model with windows of so many days."""
    macros = (PROJECT / "macros/expressions.sql").read_text(encoding="utf-8")
    model = (PROJECT / "models/observations/obs_limit_event.sql").read_text(encoding="utf-8")
    variables = {"limit_event_days": window, "position_floor_usd": 0}
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    return environment.from_string(macros + model).render(
        ref=lambda name: f"marts.{name}",
        var=variables.__getitem__,
        adapter=SimpleNamespace(),
        **{"return": lambda text: text},
    )
