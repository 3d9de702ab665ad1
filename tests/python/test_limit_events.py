"""Limit events: the estimator against pyfixest, bands and bounds against numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
from scipy.stats import t as student

from dealer_limits.disclosure.cells import event_contributions
from dealer_limits.disclosure.rules import TOO_FEW, Rules
from dealer_limits.estimation.extensions import Extension, load_extensions
from dealer_limits.estimation.limit_events import EventPath, bound_effects, estimate_limit_events, weeks_of
from dealer_limits.exhibits.definitions import Definitions
from dealer_limits.exhibits.extensions import event_tables
from dealer_limits.exhibits.result_files import LIMIT_EVENTS, read_result
from limit_event_rows import WINDOW, panel, warehouse

# three desks of each firm; two thirds of the firms have an event
EVENTS = {desk: 20 + 20 * (desk % 2) for desk in range(6)} | dict.fromkeys(range(8, 14), 20)
NET = "net_securities_position"


def estimated(desk_days: pd.DataFrame) -> Extension:
    with warehouse(desk_days) as connection:
        return estimate_limit_events(connection, load_extensions(connection))


@pytest.fixture(scope="module")
def desk_days() -> pd.DataFrame:
    return panel(1, EVENTS)


@pytest.fixture(scope="module")
def found(desk_days: pd.DataFrame) -> Extension:
    return estimated(desk_days)


def days_of(found: Extension, panel: str = "a") -> pd.DataFrame:
    rows = found.rows
    return rows[(rows["panel"] == panel) & (rows["outcome"] == NET) & (rows["kind"] == "day")].set_index("day")


def test_local_projections_are_those_of_pyfixest(desk_days: pd.DataFrame, found: Extension):
    """Desks leave after their event, so that clean controls are the desks that are not yet treated."""
    fit = pf.lpdid(
        desk_days.assign(
            unit=desk_days["desk_id"].factorize()[0],
            cohort=desk_days["event"].where(desk_days["event"] < 600, 0),
            y=np.log(desk_days["net_securities_position_usd_mn"]),
        ),
        yname="y", idname="unit", tname="business_day_index", gname="cohort",
        pre_window=-WINDOW, post_window=WINDOW, att=False,
    )  # fmt: skip
    theirs = fit.tidy().rename(lambda name: int(name.rpartition("::")[2]))["Estimate"].astype(float)
    assert len(theirs) == 2 * WINDOW
    assert days_of(found).loc[theirs.index, "coef"].to_numpy() == pytest.approx(theirs.to_numpy(), abs=1e-10)


@pytest.mark.parametrize("day", [-4, 3])
def test_errors_are_the_jackknife_of_pyfixest_on_all_days(desk_days: pd.DataFrame, found: Extension, day: int):
    """Also of days without an event; pyfixest's CRV3 without its factors is G / (G - 1) times ours."""
    by_desk = np.log(desk_days["net_securities_position_usd_mn"]).groupby(desk_days["desk_id"])
    is_event = desk_days["business_day_index"] == desk_days["event"]
    is_control = desk_days["business_day_index"] + max(day, 0) < desk_days["event"]
    rows = desk_days.assign(y=by_desk.shift(-day) - by_desk.shift(1), treated=is_event.astype(int))
    fit = pf.feols(
        "y ~ treated | business_day_index", rows[is_event | is_control].dropna(subset="y"),
        vcov={"CRV3": "firm_rssd"}, ssc=pf.ssc(k_adj=False, G_adj=False),
    )  # fmt: skip
    ours = days_of(found).loc[day]
    assert 10 * ours["nobs"] < fit._N
    assert ours["se"] == pytest.approx(fit.se().iloc[0] * np.sqrt(7 / 8), rel=1e-9)


def test_desk_with_a_change_in_the_window_is_no_control(desk_days: pd.DataFrame, found: Extension):
    """The limit of desk 20 changes two days after the first events, and twice more, so that no change is an event."""
    again = desk_days.copy()
    for day, limit in ((22, 11.0), (24, 12.0), (26, 13.0)):
        of_desk = (again["desk_id"] == "desk 20") & (again["business_day_index"] >= day)
        again.loc[of_desk, "var_limit_usd_mn"] = limit
    moved = estimated(again)
    without = estimated(desk_days[(desk_days["desk_id"] != "desk 20") | (desk_days["business_day_index"] > 30)])
    assert days_of(moved)["coef"].to_numpy() == pytest.approx(days_of(without)["coef"].to_numpy(), abs=1e-12)
    assert (days_of(moved)["coef"] - days_of(found)["coef"]).abs().max() > 1e-3


def test_band_of_one_day_is_its_interval_and_that_of_ten_a_tenth_of_the_level_each():
    path = make_path(np.arange(1, 11), distances=np.random.default_rng(3).normal(size=(10, 10)))
    alone = path.of_days(path.days == 1)
    assert alone.band == alone.critical == pytest.approx(student.ppf(0.975, 9))
    assert alone.p_joint == alone.p[0]
    assert path.band == pytest.approx(student.ppf(0.9975, 9))
    assert path.p_joint == pytest.approx(min(1, 10 * path.p.min()))
    # the band leaves zero out where the joint test rejects
    edge = make_path(path.days, path.band * path.se * np.append(1.001, np.zeros(9)), path.distances)
    assert edge.p_joint == pytest.approx(0.05, rel=0.02) and edge.p_joint < 0.05


def make_path(days: np.ndarray, coef: np.ndarray | None = None, distances: np.ndarray | None = None) -> EventPath:
    """Ten firms; without distances of hardly any error."""
    if distances is None:
        distances = 1e-9 * np.random.default_rng(4).normal(size=(10, len(days)))
    coef = np.ones(len(days)) if coef is None else coef
    return EventPath(days, coef, np.full(len(days), np.nan), distances, events=20, firms=8, nobs=200, size=0.4)


def test_weeks_are_means_against_the_week_before_the_event():
    """2 in the first of two weeks, in the second 5/4 on four days and none on the base day, then 4 and 7."""
    days = np.array([day for day in range(-10, 11) if day != -1])
    values = np.select([days < -5, days < 0, days < 5], [2.0, 1.25, 4.0], 7.0)
    weeks = weeks_of(make_path(days, values))
    assert weeks.days.tolist() == [-2, 1, 2]
    assert weeks.coef == pytest.approx([2 - 1, 4 - 1, 7 - 1])


def test_bounds_let_the_bias_move_by_m_times_its_largest_move_before():
    """Weeks of 1.5, 2, 1.5 and 1, so that moves are half; after, effects of 3 and 6 may be off by M / 2 and by M."""
    days = np.array([day for day in range(-20, 11) if day != -1])
    values = np.select([days < -15, days < -10, days < -5, days < 0, days < 5], [1.5, 2.0, 1.5, 1.25, 4.0], 7.0)
    bounds = bound_effects(make_path(np.append(days, range(11, 21)), np.append(values, np.full(10, 7.0))))
    assert bounds.effect == pytest.approx([3, 6, 6, 6])
    assert bounds.low[:2] == pytest.approx(np.array([[3, 2.75, 2.5], [6, 5.5, 5]]), abs=1e-6)
    assert bounds.high[:2] == pytest.approx(np.array([[3, 3.25, 3.5], [6, 6.5, 7]]), abs=1e-6)
    # 3 = M / 2, 6 = M, 6 = 3 M / 2, 6 = 2 M
    assert bounds.breakdown == pytest.approx([6, 6, 4, 3], abs=1e-6)


def test_bounds_are_wider_by_the_errors_of_the_effect_and_of_the_moves():
    days = np.array([day for day in range(-10, 11) if day != -1])
    values = np.select([days < -5, days < 0, days < 5], [1.5, 1.25, 4.0], 7.0)
    exact = bound_effects(make_path(days, values))
    noisy = make_path(days, values, 0.1 * np.random.default_rng(5).normal(size=(10, 20)))
    bounds = bound_effects(noisy)
    weeks = weeks_of(noisy)
    # of the first week at M = 0 by its own error alone, then by that of the move too
    wider = exact.low - bounds.low
    assert wider[0, 0] > weeks.critical * weeks.se[1]
    assert (np.diff(wider, axis=1) > 0.5 * weeks.critical * weeks.se[0]).all()


def test_too_few_events_are_said_and_leave_no_number(desk_days: pd.DataFrame):
    few = estimated(desk_days[~desk_days["desk_id"].isin([f"desk {each:02}" for each in range(4)])])
    assert few.long == ()
    assert set(few.rows["kind"]) == {"not_estimated"}
    assert few.rows["coef"].isna().all()
    assert few.lines[0] == "limit events: 0 of 20 paths estimated"
    assert few.lines[1].endswith("8 events of 6 firms on day -6, at least 10 of 5 are needed")


def test_limits_that_all_stay_are_said(desk_days: pd.DataFrame):
    none = estimated(desk_days.assign(var_limit_usd_mn=10.0))
    assert none.long == ()
    assert none.lines[1].endswith("no limit is raised or lowered while it stays on either side")


def test_path_is_withheld_where_one_day_rests_on_too_few_firms(desk_days: pd.DataFrame):
    rules = Rules()
    with warehouse(desk_days) as connection:
        registry = load_extensions(connection)
        _, by_term = event_contributions(connection, registry)["limit_events", "a", "1"]
    assert rules.reason(by_term[""]) == ""
    # of all but four firms the positions of one day are missing
    hidden = desk_days.copy()
    on_day = (hidden["business_day_index"] == 23) & (hidden["firm_rssd"] > 4)
    hidden.loc[on_day, "net_securities_position_usd_mn"] = np.nan
    with warehouse(hidden[hidden["event"] != 40]) as connection:
        _, by_term = event_contributions(connection, load_extensions(connection))["limit_events", "a", "1"]
    assert rules.reason(by_term[""]) == TOO_FEW


def test_results_are_read_and_laid_out_by_sample(found: Extension, tmp_path: Path):
    found.rows.to_csv(tmp_path / LIMIT_EVENTS.name, index=False)
    rows = read_result(tmp_path, LIMIT_EVENTS)
    nothing_named = Definitions((), (), {}, {})
    tables = dict(event_tables(nothing_named, rows))
    # none is lowered
    assert list(tables) == ["(a) Prime desks, limit raised", "(c) All Treasury desks, limit raised"]
    own = rows[(rows["panel"] == "a") & (rows["outcome"] == NET) & (rows["kind"] == "mean_after")].iloc[0]
    assert f"{own['coef']:.3f} ({own['se']:.3f})".replace("-", "\u2212") in tables["(a) Prime desks, limit raised"]


def test_long_rows_are_the_rows_of_the_result(found: Extension):
    long = pd.DataFrame(found.long, columns=["table", "panel", "column", "term", "statistic", "value"])
    wide = long[(long["panel"] == "a") & (long["column"] == "1")].set_index(["term", "statistic"])["value"]
    day = days_of(found).loc[3]
    assert wide["day_3", "coef"] == day["coef"]
    assert wide["day_3", "se"] == day["se"]
    assert wide["", "nobs"] == day["nobs"]
    assert ("day_-1", "coef") not in wide.index


def test_bands_before_and_after_are_each_of_one_width_in_errors(found: Extension):
    days = days_of(found)
    before, after = days[days.index < 0], days[days.index >= 0]
    for side in (before, after):
        band = (side["band_high"] - side["coef"]) / side["se"]
        assert band.max() - band.min() == pytest.approx(0, abs=1e-9)
        assert (side["band_high"] > side["ci_high"]).all()
