"""Figures: what they say, what they draw, and the same bytes every time."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.exhibits.figures import FIGURES, draw_figures


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """The mart of Figure 5: the high group sells 2 a day, the low one 1; no fraction on the last day."""
    days = pd.bdate_range("2020-03-16", "2020-06-11")
    groups = []
    for group, daily in (("high", 2.0), ("low", 1.0)):
        frame = pd.DataFrame({"business_date": days, "usage_group": group, "firms": 5})
        frame["soma_sales_usd_bn"] = daily
        frame["cumulative_soma_sales_usd_bn"] = daily * np.arange(1, len(days) + 1)
        frame["mean_soma_fraction"] = daily / 10 + np.sin(np.arange(len(days))) / 20
        frame.loc[frame.index[-1], "mean_soma_fraction"] = np.nan
        groups.append(frame)
    return pd.concat(groups, ignore_index=True)


def write_mart(path: Path, rows: pd.DataFrame) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        connection.register("frame", rows)
        # out of order: the figure does not depend on it
        connection.execute(
            "create table marts.fct_soma_cumulative_sales as from frame order by business_date desc"
        )
    return path


@pytest.fixture(scope="module")
def warehouse(rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mart(tmp_path_factory.mktemp("figures") / "w.duckdb", rows)


@pytest.fixture(scope="module")
def files(warehouse: Path) -> list[Path]:
    return draw_figures(warehouse, warehouse.parent / "output", Console(file=io.StringIO()))


@pytest.fixture(scope="module")
def figure_5(rows: pd.DataFrame) -> Figure:
    figure = Figure()
    FIGURES[0].draw(figure, rows)
    return figure


def test_each_figure_is_an_svg_and_a_png(files: list[Path], warehouse: Path):
    folder = warehouse.parent / "output" / "figures"
    assert files == [folder / "figure_5.svg", folder / "figure_5.png"]
    assert files[1].read_bytes().startswith(b"\x89PNG")


def test_another_process_on_another_day_draws_the_same_bytes(files: list[Path], warehouse: Path):
    """A matplotlibrc of the user's and another hash seed change nothing."""
    again = warehouse.parent / "again"
    again.mkdir()
    (again / "matplotlibrc").write_text("font.size: 20\naxes.edgecolor: red\n", encoding="utf-8")
    program = (
        "import sys; from pathlib import Path; from rich.console import Console\n"
        "from dealer_limits.exhibits.figures import draw_figures\n"
        "draw_figures(Path(sys.argv[1]), Path('.'), Console(quiet=True))"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(warehouse)],
        cwd=again,
        env=os.environ | {"PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1000000000"},
        check=True,
    )
    for file in files:
        assert (again / "figures" / file.name).read_bytes() == file.read_bytes()


def test_figure_5_names_its_title_units_groups_and_days(files: list[Path]):
    text = files[0].read_text(encoding="utf-8")
    for label in (
        "Figure 5: Sales of Treasury securities to the Fed during open market operations",
        "since March 16, 2020, grouped by VaR limit usage",
        "Total sales to the Fed",
        "Cumulative par, $ billions",
        "Mean fraction of sales to the Fed",
        "Fraction of sales to customers",
        "Low VaR usage dealers (5 firms)",
        "High VaR usage dealers (5 firms)",
        *("Date", "3/18/20", "4/8/20", "4/29/20", "5/20/20", "6/10/20"),
    ):
        assert f">{label}<" in text


def test_figure_5_draws_the_numbers_of_the_mart(figure_5: Figure, rows: pd.DataFrame):
    for axes, column in zip(
        figure_5.axes, ["cumulative_soma_sales_usd_bn", "mean_soma_fraction"], strict=True
    ):
        drawn = {line.get_label(): line.get_ydata() for line in axes.lines}
        for group in ("low", "high"):
            expected = rows.loc[rows["usage_group"] == group, column]
            np.testing.assert_array_equal(
                drawn[f"{group.capitalize()} VaR usage dealers (5 firms)"], expected
            )
        assert axes.get_ylim()[0] == 0


def test_groups_differ_in_dashes_and_in_grey(figure_5: Figure):
    for axes in figure_5.axes:
        low, high = axes.lines
        assert low.get_linestyle() != high.get_linestyle()
        greys = [
            np.dot(matplotlib.colors.to_rgb(line.get_color()), [0.299, 0.587, 0.114]) for line in (low, high)
        ]
        assert abs(greys[0] - greys[1]) > 0.3


def test_missing_mart_and_mart_without_rows_are_said(rows: pd.DataFrame, tmp_path: Path):
    console = Console(quiet=True)
    with duckdb.connect(str(tmp_path / "bare.duckdb")) as connection:
        connection.execute("create schema marts")
    with pytest.raises(
        DealerLimitsError, match=r"no table marts\.fct_soma_cumulative_sales: run `dbt build`"
    ):
        draw_figures(tmp_path / "bare.duckdb", tmp_path, console)
    empty = write_mart(tmp_path / "empty.duckdb", rows.iloc[:0])
    with pytest.raises(DealerLimitsError, match=r"marts\.fct_soma_cumulative_sales has no rows"):
        draw_figures(empty, tmp_path, console)
    assert not (tmp_path / "figures").exists()
