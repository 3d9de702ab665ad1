"""Limit events and the shadow cost over time in repeated worlds: the panel in memory, what is planted, and the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation import shadow_cost_over_time
from dealer_limits.estimation.limit_events import TABLE, fit_event_path, rows_by_day
from dealer_limits.estimation.observations import DAY, FIRM, read_rows
from dealer_limits.estimation.shadow_cost_over_time import MARCH, cost_of, elasticities, periods
from dealer_limits.montecarlo import repeat_extensions
from dealer_limits.montecarlo.desk_panel import simulate_desk_panel
from dealer_limits.montecarlo.limit_events import DAYS, WINDOW, event_panel, planted_path, planted_responses
from dealer_limits.montecarlo.repeat_extensions import (
    effect_on_profit,
    extension_rows,
    publish_extensions,
    rows_in_memory,
    run_extensions,
    summarise,
)
from dealer_limits.pseudo.desk_treasury import simulate_treasury_desks
from dealer_limits.pseudo.parameters import WORLDS, world_parameters
from dealer_limits.pseudo.world import DEFAULT_SEED
from workspace import Workspace

# net positions of prime desks, raised; new P&L of all, lowered
PATHS = [row for row in extension_rows(TABLE) if row.key[1:] in (("a", "1"), ("d", "5"))]
PROFIT, USAGE = extension_rows(shadow_cost_over_time.TABLE)


def test_paths_in_memory_are_those_of_the_warehouse(warehouse: Workspace):
    panel = event_panel(simulate_treasury_desks(DEFAULT_SEED, world_parameters()))
    by_spec = {spec: {} for spec in PATHS}
    with warehouse.connect() as connection:
        for spec, day, rows in rows_by_day(connection, PATHS):
            by_spec[spec][day] = rows
    for spec, by_day in by_spec.items():
        marts = fit_event_path(spec, by_day.__getitem__, by_day)
        memory = fit_event_path(spec, lambda day, spec=spec: panel.rows(spec, day), DAYS)
        assert (memory.events, memory.firms, memory.nobs) == (marts.events, marts.firms, marts.nobs)
        assert memory.size == pytest.approx(marts.size)
        # P&L is in cents, positions in dollars
        assert memory.coef == pytest.approx(marts.coef, abs=1e-9)
        assert memory.se == pytest.approx(marts.se, abs=1e-9)
        assert memory.se_clustered == pytest.approx(marts.se_clustered, abs=1e-9)


def test_shadow_costs_in_memory_are_those_of_the_warehouse(warehouse: Workspace):
    panel = simulate_desk_panel(DEFAULT_SEED, world_parameters())
    rows = rows_in_memory(panel, PROFIT)
    days = panel.days[rows.levels[DAY]]
    march = cost_of(rows, PROFIT, (days >= repeat_extensions.MARCH[0]) & (days <= repeat_extensions.MARCH[1]))
    kappa, covariance, _ = elasticities(rows_in_memory(panel, USAGE), USAGE)
    with warehouse.connect() as connection:
        stored = read_rows(connection, [PROFIT], clusters=(DAY, FIRM))
        inside = {period["period"]: mask for period, mask in periods(connection, PROFIT, stored)}
        marts = cost_of(stored, PROFIT, inside[MARCH])
        of_marts = elasticities(read_rows(connection, [USAGE], clusters=(FIRM,)), USAGE)
    # P&L over the limit has ten decimals in the marts
    assert march == pytest.approx(marts, abs=1e-8)
    assert kappa == pytest.approx(of_marts[0], abs=1e-9)
    assert covariance == pytest.approx(of_marts[1], abs=1e-9)


@pytest.fixture(scope="module")
def responses() -> dict[str, dict[str, np.ndarray]]:
    return {world: planted_responses(world_parameters(world), (4_001,)) for world in ("null", "strong")}


def test_nothing_is_planted_in_null_and_usage_lowers_positions_in_strong(responses: dict):
    assert all(not response.any() for response in responses["null"].values())
    prime = {name: response[:, :18].mean(axis=1) for name, response in responses["strong"].items()}
    for name in ("log_net_securities_position", "log_gross_securities_position", "log_customer_volume"):
        assert prime[name][WINDOW] < prime[name][5] < -0.02
        # usage is higher from day 1 on, and desks react to it the day after
        assert abs(prime[name][1]) < 0.01
    assert (prime["pnl_new"][2:] > 0.05).all()
    assert prime["pnl_total"] == pytest.approx(prime["pnl_new"], abs=1e-6)


def test_planted_path_is_the_response_times_how_much_usage_falls(responses: dict):
    panel = event_panel(simulate_treasury_desks(1, world_parameters("strong")))
    (raised,) = (spec for spec in PATHS if spec.panel == "a")
    path = planted_path(panel, raised, responses["strong"])
    chosen = panel.raised & panel.is_prime
    assert len(path) == 2 * WINDOW
    assert not path[: WINDOW - 1].any()
    response = responses["strong"]["log_net_securities_position"][:, panel.desk[chosen]]
    assert path[-1] == pytest.approx(np.mean(-panel.size[chosen] * response[-1]))
    assert path[-1] > 0


def test_effect_on_profit_is_its_parameter_times_typical_var_over_the_limit():
    parameters = world_parameters("strong")
    treasury = simulate_treasury_desks(1, parameters)
    effect = effect_on_profit(1, parameters, treasury)
    # one day's P&L with and without a reaction that is known
    without = simulate_treasury_desks(1, dict(parameters) | {"pnl_new_reaction": 0.0})
    moved = (treasury.pnl_new - without.pnl_new)[1:] / (treasury.usage_gap * treasury.limit)[:-1]
    both = np.isfinite(effect[:-1]) & np.isfinite(moved)
    assert both.sum() > 10_000
    assert effect[:-1][both] == pytest.approx(moved[both], abs=1e-6)


def test_summary_is_the_mean_over_worlds():
    rows = [
        {"result": TABLE, "panel": "a", "column": "1", "outcome": "x", "test": "mean_after", "estimate": estimate,
         "planted": 1.0, "rejects": estimate > 1, "covers": 1.0}
        for estimate in (1.0, 3.0)
    ]  # fmt: skip
    (row,) = summarise([each | {"rejects_clustered": np.nan} for each in rows]).to_dict("records")
    assert (row["worlds"], row["estimate"], row["planted"], row["rejection"], row["coverage"]) == (
        2,
        2.0,
        1.0,
        0.5,
        1.0,
    )
    assert row["sd"] == pytest.approx(2**0.5)


def test_page_sets_the_three_worlds_beside_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each world is one made-up block: what a block of worlds finds is tested above."""
    named = {"panel": "", "column": "1", "outcome": "pnl", "estimate": 0.5, "planted": 0.4, "covers": 1.0}

    def made_up(task: tuple) -> None:
        seeds, parameters, _, path = task
        rejects = 0.05 if parameters["pnl_new_reaction"] == 0 else 1.0
        rows = [
            named | {"result": TABLE, "panel": "a", "test": "days_after", "rejects": rejects, "rejects_clustered": 0.1}
        ]
        rows += [named | {"result": "shadow_cost_over_time", "test": "march", "rejects": rejects}]
        repeat_extensions.keep((rows * len(seeds), 2.0), path)

    def at_once(work, tasks: dict, *_: object) -> list:
        for path, task in tasks.items():
            made_up((*task, path))
        return [pd.read_pickle(path) for path in tasks]

    monkeypatch.setattr(repeat_extensions, "planted_responses", lambda *_: {})
    monkeypatch.setattr(repeat_extensions, "finish", at_once)
    for world in WORLDS:
        run_extensions(world, 12, tmp_path, Console(quiet=True))
    publish_extensions(tmp_path, tmp_path)
    page = (tmp_path / repeat_extensions.PAGE).read_text(encoding="utf-8")
    assert "| `null` | 12 | 8000001 to 8000012 |" in page
    assert (
        "| prime, raised | pnl | days after | 5.0% | 10.0% | 0.4000 | 100% | 100% | 0.4000 | 0.5000 | 100% | 100% |"
        in page
    )
    assert "| march | 5.0% |  | 0.4000 | 100% | 100% | 0.4000 | 0.5000 | 100% | 100% |" in page


def test_what_cannot_be_repeated_is_said(tmp_path: Path):
    with pytest.raises(DealerLimitsError, match="unknown world other"):
        run_extensions("other", 10, tmp_path, Console(quiet=True))
    with pytest.raises(DealerLimitsError, match="--reps 0: expected at least 1"):
        run_extensions("null", 0, tmp_path, Console(quiet=True))
    with pytest.raises(DealerLimitsError, match="run `dealer-limits montecarlo --extensions --world paper`"):
        publish_extensions(tmp_path, tmp_path)
