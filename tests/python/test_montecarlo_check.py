"""The check of the calibration: what counts as a hit; every miss on the committed page has a reason."""

from __future__ import annotations

import re

import pytest

from dealer_limits.montecarlo.calibration_check import NO_REASON, TARGETS, check_numbers, half_digit, kind
from dealer_limits.montecarlo.desk_panel_moments import printed_numbers
from dealer_limits.montecarlo.whole_worlds import WholeWorld
from dealer_limits.project import SEEDS

PAGE = (SEEDS.parent / "docs" / "calibration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("statistic", "term", "printed", "last_hit", "first_miss"),
    [
        ("se", "x", "0.010", 0.0135, 0.0136),
        ("r2", "", "0.500", 0.5305, 0.5306),
        ("pseudo_r2", "", "0.500", 0.4696, 0.4694),
        ("nobs", "", "1000", 1020, 1021),
        ("count", "var", "1000", 980, 979),
        ("mean", "var", "-4.20", -4.624, -4.626),
        ("p75", "var", "5", 6, 6.01),
        ("p25", "log_soma_sale_amount", "5.00", 5.104, 5.106),
        ("sd", "log_soma_sale_amount", "2.00", 2.204, 2.206),
    ],
)
def test_number_is_a_hit_up_to_its_target(
    statistic: str, term: str, printed: str, last_hit: float, first_miss: float
) -> None:
    key = ("1", "a", "", term, statistic)
    for value, is_hit in ((last_hit, True), (first_miss, False)):
        (checked,) = check_numbers([WholeWorld(1, {key: value}, (), {}, 0.0)], {key: printed})
        assert checked.is_hit == is_hit


def test_coefficient_is_held_to_both_errors_and_to_the_mean_over_worlds() -> None:
    coef, se = (("2", "a", "1", "x", statistic) for statistic in ("coef", "se"))
    printed = {coef: "0.100", se: "0.030"}
    # two times 0.05, and half a digit
    for mean, is_hit in ((0.2004, True), (0.2006, False)):
        worlds = [WholeWorld(1, {coef: mean + shift, se: 0.04}, (), {}, 0.0) for shift in (-1, 1)]
        assert check_numbers(worlds, printed)[0].is_hit == is_hit


def test_half_of_the_last_digit_is_that_of_the_printed_text() -> None:
    assert [half_digit(text) for text in ("15", "1.0", "-0.068")] == [0.5, 0.05, 0.0005]


def test_every_kind_of_printed_number_has_a_target() -> None:
    assert {kind(key[-1]) for key in printed_numbers()} == set(TARGETS)


def test_committed_page_gives_a_reason_for_every_miss() -> None:
    assert NO_REASON not in PAGE
    hits, of_all = map(int, re.search(r"^- all: (\d+) of (\d+)", PAGE, flags=re.MULTILINE).groups())
    assert of_all == len(printed_numbers())
    assert len(re.findall(r"^  - .*: printed .*, ours ", PAGE, flags=re.MULTILINE)) == of_all - hits


def test_coefficients_and_all_tables_of_the_committed_page_add_up() -> None:
    rows = re.findall(r"^\| \d.*\| (\d+) of (\d+) \|$", PAGE, flags=re.MULTILINE)
    hits, of_all = map(int, re.search(r"^- all: (\d+) of (\d+)", PAGE, flags=re.MULTILINE).groups())
    assert (sum(int(hit) for hit, _ in rows), sum(int(own) for _, own in rows)) == (hits, of_all)
