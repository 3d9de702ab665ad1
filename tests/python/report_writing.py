"""Reports of inputs in a folder; apart from what makes these up, so that a process that only writes imports little."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from dealer_limits.exhibits import report
from dealer_limits.exhibits.figures import Drawn, PaperFigure, write_figure

_DRAWN: dict[tuple[str, str, str], Drawn] = {}


def _draw_once(figure: PaperFigure, rows: pd.DataFrame, folder: Path, sentence: str) -> Drawn:
    """`write_figure`, which copies what this process has drawn of the same rows already."""
    key = figure.name, rows.to_csv(), sentence
    if key not in _DRAWN:
        _DRAWN[key] = write_figure(figure, rows, folder, sentence)
    first = _DRAWN[key]
    files = tuple(folder / file.name for file in first.files)
    for source, file in zip(first.files, files, strict=True):
        if source != file:
            shutil.copyfile(source, file)
    return Drawn(files, first.untitled_svg)


def write(folder: Path, truth: str = "truth") -> Path:
    """The report of the inputs in a folder; drawings take half of its time and are made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "write_figure", _draw_once)
        return report.write_report(
            folder / "w.duckdb",
            folder / "output",
            folder / truth,
            folder / "no_run_results.json",
            Console(quiet=True),
        )


def copy_inputs(source: Path, folder: Path) -> Path:
    """The inputs in a folder, without the report, in another."""
    return shutil.copytree(source, folder, ignore=shutil.ignore_patterns("report"), dirs_exist_ok=True)
