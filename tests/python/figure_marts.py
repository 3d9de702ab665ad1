"""Made-up marts of all figures, with numbers that a reader can check."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

DAYS = pd.bdate_range("2020-03-16", "2020-06-11")
STRESS = pd.bdate_range("2020-03-09", "2020-03-23")


def groups(name: str, per_group: dict[str, dict[str, object]]) -> pd.DataFrame:
    """A row per group and day of the event window."""
    frames = [pd.DataFrame({"business_date": DAYS, name: group, **cells}) for group, cells in per_group.items()]
    return pd.concat(frames, ignore_index=True)


def make_marts() -> dict[str, pd.DataFrame]:
    """The marts by name."""
    years = pd.bdate_range("2019-01-02", "2021-12-31")
    count = np.arange(len(years))
    daily = pd.DataFrame({"business_date": years, "is_stress": years.isin(STRESS)})
    sales = groups(
        "usage_group",
        {
            group: {
                "firms": 5,
                "soma_sales_usd_bn": a_day,
                "cumulative_soma_sales_usd_bn": a_day * np.arange(1, len(DAYS) + 1),
                "mean_soma_fraction": a_day / 10 + np.sin(np.arange(len(DAYS))) / 20,
            }
            for group, a_day in (("high", 2.0), ("low", 1.0))
        },
    )
    # no customer sale on the last day
    sales.loc[sales["business_date"] == DAYS[-1], "mean_soma_fraction"] = np.nan
    return {
        "fct_inventory_day": daily.assign(inventory_index=100 + count % 50, ten_year_yield_pct=count % 7 / 4),
        "fct_limit_usage_day": daily.assign(
            average_limit_usage=count % 9 / 10, average_var_limit_usd_mn=12.0, average_var_usd_mn=count % 5
        ),
        "fct_inventory_change_by_constraint": groups(
            "constraint_group",
            {
                group: {
                    "desks": 6,
                    "average_change_usd_bn": a_day * np.arange(len(DAYS)) / 10,
                    "total_signed_change_usd_bn": a_day * np.arange(len(DAYS)),
                }
                for group, a_day in (("constrained", -1.0), ("unconstrained", 0.5))
            },
        ),
        "fct_position_change_by_usage_rank": pd.DataFrame(
            {
                "position_measure": ["net"] * 10 + ["gross"] * 10,
                "usage_rank_decile": [*range(1, 11), *range(1, 11)],
                "mean_log_change_pct": [*np.linspace(5, -5, 10), *np.linspace(2, -2, 10)],
            }
        ),
        "fct_soma_cumulative_sales": sales,
        "fct_market_day": daily.assign(
            log_limit_usage_index=-1 - count % 11 / 10, log_limit_usage_index_residual=np.sin(count)
        ),
    }


def write_marts(path: Path, marts: dict[str, pd.DataFrame], world: str = "real") -> Path:
    """Write a warehouse file with these marts alone, that says of which world it is."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"create schema about; create table about.build as select '{world}' as world")
        connection.execute("create schema marts")
        for name, frame in marts.items():
            connection.register("frame", frame)
            # out of order: the figure does not depend on it
            connection.execute(f"create table marts.{name} as from frame order by random()")
    return path
