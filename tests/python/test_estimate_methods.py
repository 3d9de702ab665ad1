"""The registry of covariances: what it holds, and what is refused."""

from __future__ import annotations

import pytest

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimate.methods import build_methods
from dealer_limits.montecarlo.registry import read_methods

ROW = {
    "mart": "panel_desk_horizon",
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mart": "fct_moon_day"}, "robust of fct_moon_day ols: unknown mart"),
        ({"kind": "magic"}, "unknown kind magic, expected one of robust, cluster"),
        ({"kind": "cell", "clusters": "desk"}, "cell takes 2 to 2 clusters, 1 are given"),
        ({"kind": "cluster", "clusters": "bond"}, "unknown cluster bond, expected one of desk, firm, day"),
        ({"is_recommended": "false"}, "panel_desk_horizon ols: 0 are recommended, expected one"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, str], message: str):
    with pytest.raises(DealerLimitsError, match=message):
        build_methods([ROW | change])


def test_a_name_given_twice_is_refused():
    with pytest.raises(DealerLimitsError, match="robust of panel_desk_horizon ols: is there twice"):
        build_methods([ROW, ROW])
