"""Breaking one rule of the models at a time breaks the unit test that states it."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
        "models/observations/obs_desk_horizon.sql",
        "        desk_days.*\n    from desk_days\n",
        "        desk_days.* exclude (business_day_index),\n"
        "        row_number() over (partition by desk_id order by business_date) as business_day_index\n"
        "    from desk_days\n",
        "obs_desk_horizon",
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
    "limit of stressed VaR": Mutation(
        f"{DESKS}/int_desk_var_limits_compared.sql",
        "and not {{ matches(words('limit_name'), var('not_var_limit_pattern')) }}",
        "",
        "int_desk_var_limits_compared",
        {"limits_of_the_firm_are_found_by_name_and_follow_var_where_their_usage_is_it"},
    ),
    "stretch of one day": Mutation(
        f"{DESKS}/int_desk_var_limits_compared.sql",
        "and 2 * following_days_before >= least(",
        "and 2 * following_days_before <> least(",
        "int_desk_var_limits_compared",
        {"day_that_follows_var_by_chance_is_no_stretch"},
    ),
    "limit of another firm of the desk": Mutation(
        f"{DESKS}/int_desk_var_limits_compared.sql",
        "and usages.business_date between desk_firms.first_day and desk_firms.last_day",
        "",
        "int_desk_var_limits_compared",
        {"limit_of_the_firm_of_the_day_is_compared"},
    ),
    "swap of limits decided by rank": Mutation(
        f"{DESKS}/int_desk_var_limits_daily.sql",
        "case when is_in_stretch and follows_var then 1 else 2 end asc,\n"
        "                case when is_in_stretch and follows_around then 1 else 2 end asc,\n",
        "",
        "int_desk_var_limits_daily",
        {"of_limits_that_swap_roles_each_serves_in_its_own_stretch_to_the_day"},
    ),
    "best limit of all time outside of stretches": Mutation(
        f"{DESKS}/int_desk_var_limits_daily.sql",
        "                last_index_in_stretch desc nulls last,\n",
        "",
        "int_desk_var_limits_daily",
        {"outside_of_all_stretches_the_limit_of_the_last_one_goes_on_or_else_that_of_the_next"},
    ),
    "another limit for a missing one": Mutation(
        f"{DESKS}/int_desk_var_limits_daily.sql",
        "    from candidates\n",
        "    from candidates\n    where is_reported\n",
        "int_desk_var_limits_daily",
        {"limit_of_a_stretch_that_is_not_reported_is_replaced_by_no_other"},
    ),
    "one DV01 limit for ever": Mutation(
        f"{DESKS}/int_desk_dv01_limits_daily.sql",
        "partition by usages.desk_id, usages.business_date",
        "partition by usages.desk_id",
        "int_desk_dv01_limits_daily",
        {"dv01_limit_that_replaces_another_takes_over_on_its_day"},
    ),
    "bucket for a missing total": Mutation(
        f"{DESKS}/int_desk_dv01_limits_daily.sql",
        "and today.rank_on_desk > around.rank_on_desk",
        "and false",
        "int_desk_dv01_limits_daily",
        {"smaller_dv01_limit_does_not_stand_in_for_a_larger_one_that_comes_back"},
    ),
    "firm of the latest schedule": Mutation(
        f"{DESKS}/int_desk_firms.sql",
        "                case place when 'holds' then 1 when 'ended' then 2 else 3 end asc,\n",
        "",
        "int_desk_firms",
        {"firm_of_the_day_is_that_of_the_schedule_which_holds_that_day"},
    ),
    "limit of a desk that comes in": Mutation(
        f"{DESKS}/int_firm_limit_changes.sql",
        "            and today.firm_rssd = before.firm_rssd\n",
        "",
        "int_firm_limit_changes",
        {"desk_that_changes_firm_changes_no_limit_of_either"},
    ),
    "firm of the latest day on all desk-days": Mutation(
        "models/marts/fct_desk_day.sql",
        "        desk_firms.firm_rssd,\n",
        "        max(desk_firms.firm_rssd) over (partition by reported.desk_id) as firm_rssd,\n",
        "fct_desk_day",
        {"firm_of_a_desk_day_is_that_of_the_day"},
    ),
    "MPID of a firm for ever": Mutation(
        "models/intermediate/firms/int_dealer_firms.sql",
        "coalesce(dealers.valid_to, business_days.business_date) >= business_days.business_date",
        "true",
        "int_dealer_firms",
        {"mpid_that_changes_firm_is_of_the_firm_of_the_day"},
    ),
    "FR Y-9C of the reporter of the desks": Mutation(
        f"{DESKS}/int_firm_slr_distances.sql",
        "coalesce(firms.fr_y9c_rssd, firms.firm_rssd)",
        "firms.firm_rssd",
        "int_firm_slr_distances",
        {"leverage_ratio_is_that_of_the_filer_that_the_firm_names"},
    ),
    "desk-days outside of the sample": Mutation(
        "models/marts/fct_desk_day.sql",
        "business_date between cast('{{ var(\"sample_start\") }}' as date) and cast",
        "business_date is not null or business_date between '2015-01-01' and cast",
        "fct_desk_day",
        {"desk_days_are_those_of_the_sample_and_their_lags_reach_back_before_it"},
    ),
    "change that ends after the sample": Mutation(
        "models/observations/obs_desk_horizon.sql",
        "business_date between cast('{{ var(\"sample_start\") }}' as date) and cast",
        "business_date is not null or business_date between '2015-01-01' and cast",
        "obs_desk_horizon",
        {"change_ends_within_the_sample"},
    ),
    "awards outside of the event window": Mutation(
        "models/marts/fct_soma_award.sql",
        "operation_date between cast('{{ var(\"event_start\") }}' as date) and cast",
        "operation_date is not null or operation_date between '2020-03-16' and cast",
        "fct_soma_award",
        {"awards_are_those_of_the_event_window"},
    ),
    "leverage ratio before it binds": Mutation(
        "models/marts/fct_desk_day.sql",
        "reported.business_date >= cast('{{ var(\"slr_start\") }}' as date)",
        "true",
        "fct_desk_day",
        {"slr_distance_starts_on_2018_01_01_with_the_quarter_before"},
    ),
    "profit over all days of the horizon": Mutation(
        "models/observations/obs_desk_horizon.sql",
        "/ count(profits.{{ outcome }})",
        "/ max(horizons.horizon)",
        "obs_desk_horizon",
        {"profit_change_is_the_mean_of_the_days_that_there_are_less_today"},
    ),
    "zero position has a log": Mutation(
        "models/observations/obs_desk_horizon.sql",
        "{{ ln_or_null(at_least(outcome ~ '_usd_mn', position_floor)) }}",
        "ln(1 + {{ outcome }}_usd_mn)",
        "obs_desk_horizon",
        {"net_position_of_zero_at_either_end_has_no_log_change"},
    ),
}


# one condition of a file, drawn at random from all in models with unit tests, its operator turned round
DRAWN = (
    (
        "models/marts/fct_desk_day.sql",
        "and desk_days.business_day_index - 1 = usages_before.business_day_index",
        "and desk_days.business_day_index - 1 <> usages_before.business_day_index",
        "desk_days_are_those_of_the_sample_and_their_lags_reach_back_before_it",
    ),
    (
        "models/intermediate/desks/int_firm_limit_changes.sql",
        "and today.firm_rssd = before.firm_rssd",
        "and today.firm_rssd <> before.firm_rssd",
        "desk_that_changes_firm_changes_no_limit_of_either",
    ),
    (
        "models/intermediate/trades/int_trade_messages.sql",
        "when trade_status = 'Y' or as_of_code = 'R' then 'reversed'",
        "when trade_status <> 'Y' or as_of_code = 'R' then 'reversed'",
        "messages_are_kept_whatever_their_own_par_and_price_hold",
    ),
    (
        "models/quality/match_quality/qc_truth_awards.sql",
        "qualify count(*) over () = count(sales.sold_par_usd) over ()",
        "qualify count(*) over () <> count(sales.sold_par_usd) over ()",
        "award_is_filled_by_all_sales_of_which_some_are_reported",
    ),
    (
        "models/intermediate/trades/int_trade_messages_resolved.sql",
        "when reports.reject_reason is not null then 'its report was rejected'",
        "when reports.reject_reason is null then 'its report was rejected'",
        "correction_undoes_the_report_and_its_corrected_version_stands",
    ),
    (
        "models/observations/obs_desk_horizon.sql",
        "when today.limit_usage_quartile is not null then 0",
        "when today.limit_usage_quartile is null then 0",
        "terms_are_of_the_day_and_samples_are_flags",
    ),
    (
        "models/intermediate/desks/int_desk_var_limits_identified.sql",
        "days_in_stretch > 0 or coalesce(median_relative_gap <= {{ var('var_limit_tolerance') }}, false)",
        "days_in_stretch > 0 or coalesce(median_relative_gap < {{ var('var_limit_tolerance') }}, false)",
        "limit_that_follows_var_in_a_stretch_is_identified_though_its_median_gap_is_not_within_the_tolerance",
    ),
    (
        "models/intermediate/desks/int_desk_var_limits_daily.sql",
        "and compared.firm_rssd = identified.firm_rssd",
        "and compared.firm_rssd <> identified.firm_rssd",
        "limit_of_a_stretch_that_is_not_reported_is_replaced_by_no_other",
    ),
    (
        "models/quality/match_quality/qc_match_firm_days.sql",
        "and sold.firm_rssd = matched.firm_rssd",
        "and sold.firm_rssd <> matched.firm_rssd",
        "firm_days_are_of_firms_of_the_sample_that_sold_or_are_matched",
    ),
    (
        "models/intermediate/desks/int_desk_var_limits_compared.sql",
        "and 2 * following_days_before >= compared_days_before",
        "and 2 * following_days_before > compared_days_before",
        "limits_that_swap_roles_each_follow_var_in_their_own_stretch",
    ),
    (
        "models/intermediate/firms/int_dealer_firms.sql",
        "when dealers.primary_from is null then 2",
        "when dealers.primary_from is not null then 2",
        "mpid_that_changes_firm_is_of_the_firm_of_the_day",
    ),
    (
        "models/intermediate/matching/int_soma_matches_level_3.sql",
        "qualify leg_par_usd > 0",
        "qualify leg_par_usd >= 0",
        "level_3_ends_where_the_award_is_used_up_to_the_dollar",
    ),
    (
        "models/observations/obs_soma_sale.sql",
        "'ge_10': 'years_to_maturity >= 10',",
        "'ge_10': 'years_to_maturity > 10',",
        "life_of_a_bond_is_in_one_bin_and_an_unknown_one_in_none",
    ),
    (
        "models/intermediate/matching/int_soma_awards.sql",
        "where accepted_par_usd > 0",
        "where accepted_par_usd >= 0",
        "award_is_a_purchase_with_results_and_par",
    ),
    (
        "models/intermediate/desks/int_desk_dv01_limits_daily.sql",
        "and desk_firms.firm_rssd = identified.firm_rssd",
        "and desk_firms.firm_rssd <> identified.firm_rssd",
        "dv01_limit_that_replaces_another_takes_over_on_its_day",
    ),
    (
        "models/intermediate/desks/int_desk_limit_usages.sql",
        "and desk_days.business_day_index = var_limits.business_day_index",
        "and desk_days.business_day_index <> var_limits.business_day_index",
        "limit_changed_yesterday_counts_and_limit_changed_today_does_not",
    ),
    (
        "models/intermediate/matching/int_soma_operations_latest.sql",
        "and operations.raw_file = detailed.raw_file",
        "and operations.raw_file <> detailed.raw_file",
        "version_updated_last_that_has_details_stands_whatever_its_file_is_called",
    ),
    (
        "models/intermediate/desks/int_desk_market_shares.sql",
        "and usages.limit_usage > 0",
        "and usages.limit_usage >= 0",
        "weights_are_of_past_volume_and_sum_to_one_over_desks_with_a_usage",
    ),
    (
        "models/intermediate/desks/int_desk_profits_scaled.sql",
        "when reported_var.var_usd > {{ var('least_var_usd') }} then cast(reported_var.var_usd as double)",
        "when reported_var.var_usd >= {{ var('least_var_usd') }} then cast(reported_var.var_usd as double)",
        "profit_is_over_a_var_above_the_least_only",
    ),
    (
        "models/intermediate/desks/int_desk_positions_measured.sql",
        "and business_date <= cast('{{ var(\"combined_positions_end\") }}' as date) as is_at_notional",
        "and business_date < cast('{{ var(\"combined_positions_end\") }}' as date) as is_at_notional",
        "no_combined_position_once_derivatives_are_at_market_value",
    ),
    (
        "models/intermediate/trades/int_trades_cleaned.sql",
        "when bills.cusip is null then trades.entered_price",
        "when bills.cusip is not null then trades.entered_price",
        "price_of_a_bill_is_decided_per_row_between_price_and_discount_rate",
    ),
    (
        "models/marts/fct_soma_cumulative_sales.sql",
        "case when usage_rank <= firms / 2 then 'high' else 'low' end as usage_group",
        "case when usage_rank < firms / 2 then 'high' else 'low' end as usage_group",
        "of_an_even_number_of_firms_half_are_of_high_usage",
    ),
    (
        "models/quality/qc_firms_unjoined.sql",
        "where slr_distance_pct is not null",
        "where slr_distance_pct is null",
        "firms_that_do_not_join_are_listed_with_the_side_that_lacks_them",
    ),
    (
        "models/intermediate/trades/int_trades_classified.sql",
        "and reports.control_number = undone.control_number",
        "and reports.control_number <> undone.control_number",
        "messages_and_what_they_undo_are_set_apart",
    ),
    (
        "models/intermediate/matching/int_soma_trade_candidates.sql",
        "and trades.trade_date >= primary_dealers.primary_from",
        "and trades.trade_date > primary_dealers.primary_from",
        "candidate_is_of_a_dealer_that_is_primary_on_the_day",
    ),
    (
        "models/marts/fct_soma_award.sql",
        "case when matches.match_kind in ('lone', 'exact') then cast(searches.exact_subsets - 1 as integer) end",
        "case when matches.match_kind not in ('lone', 'exact') then cast(searches.exact_subsets - 1 as integer) end",
        "alternatives_are_counted_of_exact_sums_alone_and_without_the_chosen_one",
    ),
    (
        "models/intermediate/matching/int_soma_matches.sql",
        "= 1 then 'lone'",
        "> 1 then 'lone'",
        "exact_sum_of_one_trade_is_a_kind_of_its_own",
    ),
    (
        "models/intermediate/matching/int_soma_awards.sql",
        "'release': 'released_at'",
        "'release': 'closed_at'",
        "time_of_an_operation_is_its_release",
    ),
    (
        "models/intermediate/trades/int_dealer_customer_trades.sql",
        "if name not in counted",
        "if true",
        "when_issued_trades_with_customers_count_where_they_are_included",
    ),
    (
        "models/marts/fct_position_change_by_usage_rank.sql",
        "percent_rank() over (order by limit_usage)",
        "percent_rank() over (partition by desk_id order by limit_usage)",
        "ranks_are_among_all_desk_days_where_they_are_pooled",
    ),
    (
        "models/intermediate/desks/int_firm_slr_distances.sql",
        "ratios.quarter_end between",
        "ratios.quarter_end not between",
        "what_the_relief_left_out_is_added_back",
    ),
)
MUTATIONS |= {
    f"{Path(file).stem}: {after}": Mutation(file, before, after, Path(file).stem, {caught_by})
    for file, before, after, caught_by in DRAWN
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
    shutil.copy(warehouse.build_file, workspace.build_file)
    return workspace


def rounds() -> list[list[str]]:
    """Mutations that can be made at once: of one file and one model each."""
    made: list[list[str]] = []
    for name, mutation in MUTATIONS.items():
        for others in made:
            touched = {MUTATIONS[other].file for other in others} | {MUTATIONS[other].model for other in others}
            if not touched & {mutation.file, mutation.model}:
                others.append(name)
                break
        else:
            made.append([name])
    return made


ROUND_OF = {name: number for number, names in enumerate(rounds()) for name in names}


@pytest.fixture(scope="module")
def failing(copy: Workspace) -> Callable[[str], set[str]]:
    """Unit tests that fail when a mutation is made.

    A unit test gives all inputs of its model, so that it knows nothing of what is broken in another.
    """

    @functools.cache
    def of_round(number: int) -> set[str]:
        mutations = [MUTATIONS[name] for name, its_number in ROUND_OF.items() if its_number == number]
        unbroken = {mutation.file: (copy.project / mutation.file).read_text() for mutation in mutations}
        try:
            for mutation in mutations:
                text = unbroken[mutation.file]
                assert text.count(mutation.before) == 1
                (copy.project / mutation.file).write_text(text.replace(mutation.before, mutation.after))
            names = sorted(set().union(*(mutation.caught_by for mutation in mutations)))
            finished = copy.dbt("test", "--select", *(f"test_type:unit,{name}" for name in names))
        finally:
            for file, text in unbroken.items():
                (copy.project / file).write_text(text)
        assert finished.exception is None
        return {result.node.name for result in finished.result.results if result.status == "fail"}

    return lambda name: of_round(ROUND_OF[name])


def test_unbroken_rules_pass_their_unit_tests(warehouse: Workspace) -> None:
    ran = {
        result["unique_id"].rpartition(".")[2]: result["status"]
        for result in json.loads((warehouse.folder / "target/run_results.json").read_text())["results"]
        if result["unique_id"].startswith("unit_test.")
    }

    assert {name for name, status in ran.items() if status != "pass"} == set()
    assert ran.keys() >= {name for mutation in MUTATIONS.values() for name in mutation.caught_by}


@pytest.mark.parametrize("name", MUTATIONS)
def test_broken_rule_fails_its_unit_test(failing: Callable[[str], set[str]], name: str) -> None:
    assert failing(name) >= MUTATIONS[name].caught_by
