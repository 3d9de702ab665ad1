"""What `dealer-limits match-quality` makes of the tables of a build; unit tests of dbt judge the match."""

from __future__ import annotations

import math
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy import stats

from dealer_limits.errors import DealerLimitsError
from dealer_limits.quality.match_quality import fit_line, show_match_quality
from dealer_limits.sources.files import truth_folder
from workspace import Workspace

# four awards under two rules, as in the unit tests of models/quality/match_quality
WAREHOUSE = """
create schema about;
create table about.build as select 'paper' as world;
create schema quality;

create schema marts;

create table marts.fct_soma_award as
from (values ('o/a'), ('p/b'), ('q/a'), ('q/b')) as awards (award_id);

create table quality.qc_truth_sales as
from (values ('o/a'), ('p/b'), ('p/b'), ('q/a'), ('q/a'), ('q/b')) as sales (award_id);

create table quality.qc_match_quality as
from (
    values
    ('paper', 'equal', 1, 25.0, 1.0, 1.0, 1.0, null, null),
    ('paper', 'exact', 1, 25.0, 0.6, 0.6, 0.6, 0.0, 1.0),
    ('paper', 'by_price', 1, 25.0, 0.6, 1.0, 0.6, null, null),
    ('paper', 'none', 1, 25.0, null, null, 0.0, null, null),
    ('paper', 'all', 4, 100.0, 0.76, 0.826, 0.731, 0.0, 1.0),
    ('price_consistent', 'exact', 4, 100.0, 1.0, 1.0, 1.0, 0.0, 1.0),
    ('price_consistent', 'all', 4, 100.0, 1.0, 1.0, 1.0, 0.0, 1.0)
) as kinds (
    matching_rule, match_kind, awards, awards_pct, precision, recall, recall_of_all_fills, unique_pct,
    median_alternatives
);

create table quality.qc_match_firm_days as
select *, date '2020-03-16' + number as business_date
from (
    values
    ('paper', 1, 0, 100, 100), ('paper', 1, 1, 30, 50), ('paper', 2, 0, 100, 60), ('paper', 3, 1, 20, 0),
    ('paper', 4, 0, 0, 40),
    ('price_consistent', 1, 0, 100, 100), ('price_consistent', 1, 1, 30, 50),
    ('price_consistent', 2, 0, 100, 100), ('price_consistent', 3, 1, 20, 0)
) as days (matching_rule, firm_rssd, number, sold_par_usd, matched_par_usd);
"""


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    path = tmp_path / "dealer_limits.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(WAREHOUSE)
    return path


@pytest.fixture
def quality(judged: Path, tmp_path: Path) -> pd.Series:
    frame = show_match_quality(judged, tmp_path / "output", Console(quiet=True))
    return frame.set_index(["matching_rule", "match_kind", "statistic"])["value"]


def test_every_number_of_the_build_is_written_and_what_is_none_is_left_out(quality: pd.Series):
    assert quality["paper", "exact"].to_dict() == {
        "awards": 1,
        "awards_pct": 25,
        "precision": 0.6,
        "recall": 0.6,
        "recall_of_all_fills": 0.6,
        "unique_pct": 0,
        "median_alternatives": 1,
    }
    assert quality["paper", "none"].to_dict() == {"awards": 1, "awards_pct": 25, "recall_of_all_fills": 0}


def test_dealer_days_are_counted_by_what_they_have(quality: pd.Series):
    days = quality["paper", "all"]
    assert days["dealer_days_both"] == 3
    assert days["dealer_days_true_only"] == 1
    assert days["dealer_days_matched_only"] == 1
    assert quality["price_consistent", "all", "dealer_days_matched_only"] == 0


def test_slope_is_of_log_matched_on_log_true_sales(quality: pd.Series):
    # matched 100, 100 and 50 where 100, 100 and 30 were sold: two points, one line
    days = quality["price_consistent", "all"]
    assert days["slope"] == pytest.approx(math.log(100 / 50) / math.log(100 / 30))
    assert days["slope_se"] == pytest.approx(0, abs=1e-7)
    assert days["r2"] == pytest.approx(1)


def test_line_is_that_of_another_implementation():
    generator = np.random.default_rng(1)
    x = generator.normal(size=40)
    y = 2 + 0.9 * x + generator.normal(size=40)
    line, other = fit_line(x, y), stats.linregress(x, y)
    # both solve the same three sums
    assert (line.slope, line.slope_se, line.r2) == pytest.approx(
        (other.slope, other.stderr, other.rvalue**2), rel=1e-12
    )


@pytest.mark.parametrize("x", [[1.0, 2.0], [3.0, 3.0, 3.0]])
def test_no_line_through_too_little(x: list[float]):
    assert math.isnan(fit_line(np.array(x), np.array(x)).slope)


def test_same_input_gives_the_same_bytes(judged: Path, tmp_path: Path):
    written = []
    for name in ("one", "two"):
        show_match_quality(judged, tmp_path / name, Console(quiet=True))
        written.append((tmp_path / name / "match_quality.csv").read_bytes())
    assert written[0] == written[1]
    first = 'matching_rule,match_kind,statistic,value,pseudo_data\npaper,all,awards,4,"Pseudo data, world paper: '
    assert written[0].decode().startswith(first)


def test_terminal_shows_a_table_per_rule(judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    show_match_quality(judged, tmp_path, Console(width=120))
    shown = capsys.readouterr().out
    assert "rule paper" in shown
    assert "rule price_consistent" in shown
    assert "N 3; true only 1, matched only 1\n" in shown


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "delete from quality.qc_truth_sales",
            "was built without a truth, which is known of pseudo data only",
        ),
        (
            "delete from quality.qc_truth_sales where award_id = 'q/b'",
            "was built beside the truth of other data: 1 awards are not in it",
        ),
        ("drop table quality.qc_match_quality", "qc_match_quality does not exist"),
    ],
    ids=["real data", "truth of other data", "no table"],
)
def test_what_cannot_be_judged_is_said_in_one_line(judged: Path, tmp_path: Path, change: str, said: str):
    with duckdb.connect(judged) as connection:
        connection.execute(change)
    with pytest.raises(DealerLimitsError, match=said) as error:
        show_match_quality(judged, tmp_path, Console(quiet=True))
    assert "\n" not in str(error.value)


def test_truth_lies_beside_the_raw_files_unless_it_is_named():
    assert truth_folder({"RAW_DATA": "/w/raw"}) == Path("/w/truth")
    assert truth_folder({"RAW_DATA": "/w/raw", "TRUTH_DATA": "/t"}) == Path("/t")
    assert truth_folder({}) == Path("data/truth").resolve()


def test_build_of_a_pseudo_world_judges_every_award(warehouse: Workspace, tmp_path: Path):
    quality = show_match_quality(warehouse.published, tmp_path, Console(quiet=True))
    values = quality.set_index(["matching_rule", "match_kind", "statistic"])["value"]
    with warehouse.connect() as connection:
        ((awards,),) = connection.execute("select count(*) from marts.fct_soma_award").fetchall()
    for rule in ("paper", "price_consistent"):
        assert values[rule, "all", "awards"] == awards
        assert 0.5 < values[rule, "all", "recall_of_all_fills"] < values[rule, "all", "recall"] <= 1


def test_build_without_a_truth_beside_its_raw_files_has_none(small_workspace: Workspace, small_raw: Path):
    assert not (small_raw.parent / "truth").exists()

    finished = small_workspace.dbt("run", "--select", "qc_truth_fills", "qc_truth_sales")

    assert finished.success, finished.exception
    with small_workspace.connect_unpublished() as connection:
        for table in ("qc_truth_fills", "qc_truth_sales"):
            assert connection.execute(f"select count(*) from quality.{table}").fetchone() == (0,)
