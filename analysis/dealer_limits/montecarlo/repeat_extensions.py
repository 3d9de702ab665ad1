"""`dealer-limits montecarlo --extensions`: limit events and the shadow cost over time where the truth is known;
resumable.

Tests around limit events are counted in repeated worlds: in `null` nothing is there, and they should reject in 5% of
them. What is planted, and how often intervals hold it, is of every world. The truth of λ in a period is the mean of
what a log point of usage adds to the next day's P&L over the limit, over usage; that of the elasticities are the
loadings of VaR.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation import limit_events, shadow_cost_over_time
from dealer_limits.estimation.limit_events import EventPath, fit_event_path, weeks_of
from dealer_limits.estimation.observations import DAY, FIRM, Rows
from dealer_limits.estimation.shadow_cost_over_time import cost_of, elasticities
from dealer_limits.estimation.specifications import Specification, read_specifications, seed_file
from dealer_limits.montecarlo.desk_panel import CONSTANTS, DeskPanel, shift, simulate_desk_panel
from dealer_limits.montecarlo.limit_events import DAYS, event_panel, planted_path, planted_responses
from dealer_limits.montecarlo.panel_regressions import arrays
from dealer_limits.montecarlo.processes import code_of, digest, finish, keep
from dealer_limits.project import DOCS
from dealer_limits.pseudo.desk_treasury import TreasuryDesks, simulate_treasury_desks
from dealer_limits.pseudo.parameters import WORLDS, Parameters, world_parameters

FIRST_SEED = 8_000_001
RESPONSE_SEEDS = tuple(range(4_001, 4_009))
BLOCK = 10
PAGE = "montecarlo_extensions.md"
# the state `march` of the warehouse
MARCH = (CONSTANTS["march_last_day"][:8] + "01", CONSTANTS["march_last_day"])
SAMPLES = {"a": "prime, raised", "b": "prime, lowered", "c": "all, raised", "d": "all, lowered"}
_HEADING = (
    "| `null` rejects | by firm | `paper` planted | covers | rejects "
    "| `strong` planted | mean estimate | covers | rejects |"
)
KEYS = ["result", "panel", "column", "outcome", "test"]


def extension_rows(table: str) -> list[Specification]:
    """The rows of the registry of one extension."""
    return [spec for spec in read_specifications(seed_file("extensions")) if spec.table == table]


def run_extensions(world: str, reps: int, output: Path, console: Console, processes: int | None = None) -> pd.DataFrame:
    """Repeat a world `reps` times and write `montecarlo_extensions_<world>.csv` and `.json` to `output`.

    A row per result, test and outcome: `worlds` in which it is estimated, mean `estimate` and `planted`, `rejection` of
    zero at 5% (jackknife by firm), `rejection_clustered` (errors by firm), `coverage` of what is planted by 95%
    intervals, of a path by its band. Tests by day are means over days. Raises DealerLimitsError for an unknown world or
    no reps.
    """
    if world not in WORLDS:
        raise DealerLimitsError(f"unknown world {world}: choose from {', '.join(WORLDS)}")
    if reps < 1:
        raise DealerLimitsError(f"--reps {reps}: expected at least 1")
    parameters = dict(world_parameters(world))
    registry = read_specifications(seed_file("extensions"))
    code = digest(code_of("montecarlo", "pseudo", "estimation"), repr((sorted(parameters.items()), registry)))
    folder = output / "montecarlo_extensions" / f"{world}-{code}"
    folder.mkdir(parents=True, exist_ok=True)
    started = time.process_time()
    responses = planted_responses(parameters, RESPONSE_SEEDS)
    own_seconds = time.process_time() - started
    tasks = {}
    for first in range(FIRST_SEED, FIRST_SEED + reps, BLOCK):
        seeds = tuple(range(first, min(first + BLOCK, FIRST_SEED + reps)))
        tasks[folder / f"{first}-{seeds[-1]}.block"] = (seeds, parameters, responses)
    blocks = finish(estimate_block, tasks, f"extensions in {world}", console, processes)
    frame = summarise([row for rows, _ in blocks for row in rows])
    frame.insert(0, "world", world)
    frame.to_csv(output / f"montecarlo_extensions_{world}.csv", index=False, float_format="%.6g", lineterminator="\n")
    facts = {
        "world": world,
        "reps": reps,
        "first_seed": FIRST_SEED,
        "version": version("dealer-limits"),
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor_seconds": round(own_seconds + sum(seconds for _, seconds in blocks)),
    }
    (output / f"montecarlo_extensions_{world}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    console.print(frame.round(3).to_string(index=False), highlight=False, soft_wrap=True)
    return frame


def estimate_block(task: tuple[tuple[int, ...], Parameters, dict[str, np.ndarray], Path]) -> None:
    """Write what the worlds of some seeds find, and how many processor seconds that took."""
    seeds, parameters, responses, path = task
    started = time.process_time()
    rows = [row for seed in seeds for row in estimate_world(seed, parameters, responses)]
    keep((rows, time.process_time() - started), path)


def estimate_world(seed: int, parameters: Parameters, responses: dict[str, np.ndarray]) -> Iterator[dict[str, object]]:
    """Every test in the world of one seed: KEYS, estimate, planted, rejects, rejects_clustered and covers (0 or 1)."""
    treasury = simulate_treasury_desks(seed, parameters)
    panel = event_panel(treasury)
    for spec in extension_rows(limit_events.TABLE):
        named = {"result": spec.table, "panel": spec.panel, "column": spec.column, "outcome": spec.outcome}
        try:
            path = fit_event_path(spec, lambda day, spec=spec: panel.rows(spec, day), DAYS)
        except ValueError:
            continue
        planted = planted_path(panel, spec, responses)
        for row in _tests_of_path(path, planted):
            yield named | row
    yield from _shadow_cost_tests(seed, parameters, treasury)


def _tests_of_path(path: EventPath, planted: np.ndarray) -> Iterator[dict[str, object]]:
    after = path.days >= 0
    for side, name in ((~after, "before"), (after, "after")):
        # day 0 itself has nothing to find
        own, truth = path.of_days(side & (path.days != 0)), planted[side & (path.days != 0)]
        off = np.abs(own.coef - truth)
        yield {
            "test": f"days_{name}", "estimate": own.coef.mean(), "planted": truth.mean(),
            "rejects": np.mean(np.abs(own.coef) > own.critical * own.se),
            "rejects_clustered": np.mean(np.abs(own.coef) > own.critical * own.se_clustered),
            "covers": np.mean(off <= own.critical * own.se),
        }  # fmt: skip
        yield {
            "test": f"path_{name}", "estimate": own.coef.mean(), "planted": truth.mean(),
            "rejects": own.p_joint < 0.05, "covers": bool((off <= own.band * own.se).all()),
        }  # fmt: skip
        mean = own.mean()
        yield {
            "test": f"mean_{name}", "estimate": mean.coef[0], "planted": truth.mean(), "rejects": mean.p[0] < 0.05,
            "covers": abs(mean.coef[0] - truth.mean()) <= mean.critical * mean.se[0],
        }  # fmt: skip
    weeks, truth = weeks_of(path), weeks_of(replace(path, coef=planted))
    for side, name in ((weeks.days < 0, "before"), (weeks.days > 0, "after")):
        own, of_weeks = weeks.of_days(side), truth.of_days(side).coef
        yield {
            "test": f"weeks_{name}", "estimate": own.coef.mean(), "planted": of_weeks.mean(),
            "rejects": own.p_joint < 0.05,
            "covers": bool((np.abs(own.coef - of_weeks) <= own.band * own.se).all()),
        }  # fmt: skip


def _shadow_cost_tests(seed: int, parameters: Parameters, treasury: TreasuryDesks) -> Iterator[dict[str, object]]:
    profit, usage = extension_rows(shadow_cost_over_time.TABLE)
    panel = simulate_desk_panel(seed, parameters)
    rows = rows_in_memory(panel, profit)
    adds = effect_on_profit(seed, parameters, treasury)[:, : panel.sample(profit.sample).shape[1]].ravel()
    days = panel.days[rows.levels[DAY]]
    march = (days >= MARCH[0]) & (days <= MARCH[1])
    quarters = days.to_period("Q")
    periods = [("march", march), ("other_days", ~march), *(("quarter", quarters == each) for each in quarters.unique())]
    named = {"result": shadow_cost_over_time.TABLE, "panel": "", "outcome": "pnl_new_to_limit"}
    for name, inside in periods:
        try:
            cost = cost_of(rows, profit, inside)
        except ValueError:
            continue
        truth = float(np.nanmean(np.where(inside, adds, np.nan))) / cost["usage"]
        yield named | {
            "column": "1", "test": name, "estimate": cost["shadow_cost"], "planted": truth,
            "rejects": cost["p"] < 0.05, "covers": cost["ci_low"] <= truth <= cost["ci_high"],
        }  # fmt: skip
    kappa, covariance, df = elasticities(rows_in_memory(panel, usage), usage)
    reach = limit_events.critical_value(df) * np.sqrt(np.diag(covariance))
    for place, kind in enumerate(("net_securities", "gross_securities")):
        truth = parameters[f"var_on_log_{kind}"]
        yield named | {
            "column": "2", "outcome": "limit_usage", "test": f"usage_on_{kind}", "estimate": kappa[place],
            "planted": truth, "rejects": abs(kappa[place]) > reach[place],
            "covers": abs(kappa[place] - truth) <= reach[place],
        }  # fmt: skip


def rows_in_memory(panel: DeskPanel, spec: Specification) -> Rows:
    """All rows of a specification's sample as `read_rows` has them, day after day."""
    outcome, regressors, _, _ = arrays(panel, spec)
    values = {name: column.ravel() for name, column in zip(spec.variables, (outcome, *regressors), strict=True)}
    day, desk = np.indices(outcome.shape)
    levels = {DAY: day.ravel(), "desk_id": desk.ravel(), FIRM: panel.firm[desk.ravel()]}
    return Rows(values, levels)


def effect_on_profit(seed: int, parameters: Parameters, treasury: TreasuryDesks) -> np.ndarray:
    """(T, 40) what a log point of usage on day t adds to the new P&L of t + 1 over its limit.

    P&L is linear in its reaction to usage, so that a world with a larger one has as much more of usage times typical
    VaR.
    """
    name, larger = "pnl_new_reaction", 1.0
    more = simulate_treasury_desks(seed, dict(parameters) | {name: parameters[name] + larger})
    gap = np.where(np.abs(treasury.usage_gap) > 0.01, treasury.usage_gap, np.nan)
    typical_var = shift(more.pnl_new - treasury.pnl_new, 1) / gap / larger
    return parameters[name] * typical_var / treasury.limit


def summarise(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    """Means over worlds, in the order in which tests come first."""
    frame = pd.DataFrame(rows)
    numbers = ["estimate", "planted", "rejects", "rejects_clustered", "covers"]
    frame[numbers] = frame[numbers].astype(float)
    grouped = frame.groupby(KEYS, sort=False)
    summary = (
        grouped[numbers]
        .mean()
        .rename(columns={"rejects": "rejection", "rejects_clustered": "rejection_clustered", "covers": "coverage"})
    )
    summary.insert(0, "sd", grouped["estimate"].std())
    summary.insert(0, "worlds", grouped.size())
    return summary.reset_index()


def publish_extensions(output: Path, docs: Path = DOCS) -> None:
    """Write the page of three finished worlds. Raises DealerLimitsError where one was not run."""
    frames, facts = {}, []
    for world in WORLDS:
        table = output / f"montecarlo_extensions_{world}.csv"
        if not table.exists():
            raise DealerLimitsError(f"{table} is missing: run `dealer-limits montecarlo --extensions --world {world}`")
        frames[world] = pd.read_csv(table, dtype=dict.fromkeys(KEYS, str), keep_default_na=False, na_values=[""])
        facts.append(json.loads(table.with_suffix(".json").read_text(encoding="utf-8")))
    (docs / PAGE).write_text("\n".join(_page(frames, facts)) + "\n", encoding="utf-8")


def _page(frames: Mapping[str, pd.DataFrame], facts: Sequence[Mapping[str, object]]) -> Iterator[str]:
    yield from (
        "# Monte Carlo of limit events and of the shadow cost over time",
        "",
        "Written by `dealer-limits montecarlo --extensions --publish` from worlds that",
        "`dealer-limits montecarlo --extensions --world <world> --reps <worlds>` simulated in memory.",
        "What is estimated is in [limit_events.md](limit_events.md) and [shadow_cost.md](shadow_cost.md).",
        "",
        "| world | worlds | seeds | version | written | processor seconds |",
        "| --- | --- | --- | --- | --- | --: |",
    )
    for fact in facts:
        last = fact["first_seed"] + fact["reps"] - 1
        yield (
            f"| `{fact['world']}` | {fact['reps']} | {fact['first_seed']} to {last} | {fact['version']} "
            f"| {fact['written']} | {fact['processor_seconds']} |"
        )
    yield from (
        "",
        "Rejections of zero at 5%: in `null` the size of the test, in the others its power. Coverage is of what is",
        "planted, by 95% intervals, of a path by its band. *days* are means of the tests of single days, *path* is the",
        "test of all of them at once, *weeks* the same of weeks against the week before day 0, *mean* that of the mean",
        "of all days; day 0 itself is left out of days, path and mean. Errors are the jackknife by firm; *by firm* has",
        "the share with errors clustered by firm.",
        "",
        "## Limit events",
        "",
        f"| sample | outcome | test {_HEADING}",
        "| --- | --- | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |",
    )
    by_world = {world: frame.set_index(KEYS) for world, frame in frames.items()}
    for key, null in by_world["null"].iterrows():
        paper, strong = by_world["paper"].loc[key], by_world["strong"].loc[key]
        clustered = "" if np.isnan(null["rejection_clustered"]) else f"{null['rejection_clustered']:.1%}"
        shown = (
            f"| {null['rejection']:.1%} | {clustered} "
            f"| {paper['planted']:.4f} | {paper['coverage']:.0%} | {paper['rejection']:.0%} "
            f"| {strong['planted']:.4f} | {strong['estimate']:.4f} "
            f"| {strong['coverage']:.0%} | {strong['rejection']:.0%} |"
        )
        result, panel, _, outcome, test = key
        if result == limit_events.TABLE:
            yield f"| {SAMPLES[panel]} | {outcome} | {test.replace('_', ' ')} {shown}"
        else:
            if test == "march":
                yield from (
                    "",
                    "## Shadow cost over time",
                    "",
                    "λ by period, *quarter* the mean over quarters, and the elasticities of usage on positions.",
                    "",
                    f"| {_HEADING}",
                    "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |",
                )
            yield f"| {test.replace('_', ' ')} {shown}"
