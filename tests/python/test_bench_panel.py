"""A benchmark of hours goes on where one package, the first included, does not end."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "bench_panel.py"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_panel", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up
    monkeypatch.setitem(sys.modules, "bench_panel", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "available_gib", lambda: 1e6)
    return module


def cells_by_package(bench: ModuleType, folder: Path, failing: str) -> dict[str, list[str]]:
    """The lines of a comparison in which one package, or writing the panel, takes too long."""

    def instead_of_a_process(function, *arguments):
        name = "panel" if function is bench.write_panel else arguments[0]
        if name == failing:
            raise TimeoutError
        return None if name == "panel" else bench.Measurement(name, 2.0, 1.0, (-0.3,), (0.1,), 1_000, "")

    bench.in_own_process = instead_of_a_process
    lines = [line.strip("| ").split(" | ") for line in bench._compare("spells", 1_000, folder, {})]
    return {line[2]: line[3:] for line in lines}


def test_others_are_measured_where_the_sql_engine_takes_too_long(bench: ModuleType, tmp_path: Path):
    lines = cells_by_package(bench, tmp_path, "sql")
    assert list(lines) == list(bench.ESTIMATORS)
    assert "more than 300 s" in lines["sql"][-1]
    assert lines["linearmodels"][:3] == ["2.00", "", "1.0 GiB"]


def test_sql_engine_is_what_others_are_compared_with(bench: ModuleType, tmp_path: Path):
    lines = cells_by_package(bench, tmp_path, "pyfixest")
    assert "more than 300 s" in lines["pyfixest"][-1]
    assert lines["linearmodels"][:4] == ["2.00", "1.0", "1.0 GiB", "0e+00, 0e+00"]


def test_panel_that_is_not_written_is_one_line(bench: ModuleType, tmp_path: Path):
    assert [*cells_by_package(bench, tmp_path, "panel")] == ["none, the panel was not written"]
