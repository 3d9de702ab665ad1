"""Whole worlds: through files and marts they give what the panel in memory gives; a stopped run goes on."""

from __future__ import annotations

import io
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from conftest import SCALE
from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.panel import Fit
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import estimate
from dealer_limits.estimation.specifications import Specification, build_registry, read_specifications, seed_file
from dealer_limits.montecarlo import processes, whole_worlds
from dealer_limits.montecarlo.calibration_check import check_numbers
from dealer_limits.montecarlo.desk_panel import OBSERVATIONS, simulate_desk_panel
from dealer_limits.montecarlo.desk_panel_moments import printed_numbers
from dealer_limits.montecarlo.panel_regressions import estimate_on, panel_specifications
from dealer_limits.montecarlo.whole_worlds import (
    POOLED_TABLES,
    WholeWorld,
    build_marts,
    fingerprint,
    pipeline_digest,
    run_worlds,
    simulate_world,
)
from dealer_limits.project import PROJECT
from dealer_limits.pseudo.parameters import WORLDS, world_parameters
from dealer_limits.pseudo.world import DEFAULT_SEED
from dealer_limits.warehouse import open_warehouse
from workspace import Workspace, contract_columns

QUICK = Bootstrap(draws=2)
QUIET = Console(file=io.StringIO())


@pytest.fixture(scope="module")
def whole(warehouse: Workspace, tmp_path_factory: pytest.TempPathFactory) -> tuple[WholeWorld, set[str]]:
    """The raw files and the build that the tests share as a whole world, and what is left in its folder besides."""

    def same_files(out: Path, *_: object) -> None:
        out.mkdir(parents=True)
        (out / "raw").symlink_to(warehouse.raw)

    def same_build(raw: Path, folder: Path) -> Path:
        assert raw.resolve() == warehouse.raw.resolve()
        (folder / "warehouse").mkdir()
        return Path(shutil.copy(warehouse.build_file, folder / "warehouse"))

    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_worlds, "write_world", same_files)
        patch.setattr(whole_worlds, "build_marts", same_build)
        path = simulate_world((DEFAULT_SEED, "paper", SCALE, QUICK, folder / f"{DEFAULT_SEED}.world"))
    left = {found.name for found in folder.glob("*.building/*")} | {found.name for found in folder.iterdir()}
    return pickle.loads(path.read_bytes()), left


@pytest.fixture(scope="module")
def of_the_panel() -> list[tuple[Specification, Fit]]:
    """Table 2 on the panel in memory."""
    panel = simulate_desk_panel(DEFAULT_SEED, world_parameters(), SCALE)
    return [(row, estimate_on(panel, row)) for row in panel_specifications() if row.table == "2"]


def test_whole_world_gives_what_the_panel_in_memory_gives(
    whole: tuple[WholeWorld, set[str]], of_the_panel: list[tuple[Specification, Fit]]
) -> None:
    numbers = whole[0].numbers
    assert len(of_the_panel) == 12
    for row, fit in of_the_panel:
        # all but the last digits of a double
        assert numbers[*row.key, "log_limit_usage", "coef"] == pytest.approx(fit.coef[0], abs=1e-9)
        assert numbers[*row.key, "log_limit_usage", "se"] == pytest.approx(fit.se[0], abs=1e-9)
        assert numbers[*row.key, "", "nobs"] == fit.nobs


def test_marts_that_a_world_builds_give_what_the_panel_in_memory_gives(
    world: Path,
    of_the_panel: list[tuple[Specification, Fit]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # trades take most of the time of a build, and Table 2 has none
    monkeypatch.setattr(whole_worlds, "READ", (OBSERVATIONS,))
    monkeypatch.setattr(whole_worlds, "WEIGHED", ())
    built = build_marts(world / "raw", tmp_path)
    registry = build_registry(read_specifications(seed_file("specifications")), contract_columns())
    with open_warehouse(built) as connection:
        (seeds,) = connection.execute(
            "select list(table_name order by table_name) from duckdb_tables() where schema_name = 'seeds'"
        ).fetchone()
        assert set(whole_worlds.REGISTRY_SEEDS) <= set(seeds)
        found = {spec.key: fit for spec, fit in estimate(connection, registry, registry.of_tables(["2"]), QUICK)}
    for row, fit in of_the_panel:
        assert found[row.key].coef == pytest.approx(fit.coef, abs=1e-9)
        assert found[row.key].se == pytest.approx(fit.se, abs=1e-9)
        assert found[row.key].nobs == fit.nobs


def test_what_estimation_reads_is_built() -> None:
    """Models by folder, besides a mart: of every observation model that a specification names."""
    assert whole_worlds.READ == ("observations", "fct_summary_statistics", "fct_figure_measure")
    read = {spec.observations for spec in read_specifications(seed_file("specifications"))}
    assert read <= {path.stem for path in (PROJECT / "models/observations").glob("*.sql")}
    assert all((PROJECT / f"models/marts/{mart}.sql").is_file() for mart in whole_worlds.READ[1:])


def test_every_printed_number_is_checked(whole: tuple[WholeWorld, set[str]]) -> None:
    checked = check_numbers([whole[0]], printed_numbers())

    assert len({number.key for number in checked}) == len(checked) == 1034
    assert {number.key[0] for number in checked} == {str(table) for table in range(1, 16)}


def test_pooled_tables_are_kept_whole(whole: tuple[WholeWorld, set[str]]) -> None:
    printed = {key[:3] for key in printed_numbers() if key[0] in POOLED_TABLES}

    assert {column.key for column in whole[0].columns} == printed


def test_pooled_columns_have_the_recommended_errors_beside(whole: tuple[WholeWorld, set[str]]) -> None:
    for column in whole[0].columns:
        slopes = [place for place, term in enumerate(column.terms) if term != "constant"]
        assert column.recommended in ("wild_dealer", "newey_west_two_step", "moving_block_two_step")
        assert ((column.safe_p[slopes] >= 0) & (column.safe_p[slopes] <= 1)).all()
        assert (column.interval[0] <= column.coef).all() and (column.coef <= column.interval[1]).all()
        assert (column.safe_interval[0, slopes] <= column.safe_interval[1, slopes]).all()


def test_weights_of_the_match_are_judged_beside_the_truth(whole: tuple[WholeWorld, set[str]]) -> None:
    reliability, precision = whole[0].reliability, whole[0].precision
    assert set(reliability["of"]) == {"sets", "trades"} and reliability["share_right"].between(0, 1).all()
    everything = precision.set_index("match_kind").loc["all"]
    assert everything["most_likely_precision"] > 0.9 and everything["most_likely_recall"] > 0.8


def test_raw_files_and_warehouse_are_removed(whole: tuple[WholeWorld, set[str]]) -> None:
    assert f"{DEFAULT_SEED}.world" in whole[1]
    assert not whole[1] & {"data", "warehouse", f"{DEFAULT_SEED}.partial"}


@contextmanager
def no_pool(processes: int) -> Iterator[SimpleNamespace]:
    yield SimpleNamespace(imap_unordered=map)


def stub(made: list[int], killed_at: int | None = None) -> Callable[[tuple], Path]:
    """In place of `simulate_world`: notes the seed; dies at one, in the middle of writing."""

    def simulate(task: tuple) -> Path:
        seed, path = task[0], task[-1]
        if seed == killed_at:
            path.with_suffix(".partial").write_bytes(b"killed while it was written")
            raise KeyboardInterrupt
        made.append(seed)
        path.write_bytes(pickle.dumps(WholeWorld(seed, {}, (), {}, 1.0)))
        return path

    return simulate


def test_run_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "worker_pool", no_pool)
    made: list[int] = []
    monkeypatch.setattr(whole_worlds, "simulate_world", stub(made, killed_at=3))
    with pytest.raises(KeyboardInterrupt):
        run_worlds("paper", (1, 2, 3, 4), tmp_path, QUIET, SCALE, QUICK)
    monkeypatch.setattr(whole_worlds, "simulate_world", stub(made))

    worlds = run_worlds("paper", (1, 2, 3, 4), tmp_path, QUIET, SCALE, QUICK)

    assert made == [1, 2, 3, 4]
    assert [one.seed for one in worlds] == [1, 2, 3, 4]


def test_worlds_of_other_parameters_or_code_are_not_taken(tmp_path: Path) -> None:
    assert len({fingerprint(world) for world in WORLDS}) == len(WORLDS)
    others = (pipeline_digest(SCALE, QUICK), pipeline_digest(1.0, QUICK), pipeline_digest(1.0, Bootstrap()))
    assert len(set(others)) == len(others)


def test_pipeline_digest_sees_a_model_that_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    model = tmp_path / "models" / "fct_desk_day.sql"
    monkeypatch.setattr(whole_worlds, "PROJECT", tmp_path)
    model.write_text("select 1")
    before = pipeline_digest(SCALE, QUICK)
    model.write_text("select 2")

    assert pipeline_digest(SCALE, QUICK) != before


def test_failure_of_dbt_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a folder without a project
    monkeypatch.setattr(whole_worlds, "PROJECT", tmp_path)

    with pytest.raises(DealerLimitsError, match=r"dbt failed: .*dbt_project\.yml") as caught:
        build_marts(tmp_path / "raw", tmp_path)

    assert "\n" not in str(caught.value)


def test_unknown_world_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DealerLimitsError, match="unknown world real"):
        run_worlds("real", (1,), tmp_path, QUIET)
