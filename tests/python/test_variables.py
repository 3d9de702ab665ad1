"""Every variable of dbt_project.yml can be set: builds with other values are published and follow them."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from dealer_limits.cli import app
from dealer_limits.variables import WORDS, documented, read_variables
from workspace import ROOT, Workspace

DEFAULTS = documented(ROOT)
# another value for each, all in one build: none hides what another does
OTHERS: dict[str, Any] = {
    "unzoned_times": {"soma": "America/Chicago", "trace": "America/Chicago"},
    "treasury_desk_pattern": r"\btreasury\b",
    "not_treasury_desk_pattern": "corporate treasury",
    "treasury_exclusions": ["market making-related activity", "underwriting"],
    "treasury_exclusions_needed": "any",
    "var_limit_pattern": r"\bvar\b|market value",
    "not_var_limit_pattern": "scenario",
    "var_limit_tolerance": 0.05,
    "limit_stretch_days": 5,
    "dv01_limit_pattern": "dv01",
    "combined_positions_end": "2019-10-31",
    "slr_start": "2019-07-01",
    "eslr_minimum_pct": 5.5,
    "slr_minimum_pct": 3.5,
    "slr_relief": "added_back",
    "slr_relief_start": "2019-10-01",
    "slr_relief_end": "2020-06-30",
    "horizons": [2, 20],
    "position_floor_usd": 1_000_000,
    "least_var_usd": 50_000,
    "profit_change_days": "complete",
    "without_dv01_limit": "missing",
    "rolling_window_days": 100,
    "rolling_minimum_observations": 5,
    "figure_4_ranks": "pooled",
    "limit_event_days": 5,
    "market_share_window": 5,
    "when_issued_customer_trades": "included",
    "agency_customer_trades": "included",
    "operation_time": "release",
    "level_2_trades": "smaller",
    "candidate_least_par_usd": 1_000_000,
    "level_1_seconds_before": 60,
    "level_1_seconds_after": 1300,
    "bill_rates_pct": [0, 10],
    "matching_rule": "price_consistent",
    "listed_trades": 1,
    "subset_sum_most_states": 2,
    "most_exact_subsets": 3,
    "weighed_trades": 6,
    "off_price_usd": 0.001,
    "most_awards_per_cusip_day": 4,
    "event_start": "2020-03-18",
    "event_end": "2020-05-29",
    "march_last_day": "2020-04-15",
    "stress_start": "2020-03-10",
    "stress_end": "2020-03-20",
    "figure_3_end": "2020-06-12",
    "grouping_date": "2020-03-12",
    "gate_bounds": {"level_1_share": 0.01},
    "published_schemas": [*WORDS["published_schemas"]],
    # an hour later than by the zones of the files
    "trading_hours": [6, 19],
    "operation_hours": [9, 18],
    "sample_start": "2019-03-01",
    "sample_end": "2020-08-31",
}
# what a variable changes, where that is quickly said
EFFECTS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "unzoned_times": (
        """
        select distinct hour(latest.closed_at) - hour(cast(published.close_time as time))
        from intermediate.int_soma_operations_latest as latest
        inner join staging.stg_soma__operations as published on latest.operation_id = published.operation_id
        """,
        (1,),
    ),
    "treasury_desk_pattern": (
        "select bool_and(lower(desk_name || desk_description) like '%treasury%') from marts.dim_desk"
        " where is_treasury_desk",
        (True,),
    ),
    "not_treasury_desk_pattern": (
        "select bool_and(is_treasury_desk) from marts.dim_desk where desk_name like 'Group Treasury%'",
        (True,),
    ),
    "var_limit_pattern": (
        "select count(distinct limit_name) from intermediate.int_desk_var_limits_compared"
        " where limit_name = 'Gross Market Value'",
        (1,),
    ),
    "not_var_limit_pattern": (
        "select count(distinct limit_name) from intermediate.int_desk_var_limits_compared"
        " where limit_name = 'Stressed VaR'",
        (1,),
    ),
    "var_limit_tolerance": (
        "select max(relative_gap) between 0.01 and 0.05 from intermediate.int_desk_var_limits_compared"
        " where follows_var",
        (True,),
    ),
    "eslr_minimum_pct": (
        "select max(minimum_slr_pct) from intermediate.int_firm_slr_distances",
        (5.5,),
    ),
    "slr_minimum_pct": ("select min(minimum_slr_pct) from intermediate.int_firm_slr_distances", (3.5,)),
    "slr_relief": (
        """
        select distinct distances.quarter_end
        from intermediate.int_firm_slr_distances as distances
        inner join staging.stg_reference__firms as firms on distances.firm_rssd = firms.firm_rssd
        inner join staging.stg_fr_y9c__leverage_ratios as filed
            on coalesce(firms.fr_y9c_rssd, firms.firm_rssd) = filed.firm_rssd
            and distances.quarter_end = filed.quarter_end
        where abs(distances.slr_pct - 100 * filed.tier_1_capital_usd_th / filed.leverage_exposure_usd_th) > 0.1
        """,
        (date(2019, 12, 31), date(2020, 3, 31), date(2020, 6, 30)),
    ),
    "figure_4_ranks": (
        """
        select sum(desk_days) = (
            select count(changes.d_log_net_securities_position)
            from observations.obs_desk_horizon as changes
            where changes.horizon = 20 and changes.is_prime_treasury_desk and changes.limit_usage is not null
        )
        from marts.fct_position_change_by_usage_rank
        where position_measure = 'net'
        """,
        (True,),
    ),
    **{
        f"{name.replace('-', '_')}_customer_trades": (
            f"""
            select count(*) > 0
            from intermediate.int_trades_classified as trades
            inner join intermediate.int_dealer_customer_trades using (trade_date, cusip, dealer_mpid, report_side)
            anti join intermediate.int_trades_cleaned using (trade_date, cusip, dealer_mpid, report_side)
            where trades.set_apart_as = '{name}'
            """,
            (True,),
        )
        for name in ("when-issued", "agency")
    },
    "operation_time": (
        """
        select bool_and(awards.timed_at = operations.released_at and awards.timed_at < awards.closed_at)
        from intermediate.int_soma_awards as awards
        inner join intermediate.int_soma_operations_latest as operations using (operation_id)
        """,
        (True,),
    ),
    "level_2_trades": (
        "select count(*) from intermediate.int_soma_matches where match_kind = 'lone'",
        (0,),
    ),
    "dv01_limit_pattern": (
        "select count(*) from intermediate.int_desk_dv01_limits_identified where limit_name like 'PV01%'",
        (0,),
    ),
    "combined_positions_end": (
        "select max(business_date) from marts.fct_desk_day where gross_position_usd_mn is not null",
        (date(2019, 10, 31),),
    ),
    "slr_start": (
        "select min(business_date) from marts.fct_desk_day where slr_distance_pct is not null",
        (date(2019, 7, 1),),
    ),
    "least_var_usd": (
        "select count(pnl_total_to_var) from marts.fct_desk_day where var_usd_mn <= 0.05",
        (0,),
    ),
    "without_dv01_limit": (
        "select count(log_dv01_limit_usage) from marts.fct_desk_day where not has_dv01_limit",
        (0,),
    ),
    "rolling_minimum_observations": (
        """
        select min(days)
        from (
            select limit_usage_std, row_number() over (partition by desk_id order by business_date) as days
            from intermediate.int_desk_limit_usages_ranked
        )
        where limit_usage_std is not null
        """,
        (6,),
    ),
    "limit_event_days": ("select max(horizon) - min(horizon) from observations.obs_limit_event", (10,)),
    "market_share_window": (
        """
        select min(shares.business_day_index) - min(volumes.business_day_index)
        from (
            select days.business_day_index
            from intermediate.int_desk_market_shares as shares
            inner join intermediate.int_business_days as days on shares.business_date = days.business_date
        ) as shares
        cross join intermediate.int_desk_customer_volumes as volumes
        """,
        (5,),
    ),
    "candidate_least_par_usd": (
        "select min(par_usd) >= 1000000 from intermediate.int_soma_trade_candidates",
        (True,),
    ),
    # of releases, which sales come 20 minutes and more after
    "level_1_seconds_after": (
        "select max(seconds_from_close) between 1200 and 1300 from intermediate.int_soma_matches_level_1",
        (True,),
    ),
    "subset_sum_most_states": ("select bool_or(is_search_bounded) from marts.fct_soma_award", (True,)),
    "off_price_usd": (
        "select min(abs(price_gap)) between 0.001 and 0.02 from quality.qc_awards_off_price",
        (True,),
    ),
    "event_start": ("select min(operation_date) from marts.fct_soma_award", (date(2020, 3, 18),)),
    "event_end": ("select max(business_date) from marts.fct_firm_day", (date(2020, 5, 29),)),
    "stress_start": (
        "select min(business_date) from marts.dim_business_day where is_stress",
        (date(2020, 3, 10),),
    ),
    "stress_end": (
        "select max(business_date) from marts.dim_business_day where is_stress",
        (date(2020, 3, 20),),
    ),
    "figure_3_end": (
        "select max(business_date) from marts.fct_inventory_change_by_constraint",
        (date(2020, 6, 12),),
    ),
    "gate_bounds": (
        "select distinct stops_beyond from quality.qc_gates where gate = 'level_1_share'",
        (0.01,),
    ),
    "published_schemas": ("select distinct schema_name from duckdb_tables()", WORDS["published_schemas"]),
    "sample_start": ("select min(business_date) from marts.fct_desk_day", (date(2019, 3, 1),)),
    "sample_end": ("select max(business_date) from marts.fct_desk_day", (date(2020, 8, 31),)),
    "march_last_day": (
        "select max(business_date) from observations.obs_dealer_day where march_1_x_log_limit_usage_lag <> 0",
        (date(2020, 4, 15),),
    ),
    "horizons": ("select distinct horizon from observations.obs_desk_horizon", (2, 20)),
    "position_floor_usd": (
        """
        select count(changes.d_log_net_securities_position) > 0
        from observations.obs_desk_horizon as changes
        inner join marts.fct_desk_day as today
            on changes.desk_id = today.desk_id and changes.business_date = today.business_date
        where today.net_securities_position_usd_mn = 0
        """,
        (True,),
    ),
}


@pytest.fixture(scope="module")
def workspace(gate_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A build with every variable at another value, as a user runs it, of raw files without those of a table."""
    folder = tmp_path_factory.mktemp("variables")
    raw = folder / "raw"
    shutil.copytree(gate_base, raw, copy_function=os.link)
    (raw / "market/on_the_run_premium.csv").unlink()
    workspace = Workspace(folder, raw)
    finished = workspace.run_here("dealer-limits", "build", "--vars", json.dumps(OTHERS))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return workspace


@pytest.fixture(scope="module")
def built(workspace: Workspace) -> Iterator[duckdb.DuckDBPyConnection]:
    with workspace.connect() as connection:
        yield connection


def test_every_variable_has_another_value_here() -> None:
    assert OTHERS.keys() == DEFAULTS.keys()
    assert [name for name in OTHERS if OTHERS[name] == DEFAULTS[name]] == []


def test_build_with_every_variable_changed_says_what_it_was_built_with(
    built: duckdb.DuckDBPyConnection,
) -> None:
    rows = built.execute("select variable, value from quality.qc_variables").fetchall()

    assert {name: json.loads(value) for name, value in rows} == OTHERS


@pytest.mark.parametrize("variable", EFFECTS)
def test_variable_changes_what_it_is_about(built: duckdb.DuckDBPyConnection, variable: str) -> None:
    query, expected = EFFECTS[variable]

    assert {value for (value,) in built.execute(query).fetchall()} == {*expected}


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ("{horizon: [1]}", "horizon is no variable; the nearest is horizons"),
        ('{"event_begin": "2020-03-16"}', "event_begin is no variable; the nearest is event_end"),
        ("horizons: [1", "expected variables and values as YAML or JSON, as {horizons: [1, 20]}"),
        ("horizons", "expected variables and values as YAML or JSON, as {horizons: [1, 20]}"),
        ("{horizons: 5}", "horizons: expected a list, each of it a whole number from 1 on, as [1, 5, 10]"),
        ("{horizons: [0]}", "horizons: expected a list, each of it a whole number from 1 on, as [1, 5, 10]"),
        ("{event_start: March}", 'event_start: expected a day, as "2020-03-16"'),
        ("{event_start: '2020-02-30'}", 'event_start: expected a day, as "2020-03-16"'),
        ("{limit_stretch_days: 2.5}", "limit_stretch_days: expected a whole number from 1 on, as 10"),
        ("{limit_stretch_days: true}", "limit_stretch_days: expected a whole number from 1 on, as 10"),
        ("{var_limit_tolerance: .nan}", "var_limit_tolerance: expected a number, as 0.01"),
        ("{trading_hours: [18, 5]}", "trading_hours: expected two numbers, the lower first, as [5, 18]"),
        ("{gate_bounds: {level_1_share: none}}", "gate_bounds: expected numbers by name"),
        ("{dv01_limit_pattern: 1}", r'dv01_limit_pattern: expected text, as "\\b(dv01|pv01)\\b"'),
        ("{unzoned_times: {soma: UTC}}", "unzoned_times: expected text for each of soma, trace, as {"),
        *(
            (f"{{{name}: other}}", f"{name}: expected one of {', '.join(words)}")
            for name, words in WORDS.items()
            if isinstance(DEFAULTS[name], str)
        ),
        *(
            (
                f"{{published_schemas: {schemas}}}",
                "published_schemas: expected a list, each of it one of marts, observations",
            )
            for schemas in ("[marts, observations, quality, seeds, about, raw]", "[staging]", "staging")
        ),
    ],
)
def test_what_is_no_value_of_a_variable_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variables: str, line: str
) -> None:
    monkeypatch.chdir(ROOT)

    shown = CliRunner().invoke(app, ["build", "--vars", variables])

    assert shown.exit_code == 2
    assert shown.stderr.startswith(f"bad input: --vars: {line}")
    assert shown.stderr.count("\n") == 1


def test_days_may_stand_without_quotes() -> None:
    assert read_variables("{event_start: 2020-03-17}", ROOT) == {"event_start": "2020-03-17"}


def test_dbt_alone_refuses_them_too(small_workspace: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, small_workspace.raw)

    finished = workspace.run_here("dbt", "build", "--vars", "{horizon: [1]}")

    assert finished.returncode == 2
    assert "bad input: --vars: horizon is no variable; the nearest is horizons\n" in finished.stdout
    assert "OK created" not in finished.stdout


def test_dbt_takes_changed_variables_for_no_change_of_models(workspace: Workspace, warehouse: Workspace) -> None:
    """docs/change_a_rule.md says so: once dbt sees it, the page can say how to build what changed alone."""
    listed = workspace.run(
        *("dbt", "-q", "ls", "--resource-type", "model", "--select", "state:modified"),
        *("--state", str(warehouse.folder / "target"), "--vars", json.dumps(OTHERS)),
    )

    assert (listed.returncode, listed.stdout) == (0, "")


def test_words_of_a_variable_are_those_that_models_know() -> None:
    for name, words in WORDS.items():
        comment = re.search(rf"((?:  # .*\n)+)  {name}: ", (ROOT / "dbt_project.yml").read_text())[1]
        default = DEFAULTS[name] if isinstance(DEFAULTS[name], list) else [DEFAULTS[name]]
        assert {*default} <= {*words}
        assert [word for word in words if word not in comment] == []
