"""Repeated worlds: what is resumed is what would have been run; the committed table says what it claims."""

from __future__ import annotations

import csv
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.specifications import Specification, read_csv, read_specifications, seed_file
from dealer_limits.montecarlo import processes, repeat_desk_panel
from dealer_limits.montecarlo.committed import SIZE_RANGE, page, read_montecarlo
from dealer_limits.montecarlo.desk_panel import DeskPanel, simulate_desk_panel
from dealer_limits.montecarlo.panel_regressions import estimate_on, panel_specifications
from dealer_limits.montecarlo.population import cross_products, population_coefficients, structural_effects
from dealer_limits.montecarlo.repeat_desk_panel import (
    FIRST_HISTORY,
    FIRST_SEED,
    HISTORIES,
    fingerprint,
    panel_rows,
    run_montecarlo,
)
from dealer_limits.project import DOCS, SEEDS
from dealer_limits.pseudo.parameters import WORLDS, parameter_rows, world_parameters
from worker_tasks import THREADS, note_process, one_process

KEYS = ["table", "panel", "column"]


def row_of(name: str, *key: str) -> Specification:
    return next(row for row in panel_specifications(name) if row.key == key)


@pytest.fixture(scope="module")
def panel() -> DeskPanel:
    return simulate_desk_panel(3, world_parameters(), scale=0.02)


@pytest.fixture(scope="module")
def committed() -> pd.DataFrame:
    return read_montecarlo(SEEDS / "montecarlo.csv")


@pytest.fixture(scope="module")
def tested(committed: pd.DataFrame) -> pd.DataFrame:
    """Rows of the tested terms of the diagnostics, with is_corrected."""
    with (SEEDS / "diagnostics.csv").open(encoding="utf-8") as file:
        questions = pd.DataFrame(csv.DictReader(file))[[*KEYS, "tested_term", "is_corrected"]]
    rows = committed.merge(questions, on=KEYS)
    return rows[rows["term"] == rows["tested_term"]]


def test_population_value_of_one_history_is_its_estimate(panel: DeskPanel) -> None:
    for row in (row_of("specifications", "2", "a", "2"), row_of("specifications", "8", "", "2")):
        pooled = population_coefficients(cross_products(panel, row), row)
        # the same sums in another order
        assert pooled == pytest.approx(estimate_on(panel, row).coef, rel=1e-7)


def test_usage_does_nothing_in_the_null_world() -> None:
    effects = structural_effects((1,), world_parameters("null"), panel_rows())
    assert max(abs(effect) for pair in effects.values() for effect in pair) == 0


def test_usage_does_what_the_parameters_say_in_the_paper_world() -> None:
    parameters = world_parameters()
    effects = structural_effects((1,), parameters, (row_of("specifications", "2", "a", "4"),))
    planted = parameters["net_securities_reaction"] + parameters["net_securities_passing_reaction"]
    # a position near the cap of net over gross does not follow
    assert effects["d_log_net_securities_position", 1, "is_prime_treasury_desk"][0] == pytest.approx(-planted, rel=0.02)


def test_worlds_differ_in_reactions_only() -> None:
    paper = world_parameters()
    for world, scale in WORLDS.items():
        for row in parameter_rows():
            expected = scale if row.role == "reaction" else 1.0
            if row.role != "reaction_bounded":
                assert world_parameters(world)[row.parameter] == paper[row.parameter] * expected


def test_a_run_that_was_stopped_gives_the_same_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # of 222 rows one of each kind: who does what again does not depend on how many there are
    some = [row_of("specifications", *key) for key in (("2", "a", "1"), ("8", "", "2"), ("14", "a", "1"))]
    corrected = next(row for row in panel_specifications("diagnostics") if row.covariance == "jackknife_firm")
    monkeypatch.setattr(repeat_desk_panel, "panel_rows", lambda: (*some, corrected))
    monkeypatch.setattr(processes, "worker_pool", one_process)
    quiet = Console(file=io.StringIO())
    few = {"block_size": 1, "histories": 2, "structural_seeds": (1,)}
    run_montecarlo("paper", 2, tmp_path, quiet, **few)
    whole = (tmp_path / "montecarlo_paper.csv").read_bytes()
    first, second, pooled, _ = sorted(tmp_path.rglob("*.block"))
    for killed in (second, pooled):
        killed.unlink()
        killed.with_suffix(".partial").write_bytes(b"killed while it was written")
    finished = first.stat().st_mtime_ns

    run_montecarlo("paper", 2, tmp_path, quiet, **few)

    assert (tmp_path / "montecarlo_paper.csv").read_bytes() == whole
    assert {row.split(",")[1] for row in whole.decode().splitlines()[1:]} >= {"2", "8", "14"}
    assert first.stat().st_mtime_ns == finished


def test_what_is_missing_is_done_by_processes_of_one_thread_each(tmp_path: Path) -> None:
    tasks = {tmp_path / f"{number}.block": (number,) for number in range(3)}
    done = next(iter(tasks))
    done.write_bytes(pickle.dumps("finished before"))

    found = processes.finish(note_process, tasks, "work", Console(file=io.StringIO()))

    assert found[0] == "finished before"
    assert [number for number, _, _ in found[1:]] == [1, 2]
    assert os.getpid() not in {process for _, process, _ in found[1:]}
    assert all(threads == ["1"] * len(THREADS) for _, _, threads in found[1:])


def test_unknown_worlds_and_odd_numbers_of_worlds_are_refused(tmp_path: Path) -> None:
    for world, reps in (("real", 20), ("paper", 25), ("paper", 10)):
        with pytest.raises(DealerLimitsError):
            run_montecarlo(world, reps, tmp_path, Console(file=io.StringIO()))


def test_population_values_come_from_other_seeds_than_estimates() -> None:
    estimated = range(FIRST_SEED, FIRST_SEED + 100_000)
    assert not set(estimated) & set(range(FIRST_HISTORY, FIRST_HISTORY + HISTORIES))


def test_every_printed_regression_has_a_truth_in_every_world(committed: pd.DataFrame) -> None:
    known = committed.set_index(["world", *KEYS, "term"])[["population", "population_error"]]
    rows = read_csv(seed_file("printed_tables"))
    printed = {(row["table"], row["panel"], row["column"]) for row in rows}
    registry = [spec for spec in read_specifications(seed_file("specifications")) if spec.key in printed]
    assert len(registry) == 173
    for world in WORLDS:
        for row in registry:
            for term in row.terms:
                found = known.loc[(world, *row.key, term)]
                assert np.isfinite(found).all()


def test_committed_table_is_of_the_committed_parameters() -> None:
    committed = (DOCS / "montecarlo.md").read_text(encoding="utf-8")
    for world in WORLDS:
        assert fingerprint(dict(world_parameters(world)), panel_rows()) in committed


def test_tables_of_the_page_are_those_of_the_committed_seed() -> None:
    """All between the facts of the run and how right the weights of the match are, which are of the page alone."""
    first, weights = "## The paper's regressions", "\n## Weights of the match"
    there = (DOCS / "montecarlo.md").read_text(encoding="utf-8").partition(first)[2].partition(weights)[0]
    assert there == page(read_montecarlo(seed_file("montecarlo")), [], SEEDS).partition(first)[2]


def test_corrected_specifications_have_the_right_size_in_the_null_world(tested: pd.DataFrame) -> None:
    null = tested[(tested["world"] == "null") & (tested["is_corrected"] == "true")]
    low, high = SIZE_RANGE
    assert len(null) > 30
    assert null["rejection"].mean() == pytest.approx(0.05, abs=0.02)
    assert null["rejection"].between(low, high).all()


def test_corrected_specifications_rank_the_worlds(tested: pd.DataFrame) -> None:
    corrected = tested[tested["is_corrected"] == "true"].set_index([*KEYS, "world"])
    effect = corrected["effect_lasting"].unstack("world")
    mean = corrected["mean"].unstack("world")
    # a rise of the limit is a fall of usage
    sign = np.where(mean.index.get_level_values("table") == "limit_change", -1, 1)
    reacts = (effect["strong"].abs() > 0.005).to_numpy()
    direction = sign * np.sign(effect["strong"])
    ordered = (mean["null"] * direction < mean["paper"] * direction) & (
        mean["paper"] * direction < mean["strong"] * direction
    )
    assert reacts.sum() > 20
    assert ordered[reacts].all()
    assert (mean["strong"] * direction > 0)[reacts].all()
