"""Every raw row is staged or rejected, whatever the format of its file; only bad rows are rejected."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from dealer_limits.sources.contracts import load_contracts
from tiny_raw import CONTRACTS, good_row, write_tiny_raw
from tiny_raw import FILES as TINY_FILES
from workspace import Workspace, files_of_at_most

# file pattern -> source table and staged model; SOMA files hold two tables and are counted apart
FILES = {
    "fr_vv1/desks.*": ("fr_vv1.desks", "stg_fr_vv1__desks"),
    "fr_vv1/limits.*": ("fr_vv1.limits", "stg_fr_vv1__limits"),
    "fr_vv1/limit_usage.*": ("fr_vv1.limit_usage", "stg_fr_vv1__limit_usages"),
    "fr_vv1/value_at_risk.*": ("fr_vv1.value_at_risk", "stg_fr_vv1__values_at_risk"),
    "fr_vv1/pnl.*": ("fr_vv1.pnl", "stg_fr_vv1__profits"),
    "fr_vv1/positions.*": ("fr_vv1.positions", "stg_fr_vv1__positions"),
    "fr_vv1/inventory_aging.*": ("fr_vv1.inventory_aging", "stg_fr_vv1__inventory_ages"),
    "fr_vv1/transactions.*": ("fr_vv1.transactions", "stg_fr_vv1__transactions"),
    "fr_y9c/*.txt": ("fr_y9c.bulk", "stg_fr_y9c__leverage_ratios"),
    "trace/*": ("trace.reports", "stg_trace__reports"),
    "market/DGS10.csv": ("market.treasury_yields", "stg_market__treasury_yields"),
    "market/move.csv": ("market.move", "stg_market__volatility"),
    "market/curve_fit_error.csv": ("market.curve_fit_error", "stg_market__curve_fit_errors"),
    "market/on_the_run_premium.csv": ("market.on_the_run_premium", "stg_market__on_the_run_premiums"),
    "market/treasury_auctions.csv": ("market.treasury_securities", "stg_market__treasury_auctions"),
    "reference/dealers.csv": ("reference.dealers", "stg_reference__dealers"),
    "reference/firms.csv": ("reference.firms", "stg_reference__firms"),
}
STAGED_MODELS = dict(FILES.values()) | {
    "soma.operations": "stg_soma__operations",
    "soma.operation_details": "stg_soma__operation_details",
}
DIALECTS = {
    ".csv": {"delimiter": ",", "quotechar": '"'},
    ".psv": {"delimiter": "|", "quotechar": '"'},
    ".txt": {"delimiter": "^", "quoting": csv.QUOTE_NONE},
}
MISSING = "--------"


def encoding(file: Path) -> str:
    return "latin-1" if file.suffix == ".txt" else "utf-8"


def read_rows(file: Path) -> list[dict[str, str]]:
    """The rows of a delimited file by Python's own reader; TRACE's academic layout ends with a trailer."""
    is_academic = file.parent.name == "trace" and file.suffix == ".txt"
    with file.open(encoding=encoding(file), newline="") as handle:
        rows = list(csv.DictReader(handle, **DIALECTS[".psv" if is_academic else file.suffix]))
    return rows[:-1] if is_academic else rows


def write_rows(file: Path, rows: list[dict[str, str]]) -> None:
    with file.open("w", encoding=encoding(file), newline="") as handle:
        writer = csv.DictWriter(handle, rows[0].keys(), lineterminator="\n", **DIALECTS[file.suffix])
        writer.writeheader()
        writer.writerows(rows)


def auctions(file: Path) -> list[dict]:
    return json.loads(file.read_text())["treasury"]["auctions"]


def count_rows(raw: Path) -> Counter[tuple[str, str]]:
    """Rows by source table and file, counted without the reader that the models use."""
    counts: Counter[tuple[str, str]] = Counter()
    for pattern, (source_table, _) in FILES.items():
        for file in raw.glob(pattern):
            rows = pq.read_metadata(file).num_rows if file.suffix == ".parquet" else len(read_rows(file))
            counts[source_table, f"{file.parent.name}/{file.name}"] = rows
    for file in raw.glob("soma/*.json"):
        operations = auctions(file)
        counts["soma.operations", f"soma/{file.name}"] = len(operations)
        counts["soma.operation_details", f"soma/{file.name}"] = sum(len(op["details"]) for op in operations)
    return counts


@pytest.fixture(scope="module")
def built(warehouse: Workspace) -> duckdb.DuckDBPyConnection:
    with warehouse.connect_unpublished() as connection:
        yield connection


def test_every_raw_row_is_staged_or_rejected(built: duckdb.DuckDBPyConnection, world: Path) -> None:
    expected = count_rows(world / "raw")
    assert {source_table for source_table, _ in expected} == STAGED_MODELS.keys()

    counted = built.execute("select source_table, raw_file, rows_read from quality.qc_row_counts").fetchall()
    assert {(source_table, file): rows for source_table, file, rows in counted} == expected

    found: Counter[tuple[str, str]] = Counter()
    for source_table, model in STAGED_MODELS.items():
        for file, rows in built.execute(f"select raw_file, count(*) from staging.{model} group by all").fetchall():
            found[source_table, file] += rows
    for source_table, file in built.execute("select source_table, raw_file from quality.qc_rejected_rows").fetchall():
        found[source_table, file] += 1
    assert found == expected


def test_items_of_the_bulk_file_are_staged_and_absent_ones_are_null(
    built: duckdb.DuckDBPyConnection, world: Path
) -> None:
    items = {
        "BHCAH036": "slr_pct",
        "BHCA8274": "tier_1_capital_usd_th",
        "BHCALE88": "leverage_exposure_usd_th",
    }
    expected = {}
    files_without = Counter()
    for file in (world / "raw/fr_y9c").glob("*.txt"):
        for row in read_rows(file):
            by_item = {name.upper(): value for name, value in row.items()}
            files_without.update(item for item in items if item not in by_item)
            values = [by_item.get(item, MISSING).strip() for item in items]
            expected[int(row["RSSD9001"]), row["RSSD9999"]] = tuple(
                None if value in ("", MISSING) else Decimal(value) for value in values
            )
    assert files_without["BHCALE88"], "the pseudo data have quarters without the item"
    staged = built.execute(
        f"""
        select firm_rssd, strftime(quarter_end, '%Y%m%d'), {", ".join(items.values())}
        from staging.stg_fr_y9c__leverage_ratios
        """
    ).fetchall()
    assert {(firm, quarter): tuple(values) for firm, quarter, *values in staged} == expected


def test_prices_of_a_later_soma_file_stand_beside_the_earlier_record(
    built: duckdb.DuckDBPyConnection, world: Path
) -> None:
    expected = {}
    files_of = Counter()
    for file in (world / "raw/soma").glob("*.json"):
        for operation in auctions(file):
            files_of[operation["operationId"]] += 1
            for detail in operation["details"]:
                price = detail["weightedAvgAccptPrice"].strip()
                key = (operation["operationId"], detail["cusip"], f"soma/{file.name}")
                expected[key] = None if price in ("", "NA") else Decimal(price)
    staged = {
        (operation, cusip, file): price
        for operation, cusip, file, price in built.execute(
            "select operation_id, cusip, raw_file, average_price from staging.stg_soma__operation_details"
        ).fetchall()
    }
    assert staged == expected

    later_prices = 0
    for operation in (operation for operation, files in files_of.items() if files > 1):
        first, *_, last = sorted({key[2] for key in staged if key[0] == operation})
        prices = {
            file: [price for key, price in staged.items() if key[::2] == (operation, file)] for file in (first, last)
        }
        assert not any(prices[first])
        later_prices += sum(price is not None for price in prices[last])
    assert later_prices > 0


DESK, LIMIT = "PLANTED DESK", "PLANTED LIMIT"
TRACE_PSV = "trace/trace_2020-03-23.psv"
BULK = "fr_y9c/BHCF20141231.txt"

# file, what differs from its first row (nothing: a copy), key and reason under which the row must be rejected
PLANTED: list[tuple[str, dict[str, str], str, str]] = [
    ("fr_vv1/desks.csv", {"desk_id": " "}, "(none) | {valid_from}", "desk_id is missing"),
    (
        "fr_vv1/desks.csv",
        {"desk_id": DESK, "rssd_id": "x"},
        DESK + " | {valid_from}",
        "rssd_id is not a whole number",
    ),
    (
        "fr_vv1/desks.csv",
        {"desk_id": DESK, "valid_from": "soon"},
        DESK + " | (none)",
        "valid_from is not a date",
    ),
    (
        "fr_vv1/desks.csv",
        {"desk_id": "PAST", "valid_to": "1999-01-01"},
        "PAST | {valid_from}",
        "valid_to is before valid_from",
    ),
    ("fr_vv1/desks.csv", {}, "{desk_id} | {valid_from}", "key repeated"),
    (
        "fr_vv1/limits.csv",
        {"limit_id": LIMIT, "limit_name": ""},
        "{rssd_id} | " + LIMIT,
        "limit_name is missing",
    ),
    (
        "fr_vv1/limit_usage.csv",
        {"desk_id": DESK, "limit_size": "1,000"},
        "{business_date} | " + DESK + " | {limit_id}",
        "limit_size is not a number",
    ),
    (
        "fr_vv1/value_at_risk.csv",
        {"desk_id": DESK, "var_99_1d": "n/a"},
        "{business_date} | " + DESK,
        "var_99_1d is not a number",
    ),
    (
        "fr_vv1/value_at_risk.csv",
        {"desk_id": "NEGATIVE", "var_99_1d": "-0.01"},
        "{business_date} | NEGATIVE",
        "var_99_1d is below 0",
    ),
    (
        "fr_vv1/value_at_risk.csv",
        {"desk_id": DESK, "business_date": "2020-02-30"},
        "(none) | " + DESK,
        "business_date is not a date",
    ),
    ("fr_vv1/value_at_risk.csv", {}, "{business_date} | {desk_id}", "key repeated"),
    (
        "fr_vv1/pnl.csv",
        {"desk_id": DESK, "pnl_new_positions": "(12)"},
        "{business_date} | " + DESK,
        "pnl_new_positions is not a number",
    ),
    (
        "fr_vv1/positions.csv",
        {"desk_id": DESK, "derivatives_basis": "delta"},
        "{business_date} | " + DESK,
        "derivatives_basis is not one of notional, market",
    ),
    (
        "fr_vv1/positions.csv",
        {"desk_id": "NEGATIVE", "securities_short": "-1"},
        "{business_date} | NEGATIVE",
        "securities_short is below 0",
    ),
    (
        "fr_vv1/inventory_aging.csv",
        {"desk_id": DESK, "aging_bucket": "0-29"},
        "{business_date} | " + DESK + " | {side} | {instrument} | (none)",
        "aging_bucket is not one of 0-30, 31-60, 61-90, 91-180, 181-360, >360",
    ),
    (
        "fr_vv1/transactions.csv",
        {"desk_id": DESK, "transaction_value": "-5"},
        "{business_date} | " + DESK + " | {counterparty_kind}",
        "transaction_value is below 0",
    ),
    (BULK, {"RSSD9001": "none"}, "(none) | 2014-12-31", "RSSD9001 is not a whole number"),
    ("market/DGS10.csv", {"observation_date": "2020-02-30"}, "(none)", "observation_date is not a date"),
    ("market/move.csv", {}, "{date}", "key repeated"),
    (
        "market/treasury_auctions.csv",
        {
            "CUSIP": "912828Z94",
            "Issue Date": "01/02/2020",
            "Auction Date": "01/02/2020",
            "Maturity Date": "01/02/2020",
        },
        "912828Z94 | 2020-01-02 | 2020-01-02",
        "Maturity Date is not after Issue Date",
    ),
    (
        "reference/dealers.csv",
        {"MPID": "PLNT", "PRIMARY_FROM": "2020-01-02", "PRIMARY_TO": "2020-01-01"},
        "PLNT | 2020-01-02 | (none)",
        "PRIMARY_TO is before PRIMARY_FROM",
    ),
    ("reference/firms.csv", {"RSSD": "1", "ESLR": "maybe"}, "1", "ESLR is not one of Y, N"),
    (
        TRACE_PSV,
        {"SYSTM_CNTRL_NB": "PLANTED", "ENTRD_VOL_QT": "0"},
        "2020-03-23 | PLANTED | {TRC_ST}",
        "ENTRD_VOL_QT is not above 0",
    ),
    (
        TRACE_PSV,
        {"SYSTM_CNTRL_NB": "LATE", "TRD_EXCTN_TS": "25:00"},
        "2020-03-23 | LATE | {TRC_ST}",
        "TRD_EXCTN_TS is not a timestamp",
    ),
    (TRACE_PSV, {}, "2020-03-23 | {SYSTM_CNTRL_NB} | {TRC_ST}", "key repeated"),
]


@pytest.fixture(scope="module")
def typed_files(small_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Everything that can be Parquet is."""
    workspace = Workspace(tmp_path_factory.mktemp("typed"), small_raw)
    finished = workspace.dbt("run", "--select", "models/staging")
    assert finished.success, finished.exception
    return workspace


@pytest.fixture(scope="module")
def text_files(small_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The same rows, as text where they can be, and bad ones planted among them."""
    folder = tmp_path_factory.mktemp("text")
    raw = folder / "raw"
    shutil.copytree(small_raw, raw)
    for pattern, suffix, delimiter in [("fr_vv1/*.parquet", ".csv", ","), ("trace/*.parquet", ".psv", "|")]:
        for file in raw.glob(pattern):
            pyarrow.csv.write_csv(
                pq.read_table(file), file.with_suffix(suffix), pyarrow.csv.WriteOptions(delimiter=delimiter)
            )
            file.unlink()
    for name in dict.fromkeys(name for name, *_ in PLANTED):
        rows = read_rows(raw / name)
        write_rows(raw / name, rows + [rows[0] | changes for file, changes, *_ in PLANTED if file == name])
    workspace = Workspace(folder, raw)
    finished = workspace.dbt("run", "--select", "models/staging")
    assert finished.success, finished.exception
    return workspace


@pytest.fixture(scope="module")
def both(typed_files: Workspace, text_files: Workspace) -> duckdb.DuckDBPyConnection:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{typed_files.build_file}' as typed (read_only)")
        connection.execute(f"attach '{text_files.build_file}' as planted (read_only)")
        yield connection


def test_planted_rows_are_rejected_with_file_key_and_reason_and_no_others(
    both: duckdb.DuckDBPyConnection, small_raw: Path, text_files: Workspace
) -> None:
    tables = {file: table for pattern, (table, _) in FILES.items() for file in names(text_files.raw, pattern)}
    contracts = load_contracts()
    expected = Counter(
        (
            tables[file],
            file,
            named_key(contracts[tables[file]].key, key.format(**read_rows(text_files.raw / file)[0])),
            reason,
        )
        for file, _, key, reason in PLANTED
    )
    rejected = both.execute(
        """
        select source_table, raw_file, row_key, reject_reason from planted.quality.qc_rejected_rows
        except all
        -- the pseudo data have bad reports of their own
        select 'trace.reports', replace(raw_file, '03-23.parquet', '03-23.psv'),
            concat_ws(
                '; ', 'control_date=' || control_date, 'control_number=' || control_number,
                'trade_status=' || coalesce(trade_status, '(none)')
            ),
            reject_reason
        from typed.staging.base_trace__reports
        where reject_reason is not null
        """
    ).fetchall()
    assert Counter(rejected) == expected


def named_key(columns: tuple[str, ...], values: str) -> str:
    pairs = zip(columns, values.split(" | "), strict=True)
    return "; ".join(f"{column}={value}" for column, value in pairs)


def names(raw: Path, pattern: str) -> list[str]:
    return [f"{file.parent.name}/{file.name}" for file in raw.glob(pattern)]


def test_every_row_of_the_planted_files_is_staged_or_rejected(
    both: duckdb.DuckDBPyConnection, text_files: Workspace
) -> None:
    counted = both.execute(
        "select source_table, raw_file, rows_staged + rows_rejected from planted.quality.qc_row_counts"
    ).fetchall()
    assert {(table, file): rows for table, file, rows in counted} == count_rows(text_files.raw)


@pytest.mark.parametrize("model", STAGED_MODELS.values())
def test_text_and_parquet_of_the_same_rows_stage_identically(both: duckdb.DuckDBPyConnection, model: str) -> None:
    staged = f"select * exclude (raw_file) from {{}}.staging.{model}"
    typed, text = staged.format("typed"), staged.format("planted")
    rows = both.execute(f"select count(*) from ({typed})").fetchone()[0]
    differences = both.execute(
        f"select count(*) from (({typed} except all {text}) union all ({text} except all {typed}))"
    ).fetchone()[0]
    types = [both.execute(f"describe {query}").fetchall() for query in (typed, text)]
    assert rows > 0
    assert differences == 0
    assert types[0] == types[1]


def test_one_source_can_lie_elsewhere_in_a_folder_of_any_name(small_raw: Path, tmp_path: Path) -> None:
    raw, soma = tmp_path / "raw", tmp_path / "the analyst's own"
    shutil.copytree(small_raw / "reference", raw / "reference")
    shutil.copytree(small_raw / "soma", soma)
    workspace = Workspace(tmp_path, raw, soma=soma)

    workspace.build("--select", "base_soma__operations", "base_reference__firms")

    files = {f"soma/{file.name}" for file in soma.iterdir()}
    with workspace.connect_unpublished() as connection:
        read = connection.execute("select distinct raw_file from staging.base_soma__operations").fetchall()
    assert {file for (file,) in read} == files


def test_rows_of_a_large_table_are_written_once_though_some_are_judged_again(tmp_path: Path) -> None:
    raw = write_tiny_raw(tmp_path / "raw")
    # more rows than a row group has, of which the last two have one key
    values = {name: f"'{value}'" for name, value in good_row(CONTRACTS["trace.reports"], 0).items()}
    values["SYSTM_CNTRL_NB"] = "'N' || least(n, 149998)"
    selected = ", ".join(f'{value} as "{name}"' for name, value in values.items())
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select {selected} from range(150000) as numbers (n)) to '{raw / TINY_FILES['trace.reports']}'"
            " (delimiter '|', header true, quote '')"
        )
    workspace = Workspace(tmp_path / "build", raw)
    # written again, the rows would be 25 MB of log
    with files_of_at_most(10_000_000):
        assert workspace.dbt("run", "--select", "base_trace__reports").success

    assert workspace.build_size < 5_000_000
    with workspace.connect_unpublished() as connection:
        reasons = connection.execute("select reject_reason, count(*) from staging.base_trace__reports group by all")
        assert dict(reasons.fetchall()) == {None: 149_999, "key repeated": 1}
