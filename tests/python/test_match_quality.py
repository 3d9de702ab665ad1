"""Match quality on a hand-made warehouse of four awards, where every number can be worked out on paper."""

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

# Award 1 is matched rightly at level 1. Award 2 takes trade 3 for trade 4 under one of the rules. Award 3
# takes 50 of trade 5, of which 30 are its own; its other fill is in no report. Nothing is reported of award
# 4, which a dealer outside the sample filled.
WAREHOUSE = """
create schema intermediate;

create schema marts;

create table marts.fct_soma_award (award_id varchar, operation_id varchar, cusip varchar);
insert into marts.fct_soma_award values
    ('OP1/A', 'OP1', 'A'), ('OP1/B', 'OP1', 'B'), ('OP2/A', 'OP2', 'A'), ('OP2/B', 'OP2', 'B');

create table intermediate.int_soma_matches (
    matching_rule varchar, award_id varchar, trade_id varchar, match_kind varchar,
    leg_par_usd decimal(38, 2)
);
insert into intermediate.int_soma_matches
select * from (values ('paper'), ('price_consistent')) as rules (matching_rule)
cross join (
    values ('OP1/A', '1', 'equal', 100), ('OP1/B', '2', 'exact', 60), ('OP2/A', '5', 'by_price', 50)
) as legs;
insert into intermediate.int_soma_matches values
    ('paper', 'OP1/B', '3', 'exact', 40), ('price_consistent', 'OP1/B', '4', 'exact', 40);

create table intermediate.int_soma_exact_searches (
    matching_rule varchar, award_id varchar, exact_subsets integer
);
insert into intermediate.int_soma_exact_searches
select * from (values ('paper'), ('price_consistent')) as rules (matching_rule)
cross join (values ('OP1/B', 2), ('OP1/B', 2), ('OP2/A', 0)) as searches;

create table intermediate.int_soma_trade_candidates as
select trade_id, day::date as control_date, control_number, day::date as trade_date, dealer_mpid
from (values
    ('1', '2020-03-16', '7', 'D1'), ('2', '2020-03-16', '2', 'D2'), ('3', '2020-03-16', '3', 'D4'),
    ('4', '2020-03-16', '4', 'D2'), ('5', '2020-03-17', '7', 'D1')
) as trades (trade_id, day, control_number, dealer_mpid);

create table intermediate.int_dealer_firms as
select dealers.*, days.*
from (values ('D1', 1), ('D2', 2), ('D3', 3), ('D4', 4)) as dealers (dealer_mpid, firm_rssd)
cross join (values (date '2020-03-16'), (date '2020-03-17')) as days (business_date);
"""

FILLS = [
    ("OP1", "A", "2020-03-16", "7", 100, "D1"),
    ("OP1", "B", "2020-03-16", "2", 60, "D2"),
    ("OP1", "B", "2020-03-16", "4", 40, "D2"),
    ("OP2", "A", "2020-03-17", "7", 30, "D1"),
]
SALES = [
    ("OP1", "2020-03-16", "A", "D1", 100),
    ("OP1", "2020-03-16", "B", "D2", 60),
    ("OP1", "2020-03-16", "B", "D2", 40),
    ("OP2", "2020-03-17", "A", "D1", 30),
    ("OP2", "2020-03-17", "A", "D3", 20),
    ("OP2", "2020-03-17", "B", "D9", 10),
]


def _write_truth(folder: Path, sales: list[tuple]) -> Path:
    folder.mkdir()
    fills = pd.DataFrame(
        FILLS,
        columns=["operation_id", "cusip", "control_date", "systm_cntrl_nb", "filled_par_usd", "dealer_mpid"],
    )
    fills["control_date"] = pd.to_datetime(fills["control_date"]).dt.date
    fills.to_parquet(folder / "soma_fills.parquet")
    frame = pd.DataFrame(sales, columns=["operation_id", "operation_date", "cusip", "dealer_mpid", "par_usd"])
    frame["operation_date"] = pd.to_datetime(frame["operation_date"]).dt.date
    frame.to_parquet(folder / "soma_sales.parquet")
    return folder


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "dealer_limits.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(WAREHOUSE)
    return path


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return _write_truth(tmp_path / "truth", SALES)


@pytest.fixture
def quality(warehouse: Path, truth: Path, tmp_path: Path) -> pd.Series:
    frame = show_match_quality(warehouse, truth, tmp_path / "output", Console(quiet=True))
    return frame.set_index(["matching_rule", "match_kind", "statistic"])["value"]


def test_shares_count_every_award_once(quality: pd.Series):
    levels = quality["paper"].xs("awards", level="statistic")
    assert levels.to_dict() == {"equal": 1, "exact": 1, "by_price": 1, "all": 4, "none": 1}
    assert quality["paper", "by_price", "awards_pct"] == 25
    assert quality["paper", "all", "awards_pct"] == 100


@pytest.mark.parametrize(
    ("rule", "level", "precision", "recall", "recall_of_all_fills"),
    [
        ("paper", "equal", 1, 1, 1),
        # trade 3 is another customer's
        ("paper", "exact", 60 / 100, 60 / 100, 60 / 100),
        ("price_consistent", "exact", 1, 1, 1),
        # 30 of the 50 that are matched; the other 20 that were sold are in no report
        ("paper", "by_price", 30 / 50, 30 / 30, 30 / 50),
        ("paper", "all", 190 / 250, 190 / 230, 190 / 260),
        ("price_consistent", "all", 230 / 250, 230 / 230, 230 / 260),
    ],
)
def test_precision_and_recall_are_of_par(
    quality: pd.Series, rule: str, level: str, precision: float, recall: float, recall_of_all_fills: float
):
    assert quality[rule, level, "precision"] == pytest.approx(precision)
    assert quality[rule, level, "recall"] == pytest.approx(recall)
    assert quality[rule, level, "recall_of_all_fills"] == pytest.approx(recall_of_all_fills)


def test_unmatched_unreported_award_has_neither_precision_nor_recall(quality: pd.Series):
    assert quality["paper", "none"].to_dict() == {"awards": 1, "awards_pct": 25, "recall_of_all_fills": 0}


def test_ambiguity_is_of_exact_matches(quality: pd.Series):
    assert quality["paper", "exact", "unique_pct"] == 0
    assert quality["paper", "exact", "median_alternatives"] == 1
    assert "unique_pct" not in quality["paper", "by_price"]


def test_dealer_days_are_of_sample_firms(quality: pd.Series):
    days = quality["paper", "all"]
    assert days["dealer_days_both"] == 3
    # firm 3 sold unreported; dealer D9 has no firm in the sample
    assert days["dealer_days_true_only"] == 1
    # trade 3 is of firm 4, which sold nothing
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


def test_same_input_gives_the_same_bytes(warehouse: Path, truth: Path, tmp_path: Path):
    written = []
    for name in ("one", "two"):
        show_match_quality(warehouse, truth, tmp_path / name, Console(quiet=True))
        written.append((tmp_path / name / "match_quality.csv").read_bytes())
    assert written[0] == written[1]
    assert written[0].startswith(b"matching_rule,match_kind,statistic,value\npaper,all,awards,4\n")


def test_terminal_shows_a_table_per_rule(
    warehouse: Path, truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    show_match_quality(warehouse, truth, tmp_path, Console(width=120))
    shown = capsys.readouterr().out
    assert "rule paper" in shown
    assert "rule price_consistent" in shown
    assert "N 3; true only 1, matched only 1\n" in shown


def test_real_data_have_no_truth(warehouse: Path, tmp_path: Path):
    with pytest.raises(DealerLimitsError, match=r"^there is no .*soma_fills.parquet: the truth is known of"):
        show_match_quality(warehouse, tmp_path / "none", tmp_path, Console(quiet=True))


def test_truth_of_other_data_is_refused(warehouse: Path, tmp_path: Path):
    truth = _write_truth(tmp_path / "other", SALES[:-1])
    with pytest.raises(DealerLimitsError, match="is the truth of other data: 1 awards are not in it"):
        show_match_quality(warehouse, truth, tmp_path, Console(quiet=True))


def test_warehouse_without_matches_is_said_in_one_line(warehouse: Path, truth: Path, tmp_path: Path):
    with duckdb.connect(warehouse) as connection:
        connection.execute("drop table intermediate.int_soma_matches")
    with pytest.raises(DealerLimitsError, match="int_soma_matches does not exist") as error:
        show_match_quality(warehouse, truth, tmp_path, Console(quiet=True))
    assert "\n" not in str(error.value)
