"""Limits and firms of the day, from raw files to marts: roles that swap, successors, desks that move."""

from __future__ import annotations

import csv
import random
from datetime import date, timedelta
from pathlib import Path

import pytest

from tiny_raw import CONTRACTS, FILES, good_row, write_tiny_raw
from workspace import Workspace

SWAP = date(2018, 9, 12)
# Labor Day, Columbus Day, Veterans Day and Thanksgiving close the bond market
HOLIDAYS = {date(2018, 9, 3), date(2018, 10, 8), date(2018, 11, 12), date(2018, 11, 22), date(2018, 12, 25)}
DAYS = [
    day
    for day in (date(2018, 7, 5) + timedelta(days=n) for n in range(180))
    if day.weekday() < 5 and day not in HOLIDAYS
]
# desk: the days on which its VaR limit is another, "V1", "V2" and so on. The last has stretches of six days.
ROLES = {
    "SWAP": [SWAP],
    "THRICE": [date(2018, 8, 15), SWAP, date(2018, 11, 1)],
    "LATE": [DAYS[-6]],
    "EARLY": [DAYS[6]],
    "BRIEF": [DAYS[40], DAYS[46], DAYS[52]],
}
LIMITS = [
    *((1001, limit, f"Desk VaR {limit}") for limit in ("V1", "V2", "V3", "V4")),
    (1001, "D1", "DV01 total"),
    (1001, "D2", "DV01 total (new)"),
    (1001, "D3", "DV01 0y-2y"),
    (1001, "L1", "VaR"),
    (1002, "L1", "Gross market value"),
    (1002, "L2", "VaR"),
]
SIZES = {limit: 10_000 + n for n, (_, limit, _) in enumerate(LIMITS)} | {"D1": 5000, "D2": 4000, "D3": 2000}
PRIME = {
    "desk_name": "US Treasury",
    "claimed_exclusions": "trading in domestic government obligations; market making-related activity",
}


def write_table(raw: Path, name: str, rows: list[dict[str, object]]) -> None:
    """The rows alone, other columns as good rows have them; dates and numbers as text."""
    table = CONTRACTS[name]
    with (raw / FILES[name]).open("w", newline="") as file:
        writer = csv.DictWriter(file, [column.name for column in table.columns], delimiter=table.delimiter)
        writer.writeheader()
        writer.writerows(good_row(table, number) | row for number, row in enumerate(rows))


def role_of(desk: str, day: date) -> str:
    return f"V{1 + sum(day >= swap for swap in ROLES[desk])}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Desks with limits and firms that change, built up to the desk-days."""
    folder = tmp_path_factory.mktemp("desk_path")
    raw = write_tiny_raw(folder / "raw")
    draw = random.Random(20200316)
    var, usage = [], []

    def report(desk: str, day: date, limit: str, value: float) -> None:
        usage.append(
            {
                "business_date": str(day),
                "desk_id": desk,
                "limit_id": limit,
                "limit_size": str(SIZES[limit]),
                "usage_value": str(round(value)),
            }
        )

    def report_var(desk: str, day: date, value: int) -> None:
        var.append({"business_date": str(day), "desk_id": desk, "var_99_1d": str(value)})

    for desk, swaps in ROLES.items():
        for number, day in enumerate(DAYS):
            value = draw.randint(1000, 5000)
            # next to a swap the day itself is all there is to tell the limits by
            is_near = any(abs(number - DAYS.index(swap)) <= 1 for swap in swaps)
            report_var(desk, day, value)
            is_noisy, is_chance = draw.random() < 0.03 and not is_near, draw.random() < 0.03 and not is_near
            for limit in ("V1", "V2", "V3", "V4")[: len(swaps) + 1]:
                follows = not is_noisy if limit == role_of(desk, day) else is_chance
                report(desk, day, limit, value * (1 if follows else 1.4))
    for day in DAYS:
        report_var("MOVE", day, 2000)
        report("MOVE", day, "L1", 2000)
        report("MOVE", day, "L2", 2000)
        report("DV01", day, "D1" if day < SWAP else "D2", -1000)
        report("DV01", day, "D3", -400)
    schedules = [(desk, 1001, "2015-01-01", "") for desk in (*ROLES, "DV01")]
    schedules += [("MOVE", 1001, "2015-01-01", "2018-09-11"), ("MOVE", 1002, "2018-09-12", "")]
    write_table(
        raw,
        "fr_vv1.desks",
        [
            PRIME | {"desk_id": desk, "rssd_id": str(firm), "valid_from": first, "valid_to": last}
            for desk, firm, first, last in schedules
        ],
    )
    write_table(
        raw,
        "fr_vv1.limits",
        [{"rssd_id": str(firm), "limit_id": limit, "limit_name": name} for firm, limit, name in LIMITS],
    )
    write_table(raw, "fr_vv1.limit_usage", usage)
    write_table(raw, "fr_vv1.value_at_risk", var)
    write_table(
        raw,
        "reference.dealers",
        [
            {"MPID": "MOVD", "RSSD": str(firm), "PRIMARY_FROM": "1992-02-03", "PRIMARY_TO": ""} | period
            for firm, period in (
                (1001, {"VALID_FROM": "", "VALID_TO": "2018-09-11"}),
                (1002, {"VALID_FROM": "2018-09-12", "VALID_TO": ""}),
            )
        ],
    )
    write_table(
        raw,
        "reference.firms",
        [
            {"RSSD": "1001", "ESLR": "Y", "FR_Y9C_RSSD": "7001"},
            {"RSSD": "1002", "ESLR": "N", "FR_Y9C_RSSD": ""},
        ],
    )
    write_table(
        raw,
        "fr_y9c.bulk",
        [
            {"RSSD9001": filer, "RSSD9999": quarter, "BHCAH036": "6.5"}
            for filer in ("7001", "1001")
            for quarter in ("20180630", "20180930")
        ],
    )
    workspace = Workspace(folder, raw)
    finished = workspace.dbt(
        "build",
        *("--select", "+fct_desk_day", "+int_dealer_firms", "+qc_firms_unjoined"),
        *("--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"),
    )
    assert finished.success, [
        (result.node.name, result.message) for result in finished.result if result.status in ("error", "fail")
    ]
    return workspace


def rows_of(built: Workspace, query: str) -> list[tuple]:
    with built.connect_unpublished() as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("desk", list(ROLES))
def test_limits_that_swap_roles_each_serve_to_the_day(built: Workspace, desk: str) -> None:
    served = rows_of(
        built,
        f"""
        select business_date, limit_id from intermediate.int_desk_var_limits_daily
        where desk_id = '{desk}' order by business_date
        """,
    )

    assert served == [(day, role_of(desk, day)) for day in DAYS]


def test_over_the_whole_time_no_limit_of_a_desk_that_swaps_thrice_corresponds(built: Workspace) -> None:
    gaps = rows_of(
        built,
        """
        select median_relative_gap > 0.01, is_identified from intermediate.int_desk_var_limits_identified
        where desk_id = 'THRICE'
        """,
    )

    assert gaps == [(True, True)] * 4


def test_dv01_limit_that_replaces_another_takes_over_on_its_day(built: Workspace) -> None:
    served = rows_of(
        built,
        """
        select business_date, limit_id, dv01_usd from intermediate.int_desk_dv01_limits_daily
        where desk_id = 'DV01' order by business_date
        """,
    )

    assert served == [(day, "D1" if day < SWAP else "D2", 1000) for day in DAYS]


def test_desk_that_moves_has_the_limits_and_the_leverage_ratio_of_the_firm_of_the_day(
    built: Workspace,
) -> None:
    served = rows_of(
        built,
        """
        select business_date, limit_id from intermediate.int_desk_var_limits_daily
        where desk_id = 'MOVE' order by business_date
        """,
    )
    firms = rows_of(
        built,
        """
        select firm_rssd, slr_distance_lag_pct, min(business_date), max(business_date)
        from marts.fct_desk_day where desk_id = 'MOVE' group by all order by min(business_date)
        """,
    )

    assert served == [(day, "L1" if day < SWAP else "L2") for day in DAYS]
    assert firms == [(1001, 1.5, DAYS[0], date(2018, 9, 11)), (1002, None, SWAP, DAYS[-1])]


def test_mpid_that_moves_is_of_the_firm_of_the_day(built: Workspace) -> None:
    firms = rows_of(
        built,
        """
        select firm_rssd, max(business_date) < date '2018-09-12', min(business_date) >= date '2018-09-12'
        from intermediate.int_dealer_firms group by firm_rssd order by firm_rssd
        """,
    )

    assert firms == [(1001, True, False), (1002, False, True)]


def test_firm_without_a_leverage_ratio_is_listed_with_its_quarters(built: Workspace) -> None:
    listed = rows_of(
        built,
        """
        select firm_rssd, present_in, missing_from, filer_rssd, quarters_missing
        from quality.qc_firms_unjoined order by all
        """,
    )

    assert listed == [(1002, "desks", "fr_y9c", 1002, 2)]
