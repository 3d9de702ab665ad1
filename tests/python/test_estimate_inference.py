"""Errors beside the paper's, from a warehouse file to what is significant with them."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dealer_limits.estimation.compare import KEYS
from dealer_limits.estimation.inference import run_inference, summarise
from dealer_limits.estimation.known_worlds import NULL_COLUMNS
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import run_estimates
from dealer_limits.estimation.specification_curve import CHOICES, COVARIANCES, run_specification_curve
from dealer_limits.montecarlo.panel_regressions import read_methods
from estimate_warehouse import make_world, write_warehouse

DRAWS = Bootstrap(draws=20)
TABLES = ["2", "8", "11", "12", "15"]


def silent() -> Console:
    return Console(file=io.StringIO(), width=200)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inference")


@pytest.fixture(scope="module")
def warehouse(folder: Path) -> Path:
    return write_warehouse(folder / "w.duckdb", make_world(days=60))


@pytest.fixture(scope="module")
def printout() -> Console:
    return silent()


@pytest.fixture(scope="module")
def rows(warehouse: Path, folder: Path, printout: Console) -> pd.DataFrame:
    return run_inference(warehouse, folder / "output", TABLES, printout, DRAWS)


@pytest.fixture(scope="module")
def estimates(warehouse: Path, folder: Path) -> pd.Series:
    found = run_estimates(warehouse, folder / "estimates", TABLES, silent(), DRAWS)
    return found.set_index(KEYS)["value"]


def test_the_papers_errors_come_first_and_are_those_of_the_estimates(rows: pd.DataFrame, estimates: pd.Series):
    first = rows.groupby(["table", "panel", "column", "term"], sort=False).first().reset_index()
    assert set(first["covariance"]) == {"robust", "bootstrap"}
    # of arrays, and the estimates of packages: p-values of 1e-20 magnify the last digits of t
    for statistic in ("coef", "se", "t", "p", "ci_low", "ci_high", "stars"):
        keys = [(*key, statistic) for key in first[KEYS[:4]].itertuples(index=False, name=None)]
        np.testing.assert_allclose(first[statistic], estimates.loc[keys], rtol=1e-8, atol=1e-14)


def test_every_column_has_every_covariance_of_its_observations(rows: pd.DataFrame):
    found = rows[rows["term"] != "constant"].groupby(["table", "panel", "column"])["covariance"].agg(set)
    names = {key: {method.covariance for method in own} for key, own in read_methods().of.items()}
    assert found["2", "a", "1"] == names["obs_desk_horizon", "ols"]
    assert found["8", "", "1"] == names["obs_desk_horizon", "iv"]
    assert found["11", "a", "1"] == names["obs_dealer_day", "ols"]
    assert found["12", "", "1"] == names["obs_soma_sale", "ols"]
    assert found["15", "a", "1"] == names["obs_market_day", "ols"]
    assert found["15", "a", "4"] == names["obs_market_day", "quantile"]


def test_least_lag_is_the_horizon(rows: pd.DataFrame):
    lags = rows[(rows["table"] == "2") & (rows["covariance"] == "driscoll_kraay")].set_index(["panel", "column"])
    assert lags.loc[("a", "3"), "lags"].max() == 10


@pytest.mark.parametrize(
    ("column", "alone", "both"),
    [("1", "newey_west", "newey_west_two_step"), ("3", "moving_block", "moving_block_two_step")],
)
def test_recommended_errors_of_table_15_are_of_both_steps(
    rows: pd.DataFrame, folder: Path, column: str, alone: str, both: str
):
    own = rows[(rows["table"] == "15") & (rows["panel"] == "a") & (rows["column"] == column)]
    errors = own.set_index(["term", "covariance"])["se"]
    assert errors["move", both] != pytest.approx(errors["move", alone], rel=1e-3)
    assert errors["limit_usage_index_residual", both] == pytest.approx(
        errors["limit_usage_index_residual", alone], rel=1e-2
    )
    summary = pd.read_parquet(folder / "output" / "inference_summary.parquet").set_index(KEYS[:4])
    assert summary.loc[("15", "a", column, "move"), ["recommended", "se"]].tolist() == [both, errors["move", both]]


def test_covariances_change_errors_and_not_coefficients(rows: pd.DataFrame):
    table = rows[rows["table"] == "2"]
    keys = ["panel", "column", "term"]
    assert (table.groupby(keys)["coef"].nunique() == 1).all()
    assert (table.groupby(keys)["se"].nunique() >= 5).all()


def test_intervals_hold_the_coefficient_and_leave_zero_out_exactly_where_p_is_small(rows: pd.DataFrame):
    assert (rows["ci_low"] <= rows["coef"]).all() and (rows["coef"] <= rows["ci_high"]).all()
    without_zero = (rows["ci_low"] > 0) | (rows["ci_high"] < 0)
    # wild intervals end within a ten-thousandth of an error
    clear = (rows["p"] - 0.05).abs() > 1e-3
    assert (without_zero == (rows["p"] < 0.05))[clear].all()


def test_adjusted_p_values_are_no_smaller(rows: pd.DataFrame):
    slopes = rows[rows["term"] != "constant"]
    assert (slopes["p_holm"] >= slopes["p"]).all()
    joint = slopes[slopes["covariance"].str.startswith("wild")]
    assert (joint["p_romano_wolf"] >= joint["p"] - 1e-12).all()
    assert slopes[~slopes["covariance"].str.startswith("wild")]["p_romano_wolf"].isna().all()


@pytest.fixture(scope="module")
def tests_of_column_1(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Tests of the instruments of Table 8, column 1, of the column as a whole, by statistic."""
    tests = pd.read_parquet(folder / "output" / "instruments.parquet")
    assert set(tests["table"]) == {"8"} and tests["column"].nunique() == 6
    return tests[(tests["column"] == "1") & (tests["term"] == "")].set_index("statistic")


def test_instruments_of_table_8_are_tested(tests_of_column_1: pd.DataFrame):
    column = tests_of_column_1
    is_strong = [
        column.loc[name, "value"] > column.loc[f"{name}_critical", "value"]
        for name in ("effective_f", "effective_f_jackknife_firm")
    ]
    assert column.loc["weak", "value"] == float(not is_strong[0])
    assert column.loc["marginal", "value"] == float(is_strong == [True, False])
    assert ("instruments are" in column.loc["weak", "text"]) == (not all(is_strong))
    for kind in ("anderson_rubin_firm_x_day", "anderson_rubin_jackknife_firm"):
        limits, p_value = column.loc[f"{kind}_bounded"], column.loc[f"{kind}_p", "value"]
        assert limits["text"]
        ends = column.loc[[f"{kind}_low_1", f"{kind}_high_1"], "value"]
        assert np.isfinite(ends).all() == bool(limits["value"])
        if limits["value"] and f"{kind}_low_2" not in column.index:
            assert (p_value < 0.05) == (not ends.iloc[0] <= 0 <= ends.iloc[1])
    assert 0 <= column.loc["hansen_j_p", "value"] <= 1


def test_effective_f_and_j_are_by_firm_as_linearmodels_has_them(warehouse: Path, tests_of_column_1: pd.DataFrame):
    """First stage and two-step GMM by packages on days demeaned by pandas; of the jackknife, the first stage without
    one firm each, days demeaned anew. Clustered there without the factor of degrees of freedom."""
    import duckdb
    from linearmodels.iv import IV2SLS, IVGMM

    names = ["firm_limit_increase", "firm_limit_decrease"]
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        frame = connection.execute(
            f"""
            select
                firm_rssd, business_date, d_log_net_securities_position as y, log_limit_usage as x, {", ".join(names)}
            from observations.obs_desk_horizon
            where is_prime_treasury_desk and horizon = 1
            order by desk_id, business_date
            """
        ).df()
    frame = frame.dropna().reset_index(drop=True)

    def flat(rows: pd.DataFrame) -> pd.DataFrame:
        values = rows[["y", "x", *names]]
        return values - values.groupby(rows["business_date"]).transform("mean")

    def effective(coef: np.ndarray, covariance: np.ndarray, z: np.ndarray) -> float:
        gram = z.T @ z
        return coef @ gram @ coef / np.trace(covariance @ gram)

    own, firms = flat(frame), frame["firm_rssd"]
    count, rows, parameters = firms.nunique(), len(frame), frame["business_date"].nunique() + 2
    stage = IV2SLS(own["x"], own[names], None, None).fit(cov_type="clustered", clusters=firms, debiased=False)
    factor = count / (count - 1) * (rows - 1) / (rows - parameters)
    z = own[names].to_numpy()
    expected = effective(stage.params.to_numpy(), stage.cov.to_numpy() * factor, z)
    values = tests_of_column_1["value"]
    assert values["firms"] == count
    assert values["effective_f"] == pytest.approx(expected, rel=1e-8)

    without = []
    for firm in firms.unique():
        kept = flat(frame[firms != firm])
        without.append(np.linalg.lstsq(kept[names].to_numpy(), kept["x"].to_numpy())[0] - stage.params.to_numpy())
    jackknife = (count - 1) / count * np.transpose(without) @ np.array(without)
    assert values["effective_f_jackknife_firm"] == pytest.approx(
        effective(stage.params.to_numpy(), jackknife, z), rel=1e-7
    )
    options = {"weight_type": "clustered", "clusters": firms, "center": False}
    other = IVGMM(own["y"], None, own["x"], own[names], **options).fit(iter_limit=2)
    assert values["hansen_j"] == pytest.approx(other.j_stat.stat, rel=1e-7)


def test_same_warehouse_same_bytes(warehouse: Path, rows: pd.DataFrame, folder: Path):
    run_inference(warehouse, folder / "again", ["2", "8"], silent(), DRAWS)
    run_inference(warehouse, folder / "once more", ["2", "8"], silent(), DRAWS)
    for name in ("inference", "inference_summary", "instruments"):
        first, second = ((folder / run / f"{name}.parquet").read_bytes() for run in ("again", "once more"))
        assert first == second


def test_results_are_significant_too_where_they_were_with_the_papers_errors_and_still_are(
    rows: pd.DataFrame, folder: Path
):
    summary = pd.read_parquet(folder / "output" / "inference_summary.parquet")
    assert (summary["significant_too"].isna() == (summary["p_paper"] >= 0.05)).all()
    known = summary[summary["significant_too"].notna()]
    assert (known["significant_too"] == (known["p"] < 0.05)).all()
    assert (~known["significant_too_holm"].astype(bool) | known["significant_too"].astype(bool)).all()
    assert len(summary) == len(rows[rows["term"] != "constant"].drop_duplicates(KEYS[:4]))


def test_summary_says_nothing_of_what_was_never_significant():
    from dealer_limits.estimation.specifications import Specification

    spec = Specification(
        *("2", "a", "1", "obs_desk_horizon", "is_prime_treasury_desk", 1, "d_net", ("x", "z"), ("x", "z")),
    )
    frame = pd.DataFrame(
        [
            ("2", "a", "1", term, covariance, -1.0, se, p, 0, -2.0, 0.0, p)
            for term, values in {"x": (0.01, 0.2), "z": (0.3, 0.001)}.items()
            for covariance, se, p in zip(("robust", "wild_desk"), (0.1, 0.2), values, strict=True)
        ],
        columns=[*KEYS[:4], "covariance", "coef", "se", "p", "stars", "ci_low", "ci_high", "p_holm"],
    )
    printed = pd.DataFrame(columns=[*KEYS[:4], "printed_stars"])
    null = pd.DataFrame(columns=[*KEYS[:4], *NULL_COLUMNS])
    summary = summarise(frame, {spec: "wild_desk"}, printed, null).set_index("term")
    assert summary.loc["x", "significant_too"] is np.False_ or not summary.loc["x", "significant_too"]
    assert summary["significant_too"].isna().to_dict() == {"x": False, "z": True}


def test_specification_curve_has_a_point_for_every_choice(warehouse: Path, folder: Path):
    output = folder / "curve"
    points = run_specification_curve(warehouse, output, silent())
    combinations = points.drop_duplicates(list(CHOICES))
    # the made-up days end early in 2020
    possible = [period for period in CHOICES["period"] if period != "from 2021"]
    assert len(combinations) == len(possible) * np.prod([len(CHOICES[kind]) for kind in CHOICES if kind != "period"])
    assert set(points["covariance"]) == set(COVARIANCES)
    assert (points.groupby(list(CHOICES))["coef"].nunique() == 1).all()
    again = folder / "curve again"
    run_specification_curve(warehouse, again, silent())
    for suffix in ("svg", "png", "parquet"):
        name = f"figures/specification_curve.{suffix}"
        assert (output / name).read_bytes() == (again / name).read_bytes()


def test_period_of_the_curve_is_its_days_though_a_sample_has_no_row_on_some(folder: Path):
    world = make_world(days=60)
    days = world.changes["business_date"]
    # the first days have desks outside the sample only
    late = world.changes[~world.changes["is_prime_treasury_desk"] | (days > days.min() + pd.Timedelta(days=9))]
    path = write_warehouse(folder / "late.duckdb", replace(world, changes=late))
    points = run_specification_curve(path, folder / "late", silent())
    rows = late[late["is_prime_treasury_desk"] & (late["horizon"] == 5) & (days.dt.year == 2020)]
    counted = len(rows.dropna(subset=["d_log_net_securities_position", "log_limit_usage"]))
    point = points[points["sample"].eq("18 prime desks") & points["period"].eq("2020")]
    point = point[point["outcome"].eq("log change") & point["usage"].eq("log")]
    assert set(point["nobs"]) == {counted}
