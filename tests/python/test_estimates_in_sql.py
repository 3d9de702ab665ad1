"""`marts.fct_estimate`: what is estimated is in the published warehouse, and gets there as a build does."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from typer.testing import CliRunner

from dealer_limits.cli import app
from dealer_limits.errors import DealerLimitsError
from dealer_limits.publish import STORAGE_OF_1_1, change_published, storage_version
from dealer_limits.warehouse import identity
from estimate_warehouse import make_world, write_warehouse
from workspace import digest

KEY = ["table", "panel", "column", "term"]
SAFE = {
    "safe_covariance": "recommended",
    "safe_standard_error": "se",
    "safe_p_value": "p",
    "safe_p_value_holm": "p_holm",
    "significant_too": "significant_too",
}


def read_mart(warehouse: Path) -> pd.DataFrame:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute("select * from marts.fct_estimate").df().set_index(KEY)


def assert_mart_is_of(warehouse: Path, output: Path) -> None:
    """The mart has every coefficient of `estimates.parquet`, and beside it what `inference_summary.parquet` has."""
    mart = read_mart(warehouse)
    estimates = pd.read_parquet(output / "estimates.parquet").query("table != '1'")
    wide = estimates.pivot(index=KEY, columns="statistic", values="value")
    ours = wide.dropna(subset="coef").join(wide.xs("", level="term")["nobs"].rename("n"), on=KEY[:3])
    found = mart.dropna(subset="coefficient").loc[ours.index]
    assert len(ours) == mart["coefficient"].count() > 0
    for column, of_ours in {"coefficient": "coef", "standard_error": "se", "p_value": "p", "nobs": "n"}.items():
        pd.testing.assert_series_equal(found[column], ours[of_ours], check_names=False, check_dtype=False)
    summary = pd.read_parquet(output / "inference_summary.parquet").set_index(KEY)
    assert len(summary) == mart["safe_covariance"].count()
    for column, of_summary in SAFE.items():
        pd.testing.assert_series_equal(
            mart.loc[summary.index, column], summary[of_summary], check_names=False, check_dtype=False
        )


def run(*arguments: str) -> None:
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0, shown.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse, Tables 2 and 14 estimated, and inference on them."""
    folder = tmp_path_factory.mktemp("estimates")
    made = write_warehouse(folder / "made.duckdb", make_world(days=40))
    # of the storage version that is published
    with duckdb.connect() as connection:
        connection.execute(f"attach '{folder / 'w.duckdb'}' as published (storage_version 'v1.1.0')")
        connection.execute(f"attach '{made}' as made (read_only)")
        connection.execute("copy from database made to published")
    made.unlink()
    (folder / "w.duckdb").chmod(0o600)
    tables = ("--table", "2", "--table", "14")
    run(*command(folder, "estimate"), *tables, "--draws", "2")
    # with nothing to set beside them yet
    assert read_mart(folder / "w.duckdb")["safe_covariance"].isna().all()
    run(*command(folder, "inference"), *tables)
    return folder


def command(folder: Path, name: str) -> tuple[str, ...]:
    return name, "--warehouse", str(folder / "w.duckdb"), "--output", str(folder / "output")


def test_mart_is_what_estimate_and_inference_wrote(folder: Path) -> None:
    assert_mart_is_of(folder / "w.duckdb", folder / "output")


def test_every_printed_coefficient_is_in_the_mart_with_its_error(folder: Path) -> None:
    with duckdb.connect(str(folder / "w.duckdb"), read_only=True) as connection:
        printed = connection.execute(
            """
            select "table", coalesce(panel, '') as panel, "column", term, statistic, cast(value as double) as value
            from seeds.printed_tables
            where statistic in ('coef', 'se') and "table" <> '1'
            """
        ).df()
    mart = read_mart(folder / "w.duckdb")
    expected = printed.pivot(index=KEY, columns="statistic", values="value")

    assert len(expected) == 284
    found = mart.loc[expected.index]
    pd.testing.assert_series_equal(found["printed_coefficient"], expected["coef"], check_names=False)
    pd.testing.assert_series_equal(found["printed_standard_error"], expected["se"], check_names=False)
    same = found.dropna(subset="coefficient")
    assert list(same["has_printed_sign"]) == list(same["coefficient"] * same["printed_coefficient"] >= 0)
    # Tables that were not asked for
    assert found["coefficient"].isna().any()


def test_mart_has_a_key_and_comments(folder: Path) -> None:
    with duckdb.connect(str(folder / "w.duckdb"), read_only=True) as connection:
        keys = connection.execute(
            "select constraint_column_names from duckdb_constraints() "
            "where table_name = 'fct_estimate' and constraint_type = 'PRIMARY KEY'"
        ).fetchall()
        comments = connection.execute(
            """
            select comment from duckdb_tables() where table_name = 'fct_estimate'
            union all
            select comment from duckdb_columns() where table_name = 'fct_estimate'
            """
        ).fetchall()

    assert keys == [(KEY,)]
    assert len(comments) == 22
    assert all(comment for (comment,) in comments)


def test_warehouse_keeps_its_mode_and_storage_and_nothing_is_left_beside_it(folder: Path) -> None:
    assert stat.S_IMODE((folder / "w.duckdb").stat().st_mode) == 0o600
    assert storage_version(folder / "w.duckdb") == STORAGE_OF_1_1
    assert {path.name for path in folder.iterdir()} == {"w.duckdb", "output"}


def copied(folder: Path, to: Path) -> Path:
    (to / "w.duckdb").write_bytes((folder / "w.duckdb").read_bytes())
    (to / "output").mkdir()
    for name in ("estimates.parquet", "inference_summary.parquet"):
        (to / "output" / name).write_bytes((folder / "output" / name).read_bytes())
    return to / "w.duckdb"


PUBLISH = """
import os, signal, sys
from pathlib import Path
from rich.console import Console
from dealer_limits.estimation.mart import publish_estimates
from dealer_limits.warehouse import identity
if sys.argv[3] == "killed":
    os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
warehouse = Path(sys.argv[1])
publish_estimates(warehouse, identity(warehouse), Path(sys.argv[2]), Console())
"""


def test_kill_while_estimates_are_published_leaves_the_last_warehouse(folder: Path, tmp_path: Path) -> None:
    warehouse = copied(folder, tmp_path)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("drop table marts.fct_estimate")
    before = digest(warehouse)

    def publish(how: str) -> int:
        return subprocess.run([sys.executable, "-c", PUBLISH, warehouse, tmp_path / "output", how]).returncode

    assert publish("killed") == -signal.SIGKILL
    assert digest(warehouse) == before
    # what was half done, and half of a log
    left = tmp_path / ".w.duckdb.incoming"
    assert left.exists()
    left.with_name(".w.duckdb.incoming.wal").write_bytes(b"torn")
    assert publish("whole") == 0
    assert_mart_is_of(warehouse, tmp_path / "output")
    assert {path.name for path in tmp_path.iterdir()} == {"w.duckdb", "output"}


def test_error_while_estimates_are_published_leaves_the_last_warehouse(folder: Path, tmp_path: Path) -> None:
    warehouse = copied(folder, tmp_path)
    before = digest(warehouse)
    (tmp_path / "output/inference_summary.parquet").write_bytes(b"PAR1 half of it")

    shown = CliRunner().invoke(app, [*command(tmp_path, "estimate"), "--table", "2"])

    assert shown.exit_code == 2
    assert shown.stderr.count("\n") == 1
    assert digest(warehouse) == before
    assert {path.name for path in tmp_path.iterdir()} == {"w.duckdb", "output"}


def test_build_that_is_published_meanwhile_is_not_replaced(folder: Path, tmp_path: Path) -> None:
    warehouse = copied(folder, tmp_path)
    seen = identity(warehouse)
    (tmp_path / "new").write_bytes(b"a new build")
    (tmp_path / "new").replace(warehouse)

    with pytest.raises(DealerLimitsError, match="was published anew in the meantime: run this command again"):
        change_published(warehouse, seen, lambda incoming: None)

    assert warehouse.read_bytes() == b"a new build"


def test_errors_that_were_computed_beside_other_estimates_are_not_taken(folder: Path, tmp_path: Path) -> None:
    warehouse = copied(folder, tmp_path)
    path = tmp_path / "output/inference_summary.parquet"
    summary = pd.read_parquet(path)
    summary["coef"] = summary["coef"].where(summary["table"] != "2", summary["coef"] * 1.01)
    summary.to_parquet(path)

    run(*command(tmp_path, "estimate"), "--table", "2", "--table", "14")

    known = read_mart(warehouse)["safe_p_value"].dropna()
    assert set(known.index.get_level_values("table")) == {"14"}


def test_whoever_may_only_read_the_warehouse_estimates_all_the_same(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = copied(folder, tmp_path)
    before = digest(warehouse)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path and access(path, mode))

    shown = CliRunner().invoke(app, [*command(tmp_path, "estimate"), "--table", "2"])

    assert shown.exit_code == 0, shown.output
    assert "marts.fct_estimate stays as it was" in shown.stdout
    assert digest(warehouse) == before


def test_inference_without_estimates_writes_no_mart(tmp_path: Path) -> None:
    write_warehouse(tmp_path / "w.duckdb", make_world(days=40))

    run(*command(tmp_path, "inference"), "--table", "2")

    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as connection:
        assert not connection.execute("from duckdb_tables() where table_name = 'fct_estimate'").fetchall()
