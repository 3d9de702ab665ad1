"""The staging models read real public files, and their totals are those of the files."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from workspace import ROOT, Workspace

MODELS = (
    "models/staging/soma",
    "models/staging/fr_y9c",
    "base_market__treasury_yields",
    "stg_market__treasury_yields",
    "base_market__treasury_auctions",
    "stg_market__treasury_auctions",
    "bond_market_holidays",
    "int_business_days",
)
MISSING = "--------"


@pytest.fixture(scope="module")
def real() -> Path:
    named = os.environ.get("REAL_DATA")
    folder = Path(named or ROOT / "../shared/real")
    if not folder.is_dir():
        # whoever names a folder wants these tests to run
        say = pytest.fail if named else pytest.skip
        say(f"no real files in {folder}: set REAL_DATA to the folder that holds them")
    return folder


@pytest.fixture(scope="module")
def built(real: Path, tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    workspace = Workspace(tmp_path_factory.mktemp("real_files"), real)
    finished = workspace.dbt("build", "--select", *MODELS, "--exclude", "test_type:unit")
    assert finished.success, finished.exception
    with workspace.connect_unpublished() as connection:
        yield connection


@pytest.fixture(scope="module")
def operations(real: Path) -> list[dict]:
    return [
        operation
        for file in real.glob("soma/*.json")
        for operation in json.loads(file.read_text())["treasury"]["auctions"]
    ]


def read_csv(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.parametrize(
    "model",
    [
        "soma__operations",
        "soma__operation_details",
        "fr_y9c__leverage_ratios",
        "market__treasury_yields",
        "market__treasury_auctions",
    ],
)
def test_no_real_row_is_rejected(built: duckdb.DuckDBPyConnection, model: str) -> None:
    rejected = built.execute(
        f"select distinct reject_reason from staging.base_{model} where reject_reason is not null"
    ).fetchall()

    assert rejected == []
    assert built.execute(f"select count(*) from staging.stg_{model}").fetchone()[0] > 0


def test_accepted_par_of_every_operation_is_the_total_of_its_file_and_of_its_details(
    built: duckdb.DuckDBPyConnection, operations: list[dict]
) -> None:
    expected = {operation["operationId"]: int(operation["totalParAmtAccepted"]) for operation in operations}
    staged = built.execute(
        """
        select operations.operation_id, any_value(operations.accepted_par_usd), sum(details.accepted_par_usd)
        from staging.stg_soma__operations as operations
        inner join staging.stg_soma__operation_details as details using (operation_id, raw_file)
        group by operations.operation_id
        """
    ).fetchall()

    assert {operation: total for operation, total, _ in staged} == expected
    assert {operation: par for operation, _, par in staged} == expected
    assert 1_133_000_000 in expected.values()


def test_details_of_operations_are_staged_with_missing_prices_and_excluded_par_as_null(
    built: duckdb.DuckDBPyConnection, operations: list[dict]
) -> None:
    expected = Counter(
        (
            operation["operationId"],
            detail["cusip"],
            Decimal(detail["parAmountAccepted"]) if detail["parAmountAccepted"].strip() else None,
            None if detail["weightedAvgAccptPrice"] in ("", "NA") else Decimal(detail["weightedAvgAccptPrice"]),
        )
        for operation in operations
        for detail in operation["details"]
    )
    staged = built.execute(
        "select operation_id, cusip, accepted_par_usd, average_price from staging.stg_soma__operation_details"
    ).fetchall()

    assert Counter(staged) == expected
    written = {detail["weightedAvgAccptPrice"] for operation in operations for detail in operation["details"]}
    assert {"NA", ""} < written
    excluded = built.execute(
        "select count(*), count(accepted_par_usd) from staging.stg_soma__operation_details"
        " where inclusion_indicator = 'E'"
    ).fetchone()
    assert excluded[0] > 0
    assert excluded[1] == 0


def test_leverage_ratio_of_each_bank_is_that_of_its_file(built: duckdb.DuckDBPyConnection, real: Path) -> None:
    expected = {}
    for file in real.glob("fr_y9c/*.txt"):
        header, *lines = file.read_text("latin-1").splitlines()
        names = [name.upper() for name in header.split("^")]
        for line in lines:
            row = dict(zip(names, line.split("^"), strict=True))
            ratio = row["BHCAH036"].strip()
            expected[int(row["RSSD9001"])] = None if ratio in ("", MISSING) else Decimal(ratio)
    staged = built.execute(
        "select firm_rssd, slr_pct, leverage_exposure_usd_th from staging.stg_fr_y9c__leverage_ratios"
    ).fetchall()

    assert {firm: ratio for firm, ratio, _ in staged} == expected
    assert {ratio for ratio in expected.values() if ratio} == {
        Decimal("6.511"),
        Decimal("8.2636"),
        Decimal("7.1644"),
    }
    # the item is in no file before 2018
    assert {exposure for *_, exposure in staged} == {None}


def test_securities_are_staged_by_type(built: duckdb.DuckDBPyConnection, real: Path) -> None:
    expected = Counter(row["Security Type"] for row in read_csv(real / "market/treasury_auctions.csv"))
    staged = built.execute(
        "select security_type, count(*) from staging.stg_market__treasury_auctions group by all"
    ).fetchall()

    assert dict(staged) == expected == {"Bill": 5269, "Note": 1694, "Bond": 309}


def test_yields_are_staged_with_their_blanks(built: duckdb.DuckDBPyConnection, real: Path) -> None:
    expected = {
        date.fromisoformat(row["observation_date"]): Decimal(row["DGS10"]) if row["DGS10"].strip(". ") else None
        for row in read_csv(real / "market/DGS10.csv")
    }
    staged = dict(
        built.execute("select observation_date, ten_year_yield_pct from staging.stg_market__treasury_yields").fetchall()
    )

    assert staged == expected
    assert None in expected.values()


def test_yields_are_published_on_business_days_but_for_two_known_days(
    built: duckdb.DuckDBPyConnection,
) -> None:
    exceptions = built.execute(
        """
        select
            yields.observation_date,
            days.business_date is not null as is_business_day,
            yields.ten_year_yield_pct is not null as has_yield,
        from staging.stg_market__treasury_yields as yields
        left join intermediate.int_business_days as days on yields.observation_date = days.business_date
        where
            year(yields.observation_date) between 2015 and 2023
            and (days.business_date is null) = (yields.ten_year_yield_pct is not null)
        order by yields.observation_date
        """
    ).fetchall()

    # the bond market was closed on Good Friday, a payroll Friday; it was open on a day of national mourning
    assert exceptions == [(date(2015, 4, 3), False, True), (date(2018, 12, 5), True, False)]


def test_holidays_of_the_seed_are_the_published_ones(built: duckdb.DuckDBPyConnection, real: Path) -> None:
    published = {date.fromisoformat(row["date"]) for row in read_csv(real / "market/sifma_holidays.csv")}
    seed = built.execute(
        "select holiday from seeds.bond_market_holidays where year(holiday) between 2015 and 2023"
    ).fetchall()

    assert {day for (day,) in seed} == published
