"""The reaction by indirect inference: what holds whatever the binding function, and in worlds of known truth."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.indirect_inference import (
    BINDING_FILE,
    PARAMETERS,
    estimate_reaction,
    features,
    read_binding,
    statistics_of,
)
from dealer_limits.estimation.specifications import read_csv
from dealer_limits.montecarlo.binding import LEAST, MOST, WORLDS, design, design_parameters
from dealer_limits.montecarlo.desk_panel import simulate_desk_panel
from dealer_limits.montecarlo.panel_regressions import estimate_on, panel_specifications
from dealer_limits.project import DOCS
from dealer_limits.pseudo.parameters import world_parameters

MATCHED = statistics_of(panel_specifications("specifications", "diagnostics"))


def test_what_is_matched_is_table_2_the_diagnostics_and_table_8() -> None:
    assert len(MATCHED) == 36
    assert tuple(MATCHED) == read_binding().statistics
    assert {name.split("_")[1] for name in MATCHED} == {"2", "8", "current", "usage"}


def test_worlds_of_the_design_are_those_of_the_file() -> None:
    kept = np.array([[float(row[name]) for name in PARAMETERS] for row in read_csv(BINDING_FILE)])
    np.testing.assert_allclose(kept, design(), rtol=1e-5)
    assert len(kept) == WORLDS
    assert (kept >= LEAST).all() and (kept <= MOST).all()


@pytest.mark.parametrize(("world", "strengths"), [("paper", (1, 1, 1, 1)), ("null", (0, 0, 1, 1))])
def test_a_world_is_a_point_of_the_design(world: str, strengths: tuple[float, ...]) -> None:
    assert dict(design_parameters(strengths)) == pytest.approx(dict(world_parameters(world)))


def test_a_row_of_the_file_is_what_its_world_gives() -> None:
    row = read_csv(BINDING_FILE)[3]
    panel = simulate_desk_panel(5_000_004, design_parameters([float(row[name]) for name in PARAMETERS]))
    for name in ("table_2_a_5", "table_current_position_11", "table_usage_parts_2"):
        spec, term = MATCHED[name]
        assert float(row[name]) == pytest.approx(estimate_on(panel, spec).coef[spec.terms.index(term)], rel=1e-4)


inside = st.tuples(*(st.floats(low + 0.3, high - 0.3) for low, high in zip(LEAST, MOST, strict=True)))


@given(inside)
@settings(max_examples=20, deadline=None)
def test_what_the_binding_function_gives_is_traced_back_to_its_strengths(theta: tuple[float, ...]) -> None:
    binding = read_binding()
    statistics = dict(zip(binding.statistics, binding.at(np.array(theta)), strict=True))
    reaction = estimate_reaction(statistics)
    assert reaction.distance < 1e-2
    assert (np.abs(reaction.theta - theta) < 0.5 * reaction.se + 1e-3).all()


def test_derivatives_are_those_of_the_polynomial() -> None:
    """Along each strength a cubic: its slope follows exactly from values at four places."""
    binding, theta = read_binding(), np.array([1.0, 0.5, 1.2, 0.8])
    for place in range(len(PARAMETERS)):
        move = np.eye(len(PARAMETERS))[place]
        one, two = ((binding.at(theta + h * move) - binding.at(theta - h * move)) / (2 * h) for h in (0.1, 0.2))
        np.testing.assert_allclose(binding.derivatives(theta)[:, place], (4 * one - two) / 3, atol=1e-6)


def test_features_are_all_products_up_to_the_third_degree() -> None:
    scaled = np.random.default_rng(1).normal(size=(3, 4))
    made = features(scaled)
    assert made.shape == (3, 35)
    a, b, c, d = scaled.T
    for product in (np.ones(3), a, d, a * b, c**2, a * b * c, d**3):
        assert np.isclose(made, product[:, None]).all(axis=0).sum() == 1


def test_missing_coefficient_is_named() -> None:
    with pytest.raises(DealerLimitsError, match="table_8_1"):
        estimate_reaction({name: 0.0 for name in MATCHED if name != "table_8_1"})


def test_statistics_that_no_strengths_give_are_rejected() -> None:
    binding = read_binding()
    at = dict(zip(binding.statistics, binding.at(np.ones(4)), strict=True))
    spread = np.sqrt(np.diag(binding.variance(np.ones(4))))[binding.statistics.index("table_2_a_1")]
    assert estimate_reaction(at).p > 0.99
    assert estimate_reaction(at | {"table_2_a_1": at["table_2_a_1"] + 12 * spread}).p < 1e-4


def coverage() -> list[dict[str, str]]:
    """The table of coverage of the page, a dictionary per row."""
    lines = re.findall(r"^\|(.*)\|$", (DOCS / "reaction.md").read_text(encoding="utf-8"), re.MULTILINE)
    head, _, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_intervals_of_reactions_hold_the_planted_ones_as_often_as_they_say() -> None:
    reactions = [row for row in coverage() if row["parameter"].startswith("reaction_")]
    assert len(reactions) == 6
    for row in reactions:
        assert 90 <= float(row["95%"].rstrip("%")) <= 98
