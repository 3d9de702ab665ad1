"""The registry of covariances: what it holds, and what is refused."""

from __future__ import annotations

import pytest

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.methods import build_methods
from dealer_limits.montecarlo.panel_regressions import read_methods

ROW = {
    "observations": "obs_desk_horizon",
    "estimator": "ols",
    "covariance": "robust",
    "label": "robust",
    "kind": "robust",
    "clusters": "",
    "is_recommended": "true",
}


def test_the_papers_errors_come_first_and_one_of_the_others_is_recommended():
    methods = read_methods()
    assert len(methods.of) == 6
    for key, own in methods.of.items():
        assert own[0].kind in ("robust", "bootstrap")
        assert methods.recommended[key] in {method.covariance for method in own[1:]}


COLUMNS = {"obs_desk_horizon": ("desk_id", "firm_rssd", "business_date")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"observations": "obs_moon_day"},
            "robust of obs_moon_day ols: there are no observations obs_moon_day",
        ),
        ({"kind": "magic"}, "unknown kind magic, expected one of robust, cluster"),
        ({"kind": "cell", "clusters": "desk_id"}, "cell takes 2 to 2 clusters, 1 are given"),
        (
            {"kind": "cluster", "clusters": "desk"},
            "obs_desk_horizon has no cluster desk, the nearest is desk_id",
        ),
        ({"is_recommended": "false"}, "obs_desk_horizon ols: 0 are recommended, expected one"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, str], message: str):
    with pytest.raises(DealerLimitsError, match=message):
        build_methods([ROW | change], COLUMNS)


def test_a_name_given_twice_is_refused():
    with pytest.raises(DealerLimitsError, match="robust of obs_desk_horizon ols: is there twice"):
        build_methods([ROW, ROW])
