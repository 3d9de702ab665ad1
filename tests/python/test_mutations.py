"""Breaking one rule of the desk path at a time breaks the unit test that states it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pytest

from workspace import ROOT, Workspace

DESKS = "models/intermediate/desks"


@dataclass(frozen=True)
class Mutation:
    """A rule, broken by one substitution in one file; unit tests `caught_by` of `model` must fail."""

    file: str
    before: str
    after: str
    model: str
    caught_by: set[str]


MUTATIONS = {
    "VaR limit of the day itself": Mutation(
        f"{DESKS}/int_desk_limit_usages.sql",
        "desk_days.business_day_index - 1 = limits_before.business_day_index",
        "desk_days.business_day_index = limits_before.business_day_index",
        "int_desk_limit_usages",
        {
            "holiday_uses_the_limit_of_the_business_day_before",
            "missing_limit_of_the_day_before_leaves_no_usage",
            "limit_changed_yesterday_counts_and_limit_changed_today_does_not",
        },
    ),
    "lead by row": Mutation(
        "models/marts/panel_desk_horizon.sql",
        "        business_day_index,\n        log_limit_usage,\n",
        "        row_number() over (partition by desk_id order by business_date) as business_day_index,\n"
        "        log_limit_usage,\n",
        "panel_desk_horizon",
        {
            "change_is_to_the_business_day_ahead_not_to_the_next_row",
            "exit_and_reentry_of_a_desk_is_no_change",
        },
    ),
    "signed net": Mutation(
        f"{DESKS}/int_desk_positions_measured.sql",
        "abs(long_securities_position_usd - short_securities_position_usd)",
        "(long_securities_position_usd - short_securities_position_usd)",
        "int_desk_positions_measured",
        {"net_position_is_absolute"},
    ),
    "combined positions after 2020": Mutation(
        f"{DESKS}/int_desk_positions_measured.sql",
        "business_date <= cast('{{ var(\"combined_positions_end\") }}' as date)",
        "business_date is not null",
        "int_desk_positions_measured",
        {"no_combined_position_once_derivatives_are_at_market_value"},
    ),
    "market values of derivatives combined": Mutation(
        f"{DESKS}/int_desk_positions_measured.sql",
        "derivatives_basis = 'notional'",
        "derivatives_basis is not null",
        "int_desk_positions_measured",
        {"no_combined_position_once_derivatives_are_at_market_value"},
    ),
    "market share of the day itself": Mutation(
        f"{DESKS}/int_desk_market_shares.sql",
        "and usages.business_day_index - 1",
        "and usages.business_day_index",
        "int_desk_market_shares",
        {"weights_are_of_past_volume_and_sum_to_one_over_desks_with_a_usage"},
    ),
    "VaR as part of a word": Mutation(
        "dbt_project.yml",
        r"'\bvar\b|value",
        r"'var|value",
        "int_desk_var_limits_identified",
        {"of_two_var_limits_the_one_that_follows_reported_var_is_identified"},
    ),
    "leverage ratio a year early": Mutation(
        "dbt_project.yml",
        'slr_start: "2018-01-01"',
        'slr_start: "2017-01-01"',
        "fct_desk_day",
        {"slr_distance_starts_on_2018_01_01_with_the_quarter_before"},
    ),
    "profit over all days of the horizon": Mutation(
        "models/marts/panel_desk_horizon.sql",
        "nullif(count(profits.{{ outcome }}), 0)",
        "max(horizons.horizon)",
        "panel_desk_horizon",
        {"profit_change_is_the_mean_of_the_days_that_there_are_less_today"},
    ),
    "zero position has a log": Mutation(
        "models/marts/panel_desk_horizon.sql",
        "{{ ln_or_null(outcome ~ '_usd_mn') }}",
        "ln(1 + {{ outcome }}_usd_mn)",
        "panel_desk_horizon",
        {"net_position_of_zero_at_either_end_has_no_log_change"},
    ),
}


@pytest.fixture(scope="module")
def copy(warehouse: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the dbt project to break, over a warehouse from which fixtures take the types of columns."""
    folder = tmp_path_factory.mktemp("mutations")
    project = folder / "project"
    for name in ("models", "macros", "seeds", "tests"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("python"))
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(ROOT / name, project)
    workspace = Workspace(folder, warehouse.raw, project)
    workspace.build_file.parent.mkdir(parents=True)
    shutil.copy(warehouse.published, workspace.build_file)
    return workspace


def failing_unit_tests(workspace: Workspace, *models: str) -> tuple[set[str], set[str]]:
    """Unit tests of the models: those that ran, and of them those that failed."""
    finished = workspace.dbt("test", "--select", *(f"{model},test_type:unit" for model in models))
    assert finished.exception is None
    results = finished.result.results
    return {result.node.name for result in results}, {
        result.node.name for result in results if result.status == "fail"
    }


def test_unbroken_rules_pass_their_unit_tests(copy: Workspace) -> None:
    models = {mutation.model for mutation in MUTATIONS.values()}

    ran, failed = failing_unit_tests(copy, *models)

    assert failed == set()
    assert ran >= {name for mutation in MUTATIONS.values() for name in mutation.caught_by}


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_broken_rule_fails_its_unit_test(copy: Workspace, mutation: Mutation) -> None:
    file = copy.project / mutation.file
    unbroken = file.read_text()
    assert unbroken.count(mutation.before) == 1
    file.write_text(unbroken.replace(mutation.before, mutation.after))
    try:
        _, failed = failing_unit_tests(copy, mutation.model)
    finally:
        file.write_text(unbroken)

    assert failed >= mutation.caught_by
