"""Figures: what they say, what they draw, and the same bytes every time."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import matplotlib.colors
import matplotlib.dates
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.exhibits.figures import FIGURES, draw_figures
from figure_marts import DAYS, STRESS, make_marts, write_marts


@pytest.fixture(scope="module")
def marts() -> dict[str, pd.DataFrame]:
    return make_marts()


@pytest.fixture(scope="module")
def rows(marts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The mart of Figure 5: the high group sells 2 a day, the low one 1; no fraction on the last day."""
    return marts["fct_soma_cumulative_sales"]


@pytest.fixture(scope="module")
def warehouse(marts: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_marts(tmp_path_factory.mktemp("figures") / "w.duckdb", marts)


@pytest.fixture(scope="module")
def files(warehouse: Path) -> list[Path]:
    return draw_figures(warehouse, warehouse.parent / "output", Console(file=io.StringIO()))


def drawn(name: str, marts: dict[str, pd.DataFrame]) -> Figure:
    """A figure as an object, of the rows in the order of the mart's key."""
    (exhibit,) = [exhibit for exhibit in FIGURES if exhibit.name == name]
    figure = Figure()
    exhibit.draw(figure, exhibit.choose(marts[exhibit.mart].sort_values(list(exhibit.key))))
    return figure


@pytest.fixture(scope="module")
def figure_5(marts: dict[str, pd.DataFrame]) -> Figure:
    return drawn("figure_5", marts)


def test_each_figure_is_an_svg_a_png_and_the_rows_that_it_draws(files: list[Path], warehouse: Path):
    folder = warehouse.parent / "output" / "figures"
    names = [*(f"figure_{number}" for number in range(1, 6)), "limit_usage_index"]
    assert files == [folder / f"{name}.{suffix}" for name in names for suffix in ("svg", "png", "csv")]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files[1::3])
    marts = make_marts()
    for exhibit, file in zip(FIGURES, files[2::3], strict=True):
        expected = exhibit.choose(marts[exhibit.mart].sort_values(list(exhibit.key)))
        dates = [name for name in expected if name == "business_date"]
        written = pd.read_csv(file, parse_dates=dates)
        pd.testing.assert_frame_equal(written, expected.reset_index(drop=True), check_dtype=False)
    # Figure 1 is of half a year
    assert pd.read_csv(files[2])["business_date"].agg(["min", "max"]).tolist() == ["2020-01-01", "2020-06-30"]


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
    (file,) = [file for file in files if file.name == "figure_5.svg"]
    text = file.read_text(encoding="utf-8")
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
    for axes, column in zip(figure_5.axes, ["cumulative_soma_sales_usd_bn", "mean_soma_fraction"], strict=True):
        drawn = {line.get_label(): line.get_ydata() for line in axes.lines}
        for group in ("low", "high"):
            expected = rows.loc[rows["usage_group"] == group, column]
            np.testing.assert_array_equal(drawn[f"{group.capitalize()} VaR usage dealers (5 firms)"], expected)
        assert axes.get_ylim()[0] == 0


def test_figure_1_shows_the_half_year_of_the_stress_and_shades_it(marts: dict[str, pd.DataFrame]):
    left, right = drawn("figure_1", marts).axes
    (index,), (ten_year,) = left.lines, right.lines
    days = pd.DatetimeIndex(index.get_xdata())
    assert (days[0], days[-1]) == (pd.Timestamp("2020-01-01"), pd.Timestamp("2020-06-30"))
    mart = marts["fct_inventory_day"].set_index("business_date")
    np.testing.assert_array_equal(index.get_ydata(), mart.loc[days, "inventory_index"])
    np.testing.assert_array_equal(ten_year.get_ydata(), mart.loc[days, "ten_year_yield_pct"])
    (shade,) = left.patches
    edges = matplotlib.dates.num2date([shade.get_x(), shade.get_x() + shade.get_width()])
    assert [edge.date() for edge in edges] == [STRESS[0].date(), STRESS[-1].date()]


@pytest.mark.parametrize("name", ["figure_2", "limit_usage_index"])
def test_every_panel_over_the_years_shades_the_stress(name: str, marts: dict[str, pd.DataFrame]):
    for axes in drawn(name, marts).axes:
        (shade,) = axes.patches
        assert shade.get_width() == (STRESS[-1] - STRESS[0]).days


def test_figure_2_draws_the_numbers_of_the_mart(marts: dict[str, pd.DataFrame]):
    left, right = drawn("figure_2", marts).axes
    mart = marts["fct_limit_usage_day"]
    lines = {line.get_label(): line.get_ydata() for axes in (left, right) for line in axes.lines}
    assert {label: list(values) for label, values in lines.items()} == {
        "Usage ratio": list(mart["average_limit_usage"]),
        "Limit size": list(mart["average_var_limit_usd_mn"]),
        "Limit usage (VaR)": list(mart["average_var_usd_mn"]),
    }


def test_figure_3_draws_both_groups_and_counts_their_desks(marts: dict[str, pd.DataFrame]):
    upper, lower = drawn("figure_3", marts).axes
    for axes, per_day in ((upper, -1 / 10), (lower, -1)):
        lines = {line.get_label(): line.get_ydata() for line in axes.lines if len(line.get_xdata()) > 2}
        assert list(lines) == ["Constrained desks (6)", "Unconstrained desks (6)"]
        assert lines["Constrained desks (6)"][-1] == pytest.approx((len(DAYS) - 1) * per_day)


def test_figure_4_has_a_hatched_bar_per_decile(marts: dict[str, pd.DataFrame]):
    upper, lower = drawn("figure_4", marts).axes
    for axes, most in ((upper, 5), (lower, 2)):
        np.testing.assert_allclose([bar.get_height() for bar in axes.patches], np.linspace(most, -most, 10))
        assert all(bar.get_hatch() for bar in axes.patches)


def test_inventory_without_stress_is_drawn_whole_and_the_legend_says_so(marts: dict[str, pd.DataFrame]):
    calm = marts["fct_inventory_day"].assign(is_stress=False)
    figure = drawn("figure_1", marts | {"fct_inventory_day": calm})
    assert len(figure.axes[0].lines[0].get_xdata()) == len(calm)
    assert "Market stress (not in the data)" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_groups_differ_in_dashes_and_in_grey(figure_5: Figure):
    for axes in figure_5.axes:
        low, high = axes.lines
        assert low.get_linestyle() != high.get_linestyle()
        greys = [np.dot(matplotlib.colors.to_rgb(line.get_color()), [0.299, 0.587, 0.114]) for line in (low, high)]
        assert abs(greys[0] - greys[1]) > 0.3


def test_missing_mart_and_mart_without_rows_are_said(
    marts: dict[str, pd.DataFrame], rows: pd.DataFrame, tmp_path: Path
):
    console = Console(quiet=True)
    with duckdb.connect(str(tmp_path / "bare.duckdb")) as connection:
        connection.execute("create schema marts")
    with pytest.raises(DealerLimitsError, match=r"no table marts\.fct_inventory_day: run `dbt build`"):
        draw_figures(tmp_path / "bare.duckdb", tmp_path, console)
    empty = write_marts(tmp_path / "empty.duckdb", marts | {"fct_soma_cumulative_sales": rows.iloc[:0]})
    with pytest.raises(DealerLimitsError, match=r"marts\.fct_soma_cumulative_sales has no rows"):
        draw_figures(empty, tmp_path, console)
    assert not (tmp_path / "figures").exists()
