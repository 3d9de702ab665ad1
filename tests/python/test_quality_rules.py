"""Every rule of the quality suites holds on good data and is violated by data that break it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml

from dealer_limits.errors import DealerLimitsError
from dealer_limits.quality.run import check_suite
from dealer_limits.quality.suites import ROW_COUNT, Rule, Suite, load_suites
from dealer_limits.quality.validate import Verdict, validate
from dealer_limits.sources.contracts import load_contracts
from quality_warehouse import DEFAULTS, write_good_world

PROJECT = Path(__file__).parents[2]
SUITES = {suite.name: suite for suite in load_suites(DEFAULTS)}
RULES = [(suite, rule) for suite in SUITES.values() for rule in suite.rules]


@pytest.fixture(scope="module")
def good_world() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        write_good_world(connection)
        yield connection


@pytest.fixture
def world(good_world: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The good world, to be changed: the changes are rolled back."""
    good_world.execute("begin")
    yield good_world
    good_world.execute("rollback")


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)
def test_good_data_keep_every_rule_of(suite: Suite, good_world: duckdb.DuckDBPyConnection):
    result = check_suite(good_world, suite)
    assert [verdict.rule.meaning for verdict in result.verdicts if not verdict.passed] == []
    # a rule holds of any values that are all missing
    assert [verdict.rule.meaning for verdict in result.verdicts if not verdict.checked] == []


def _broken(frame: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """The frame with one value or row changed so that it breaks the rule."""
    limits = rule.limits

    def with_value(value: object, column: str = rule.columns[0] if rule.columns else "") -> pd.DataFrame:
        values = frame[column].astype(object)
        values.iloc[0] = value
        return frame.assign(**{column: values.infer_objects()})

    match rule.expectation:
        case "ExpectTableRowCountToBeBetween":
            return frame.iloc[:0]
        case "ExpectColumnValuesToNotBeNull":
            return with_value(None)
        case "ExpectColumnValuesToBeNull":
            return with_value(1.0)
        case "ExpectColumnValuesToBeUnique" | "ExpectCompoundColumnsToBeUnique":
            return pd.concat([frame, frame.iloc[:1]], ignore_index=True)
        case "ExpectColumnValuesToBeInSet":
            return with_value({bool: False, int: 987}.get(type(limits["value_set"][0]), "?"))
        case "ExpectColumnValuesToBeBetween" if "min_value" in limits:
            return with_value(limits["min_value"] - (0 if limits.get("strict_min") else 1e-3))
        case "ExpectColumnValuesToBeBetween":
            return with_value(limits["max_value"] + (0 if limits.get("strict_max") else 1e-3))
        case "ExpectColumnValueLengthsToEqual" | "ExpectColumnValuesToMatchRegex":
            return with_value("?")
        case "ExpectColumnPairValuesAToBeGreaterThanB":
            return with_value(frame[rule.arguments["column_B"]].iloc[0] - 1)
    raise AssertionError(f"no way to break {rule.expectation}")


@pytest.fixture(scope="module")
def verdicts(good_world: duckdb.DuckDBPyConnection) -> Callable[[Suite, Rule], Verdict]:
    """What a rule says of its suite's rows with one bad value.

    Rules are validated together where each can have copies of its columns to be broken; one that is broken by a
    row more or less is validated alone.
    """

    @cache
    def of_suite(name: str) -> dict[str, Verdict]:
        suite = SUITES[name]
        frame = good_world.execute(suite.query).df()
        together, found, columns = [], {}, {ROW_COUNT: frame[ROW_COUNT]} if suite.grouped else {}
        for number, rule in enumerate(suite.rules):
            broken = _broken(frame, rule)
            if len(broken) != len(frame):
                (found[rule.meaning],) = validate(replace(suite, rules=(rule,)), broken).verdicts
                continue
            copies = {column: f"{column} {number}" for column in rule.columns}
            columns |= {copy: broken[column] for column, copy in copies.items()}
            arguments = {
                name: given if name in rule.limits else _renamed(given, copies)
                for name, given in rule.arguments.items()
            }
            together.append(replace(rule, arguments=arguments))
        outcome = validate(replace(suite, rules=tuple(together)), pd.DataFrame(columns))
        return found | {verdict.rule.meaning: verdict for verdict in outcome.verdicts}

    return lambda suite, rule: of_suite(suite.name)[rule.meaning]


def _renamed(columns: str | list[str], copies: dict[str, str]) -> str | list[str]:
    return copies[columns] if isinstance(columns, str) else [copies[column] for column in columns]


@pytest.mark.parametrize(("suite", "rule"), RULES, ids=[f"{suite.name}: {rule.meaning}" for suite, rule in RULES])
def test_one_bad_value_violates(suite: Suite, rule: Rule, verdicts: Callable[[Suite, Rule], Verdict]):
    verdict = verdicts(suite, rule)
    assert not verdict.passed
    # a repeated key makes two rows that violate
    assert verdict.violating in (1, 2, None)


def test_both_bounds_of_a_range_hold(good_world: duckdb.DuckDBPyConnection):
    suite = SUITES["desk-days"]
    (rule,) = [
        rule for rule in suite.rules if rule.columns == ("limit_usage_percentile_rank",) and "max_value" in rule.limits
    ]
    frame = good_world.execute(suite.query).df()
    for value, passes in [(0.0, True), (1.0, True), (-0.01, False), (1.01, False)]:
        changed = frame.assign(limit_usage_percentile_rank=value)
        (verdict,) = validate(replace(suite, rules=(rule,)), changed).verdicts
        assert verdict.passed == passes
        assert verdict.violating == (0 if passes else len(frame))


# What an analyst would find wrong in the warehouse itself, and the rule (its column) that says so.
ONE_DESK_DAY = "where desk_id = 'desk 3' and business_date = date '2018-01-02'"
CHANGES = [
    ("desks as reported", "is_firm_known", "delete from staging.stg_reference__firms where firm_rssd = 3"),
    (
        "desks as reported",
        "starts_after_previous_end",
        "update staging.stg_fr_vv1__desks set valid_to = null where desk_id = 'desk 3'",
    ),
    (
        "contract of fr_vv1.desks",
        "check_1",
        "update staging.stg_fr_vv1__desks set valid_to = date '2014-01-01' where desk_id = 'desk 3'",
    ),
    (
        "contract of fr_vv1.limit_usage",
        "repeated_keys",
        "insert into staging.stg_fr_vv1__limit_usages from staging.stg_fr_vv1__limit_usages limit 1",
    ),
    (
        "limit usages",
        "undescribed_limits",
        f"update staging.stg_fr_vv1__limit_usages set limit_id = 'other' {ONE_DESK_DAY}",
    ),
    (
        "contract of fr_vv1.limit_usage",
        "limit_size_not_below",
        f"update staging.stg_fr_vv1__limit_usages set limit_size = -1 {ONE_DESK_DAY}",
    ),
    (
        "values at risk",
        "is_business_day",
        f"update staging.stg_fr_vv1__values_at_risk set business_date = date '2018-01-01' {ONE_DESK_DAY}",
    ),
    (
        "contract of fr_vv1.value_at_risk",
        "var_usd_not_below",
        f"update staging.stg_fr_vv1__values_at_risk set var_usd = -1 {ONE_DESK_DAY}",
    ),
    (
        "profits",
        "sums_off",
        f"update staging.stg_fr_vv1__profits set pnl_new_usd = 9 {ONE_DESK_DAY}",
    ),
    (
        "positions",
        "other_basis",
        f"update staging.stg_fr_vv1__positions set derivatives_basis = 'market' {ONE_DESK_DAY}",
    ),
    (
        "contract of fr_vv1.positions",
        "securities_short_usd_not_below",
        f"update staging.stg_fr_vv1__positions set securities_short_usd = -1 {ONE_DESK_DAY}",
    ),
    (
        "leverage ratios",
        "is_quarter_end",
        "update staging.stg_fr_y9c__leverage_ratios set quarter_end = date '2020-04-30' where firm_rssd = 3",
    ),
    (
        "leverage ratios",
        "gap_to_own_ratio_pct",
        "update staging.stg_fr_y9c__leverage_ratios set slr_pct = 0.065 where firm_rssd = 3",
    ),
    (
        "SOMA operations",
        "gap_to_details_usd",
        "delete from staging.stg_soma__operation_details where operation_id = 'OP1' and cusip = '912828001'",
    ),
    (
        "SOMA operation details",
        "is_operation_known",
        "delete from staging.stg_soma__operations where operation_id = 'OP1'",
    ),
    (
        "contract of trace.reports",
        "par_usd_above",
        "update staging.stg_trace__reports set par_usd = 0 where control_number = 'control 3'",
    ),
    (
        "contract of trace.reports",
        "trade_status_unknown",
        "update staging.stg_trace__reports set trade_status = 'Z' where control_number = 'control 3'",
    ),
    (
        "contract of trace.reports",
        "repeated_keys",
        "insert into staging.stg_trace__reports from staging.stg_trace__reports limit 1",
    ),
    (
        "rows of raw files",
        "unaccounted_rows",
        "update quality.qc_row_counts set rows_staged = 994 where source_table = 'source.1'",
    ),
    (
        "rejected rows",
        "rejected_share",
        "update quality.qc_row_counts set rows_rejected = 10 where source_table = 'source.1'",
    ),
    (
        "business days",
        "index_step",
        "delete from marts.dim_business_day where business_date = date '2018-01-02'",
    ),
    ("desks", "is_prime_a_treasury_desk", "update marts.dim_desk set is_treasury_desk = false"),
    ("desks in all", "prime_treasury_desks", "delete from marts.dim_desk where desk_id = 'desk 3'"),
    (
        "desks in all",
        "treasury_desks",
        "update marts.dim_desk set is_treasury_desk = true where desk_id = 'desk 45'",
    ),
    (
        "desk-days",
        "is_business_day",
        f"update marts.fct_desk_day set business_date = date '2018-01-01' {ONE_DESK_DAY}",
    ),
    (
        "desk-days",
        "net_gap_usd_mn",
        f"update marts.fct_desk_day set net_position_usd_mn = -net_position_usd_mn {ONE_DESK_DAY}",
    ),
    (
        "desk-days",
        "gross_gap_usd_mn",
        f"update marts.fct_desk_day set gross_position_usd_mn = long_position_usd_mn {ONE_DESK_DAY}",
    ),
    ("desk-days", "log_usage_gap", f"update marts.fct_desk_day set limit_usage = 0.6 {ONE_DESK_DAY}"),
    (
        "desk-days",
        "is_dv01_right_without_limit",
        f"update marts.fct_desk_day set log_dv01_limit_usage = null {ONE_DESK_DAY}",
    ),
    (
        "desk-days",
        "rank_less_quartile",
        f"update marts.fct_desk_day set limit_usage_quartile = 4 {ONE_DESK_DAY}",
    ),
    (
        "desk-days after 2020-12-30",
        "net_position_usd_mn",
        "update marts.fct_desk_day set net_position_usd_mn = 1 where business_date = date '2020-12-31'",
    ),
    (
        "desk-days before 2018-01-01",
        "slr_distance_pct",
        "update marts.fct_desk_day set slr_distance_pct = 1 where business_date = date '2017-12-29'",
    ),
    (
        "market shares by day",
        "gap_to_one",
        f"update marts.fct_desk_day set market_share_weight = 0.03 {ONE_DESK_DAY}",
    ),
    (
        "desk-days in all",
        "days_short_of_sample_end",
        "delete from marts.fct_desk_day where business_date >= date '2023-01-01'",
    ),
    (
        "changes over horizons",
        "ratio_gap",
        f"update observations.obs_desk_horizon set d_log_net_to_gross_position = 0.3 {ONE_DESK_DAY}",
    ),
    (
        "changes from 2020-12-30",
        "d_log_net_position",
        "update observations.obs_desk_horizon set d_log_net_position = 1 where business_date = date '2020-12-30'",
    ),
    (
        "changes in all",
        "missing_desk_days",
        f"delete from observations.obs_desk_horizon {ONE_DESK_DAY} and horizon = 10",
    ),
]


@pytest.mark.parametrize(
    ("name", "column", "change"), CHANGES, ids=[f"{name}: {column}" for name, column, _ in CHANGES]
)
def test_wrong_warehouse_violates(name: str, column: str, change: str, world: duckdb.DuckDBPyConnection):
    world.execute(change)
    about_it = tuple(rule for rule in SUITES[name].rules if rule.columns == (column,))
    verdicts = check_suite(world, replace(SUITES[name], rules=about_it)).verdicts
    assert any(not verdict.passed for verdict in verdicts)


def test_count_that_is_not_zero_is_told_from_those_that_are(world: duckdb.DuckDBPyConnection):
    """Counts that are all zero are validated as one."""
    suite = SUITES["contract of trace.reports"]
    assert sum(rule.is_none for rule in suite.rules) > 10
    world.execute(
        "update staging.stg_trace__reports set par_usd = 0 where control_number in ('control 3', 'control 4')"
    )
    for verdict in check_suite(world, suite).verdicts:
        is_about_par = verdict.rule.columns == ("par_usd_above",)
        assert (verdict.checked, verdict.violating, verdict.passed) == (1, int(is_about_par), not is_about_par)


def test_column_of_another_type_is_said_without_its_values(world: duckdb.DuckDBPyConnection):
    world.execute("alter table staging.stg_market__volatility alter move type varchar")
    world.execute("update staging.stg_market__volatility set move = 'SECRET'")
    with pytest.raises(DealerLimitsError, match="cannot be evaluated on move of") as caught:
        check_suite(world, SUITES["volatility"])
    assert "SECRET" not in str(caught.value)


def test_value_that_stops_a_query_is_not_said(world: duckdb.DuckDBPyConnection):
    world.execute("create schema other; create table other.texts as select 'SECRET' as text")
    suite = Suite("texts", "other.texts", "texts", (), derived={"number": "cast(text as integer)"})
    with pytest.raises(DealerLimitsError, match=r"other.texts cannot be read: ConversionException$"):
        check_suite(world, suite)


def test_suites_have_names_and_rules_of_their_own():
    assert len(SUITES) == len(load_suites(DEFAULTS))
    for suite in SUITES.values():
        assert len({rule.meaning for rule in suite.rules}) == len(suite.rules) > 0
        assert {rule.severity for rule in suite.rules} <= {"critical", "warning"}


@cache
def _documented_columns() -> dict[str, set[str]]:
    """Columns by model, as the YAML beside the models describes them."""
    documented: dict[str, set[str]] = {}
    for path in sorted((PROJECT / "models").rglob("*.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            documented[model["name"]] = {column["name"] for column in model.get("columns", [])}
    for table in load_contracts().values():
        columns = {name for column in table.columns for name in (column.as_, column.day_as) if name}
        documented[f"stg_{table.source}__{table.entity}"] = columns | {"raw_file"}
    # made at the end of a run (macros/raw_rows.sql)
    documented["qc_row_counts"] = {
        "source_table",
        "raw_file",
        "rows_read",
        "rows_staged",
        "rows_rejected",
    }
    return documented


def _nodes(tree: object) -> Iterator[dict]:
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else []:
        yield from _nodes(child)


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)
def test_columns_are_those_of_the_models_in(suite: Suite):
    with duckdb.connect() as connection:
        ((parsed,),) = connection.execute("select json_serialize_sql($1)", [suite.query]).fetchall()
    nodes = list(_nodes(json.loads(parsed)))
    tables = {node["table_name"] for node in nodes if node.get("type") == "BASE_TABLE"}
    named = {node["column_names"][-1] for node in nodes if node.get("type") == "COLUMN_REF"}
    assert tables
    assert tables <= set(_documented_columns())
    assert named <= set().union(*(_documented_columns()[table] for table in tables))
    read = {*suite.columns, *suite.derived, *([ROW_COUNT] if suite.grouped else [])}
    assert {column for rule in suite.rules for column in rule.columns} <= read


def test_bounds_that_are_variables_follow_them():
    changed = DEFAULTS | {
        "combined_positions_end": "2019-06-28",
        "slr_start": "2019-01-01",
        "horizons": [2, 20],
        "without_dv01_limit": "missing",
    }
    suites = {suite.name: suite for suite in load_suites(changed)}
    assert suites["desk-days after 2019-06-28"].where == "business_date > date '2019-06-28'"
    assert suites["changes from 2019-06-28"].where == "business_date >= date '2019-06-28'"
    assert suites["desk-days before 2019-01-01"].where == "business_date < date '2019-01-01'"
    assert "date '2019-06-28'" in suites["positions"].derived["other_basis"]
    assert suites["desk-days"].derived["is_dv01_right_without_limit"].endswith("is not distinct from null")
    (horizons,) = [rule for rule in suites["changes over horizons"].rules if rule.limits.get("value_set")]
    assert horizons.limits["value_set"] == [2, 20]
