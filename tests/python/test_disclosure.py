"""What leaves by `dealer-limits export`: no row, no cell of few firms, none that one firm dominates."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import stat
from dataclasses import asdict
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from dealer_limits.cli import app
from dealer_limits.disclosure.cells import SalesDay, figure_cells, identifying_variation, match_cells, summary_cells
from dealer_limits.disclosure.compare import COMPARISON, NOT_THERE, PAGE, compare_exports
from dealer_limits.disclosure.export import COLUMNS, KEYS, Judged, _figure_5, export_disclosure, withhold_complements
from dealer_limits.disclosure.rules import COMPLEMENT, DOMINANT, NO_FIRMS, TOO_FEW, TWO_DOMINANT, Rules
from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.diagnostics import run_diagnostics
from dealer_limits.estimation.observations import complete_rows, read_rows, variables_of
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import fit_column, run_estimates
from dealer_limits.estimation.specifications import load_registry
from dealer_limits.variables import built_with
from workspace import Workspace

# stand nowhere else: a firm, a dealer, and a position and limit usage of a desk-day
FIRM, DEALER, POSITION, USAGE = 987654321, "SNTL", 876543.210987, 0.765432109
TABLES = ["1", "2", "12", "13", "14", "15"]

Rows = list[dict[str, str]]


def quiet() -> Console:
    return Console(file=open(os.devnull, "w"))  # noqa: PTH123


def estimated(warehouse: Path, output: Path, tables: list[str]) -> None:
    run_estimates(warehouse, output, tables, quiet(), Bootstrap(draws=2), engine="arrays")


def imputed_beside(output: Path) -> None:
    """What `match-weights` would leave of Tables 12 and 13, and of a table that was not estimated."""
    rows = pd.read_parquet(output / "estimates.parquet").query("table in ('12', '13') and statistic in ('coef', 'se')")
    keys = ["table", "panel", "column", "term"]
    wide = rows.pivot(index=keys, columns="statistic", values="value").reset_index()
    wide = wide.assign(imputed_coef=wide["coef"] + 0.001, imputed_se=wide["se"] * 1.1, imputed_p=0.5, df=99.0)
    wide = wide.assign(missing=0.1, draws=20)
    other = wide.iloc[[0]].assign(table="11", panel="a")
    pd.concat([other, wide]).to_parquet(output / "imputed.parquet", index=False)


def exported(folder: Path) -> Rows:
    rows: Rows = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="") as file:
            rows += csv.DictReader(file)
    return rows


@pytest.fixture(scope="module")
def planted(warehouse: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse in which one firm, dealer, position and limit usage stand nowhere else, and its results."""
    folder = tmp_path_factory.mktemp("planted")
    path = folder / "dealer_limits.duckdb"
    shutil.copy(warehouse.published, path)
    path.chmod(0o600)
    with duckdb.connect(path) as connection:
        firm = connection.execute("select min(firm_rssd) from marts.fct_firm_day").fetchone()[0]
        for table in (
            *("marts.fct_desk_day", "marts.fct_firm_day", "marts.fct_soma_sale", "marts.fct_firm_limit_day"),
            *("observations.obs_desk_horizon", "observations.obs_dealer_day", "observations.obs_soma_sale"),
        ):
            connection.execute(f"create temp table changed as select * from {table} where firm_rssd = {firm}")
            connection.execute(f"delete from {table} where firm_rssd = {firm}")
            connection.execute(f"update changed set firm_rssd = {FIRM}")
            connection.execute(f"insert into {table} select * from changed")
            connection.execute("drop table changed")
        connection.execute(
            f"""
            update marts.fct_desk_day set net_securities_position_usd_mn = {POSITION}, limit_usage = {USAGE}
            where firm_rssd = {FIRM} and is_prime_treasury_desk and business_date = date '2020-03-16'
            """
        )
        connection.execute(f"update marts.fct_soma_sale set dealer_mpid = '{DEALER}' where firm_rssd = {FIRM}")
    estimated(path, folder / "output", TABLES)
    run_diagnostics(path, folder / "output", quiet())
    imputed_beside(folder / "output")
    return folder


@pytest.fixture(scope="module")
def export(planted: Path) -> Path:
    folder = planted / "export"
    export_disclosure(planted / "dealer_limits.duckdb", planted / "output", folder, Rules(), quiet())
    return folder


@pytest.mark.parametrize(
    ("amounts", "reason"),
    [
        ([1, 1, 1, 1, 1], ""),
        ([1, 1, 1, 1], TOO_FEW),
        ([1, 1, 1, 1, 0], TOO_FEW),
        ([60, 10, 10, 10, 10], ""),
        ([61, 10, 10, 10, 9], DOMINANT),
        ([45, 40, 5, 5, 5], ""),
        ([46, 40, 5, 5, 4], TWO_DOMINANT),
    ],
)
def test_cell_is_kept_or_withheld_at_the_bounds(amounts: list[float], reason: str) -> None:
    assert Rules().reason({"observations": np.array(amounts, dtype=float)}) == reason


def test_every_measure_has_to_pass_but_one_that_is_zero_throughout() -> None:
    even, uneven = np.ones(6), np.array([100.0, 1, 1, 1, 1, 1])
    assert Rules().reason({"observations": even, "squares": uneven}) == DOMINANT
    assert Rules().reason({"observations": even, "squares": np.zeros(6)}) == ""
    assert Rules().reason({"observations": np.zeros(6)}) == TOO_FEW
    assert Rules().reason(None) == NO_FIRMS


def test_page_has_the_defaults() -> None:
    page = (Path(__file__).parents[2] / "docs/disclosure.md").read_text()
    stated = re.findall(r"^\| `--([a-z-]+)` \| ([\d.]+) \|", page, flags=re.MULTILINE)
    assert {name.replace("-", "_"): float(value) for name, value in stated} == asdict(Rules())


def test_one_withheld_cell_of_a_whole_takes_the_smallest_with_it() -> None:
    def part(term: str, value: float, reason: str, whole: str = "match awards") -> Judged:
        return Judged(("match", "", "", term, "awards"), value, 9, reason, whole)

    cells = [part("a", 50, TOO_FEW), part("b", 30, ""), part("c", 20, ""), part("d", 1, "", "")]
    assert [cell.reason for cell in withhold_complements(cells)] == [TOO_FEW, "", COMPLEMENT, ""]
    two = [part("a", 50, TOO_FEW), part("b", 30, DOMINANT), part("c", 20, "")]
    assert withhold_complements(two) == two


def test_cumulative_sales_are_kept_only_where_the_steps_between_them_may_be_known() -> None:
    many, one, group = np.ones(5), np.array([1.0, 0, 0, 0, 0]), "high"
    days = [
        SalesDay(f"2020-03-{day}", {group: sold}, {group: sold}, {group: 1.0}, {group: None})
        for day, sold in ((16, many), (17, one), (18, many), (19, many))
    ]
    # on the 17th one firm sold: its sales would be the step to that day; the step from the 16th to the 18th is not
    assert [cell.reason for cell in _figure_5(days, Rules())] == ["", TOO_FEW, "", ""]


def test_nothing_of_a_row_leaves(planted: Path, export: Path) -> None:
    content = b"".join(path.read_bytes() for path in export.iterdir())
    # to the digits that a rounded number would have
    for sentinel in (str(FIRM), DEALER, f"{POSITION:.6g}", f"{POSITION / 1000:.6g}", f"{USAGE:.6g}"):
        assert sentinel.encode() not in content
    with duckdb.connect(planted / "dealer_limits.duckdb", read_only=True) as connection:
        identifiers = connection.execute(
            """
            select distinct cast(firm_rssd as varchar) from marts.fct_desk_day union
            select distinct desk_id from marts.fct_desk_day union select distinct dealer_mpid from marts.fct_soma_sale
            union select distinct cusip from marts.fct_soma_sale
            """
        ).fetchall()
    found = {field for row in exported(export) for field in row.values()}
    assert found.isdisjoint(identifier for (identifier,) in identifiers)


def test_export_of_pseudo_data_says_so_in_each_file(export: Path, tmp_path: Path) -> None:
    """And so does the comparison of such an export."""
    compare_exports([export, export], tmp_path, None, quiet())

    assert (tmp_path / PAGE).read_text().count("Pseudo data, world paper") == 2
    for file in (*export.glob("*.csv"), *tmp_path.glob("*.csv")):
        assert pd.read_csv(file)["pseudo_data"].str.startswith("Pseudo data, world paper").all(), file.name
    assert json.loads((export / "manifest.json").read_text())["pseudo_data"].startswith("Pseudo data, world paper")


def test_sentinels_would_be_found_where_they_stand(planted: Path) -> None:
    with duckdb.connect(planted / "dealer_limits.duckdb", read_only=True) as connection:
        found = connection.execute(
            f"""
            select count(*) from marts.fct_desk_day
            where firm_rssd = {FIRM} and round(net_securities_position_usd_mn, 3) = {POSITION:.3f}
            """
        ).fetchone()[0]
    assert found


def test_percentile_is_the_mean_of_the_rows_around_it(planted: Path, export: Path) -> None:
    kept = {(row["term"], row["statistic"]): row["value"] for row in exported(export) if row["exhibit"] == "1"}
    with duckdb.connect(planted / "dealer_limits.duckdb", read_only=True) as connection:
        values = connection.execute("select limit_usage from marts.fct_desk_day where is_treasury_desk").fetchnumpy()
    usages = np.sort(np.ma.compressed(values["limit_usage"]).astype(float))
    places = 100 * (np.arange(1, len(usages) + 1) - 0.5) / len(usages)
    for percent in (25, 50, 75):
        around = usages[np.abs(places - percent) <= 1]
        value = kept["limit_usage", f"p{percent}"]
        assert float(value) == pytest.approx(around.mean(), rel=1e-5)
        # what the mart has is the value of a row, or between two
        assert value != f"{np.percentile(usages, percent):.6g}"


def test_kept_cells_have_the_firms_that_the_rules_ask_for_and_withheld_ones_say_nothing_but_why(export: Path) -> None:
    rows = exported(export)
    for row in rows:
        # no dealer is behind an award that no trade matches
        if row["withheld"] == "":
            assert row["value"] and (int(row["firms"]) >= Rules().least_firms or row["term"] == "none")
        else:
            assert (row["value"], row["firms"]) == ("", "")
    assert {row["exhibit"] for row in rows} >= {"1", "2", "12", "13", "14", "15", "A", "figure_1", "figure_5", "match"}


def test_estimates_on_draws_of_the_match_have_the_fate_of_the_same_coefficients(planted: Path, tmp_path: Path) -> None:
    strict, export = Rules(largest_share=0.2), tmp_path / "export"
    export_disclosure(planted / "dealer_limits.duckdb", planted / "output", export, strict, quiet())

    def fates(name: str, statistic: str) -> dict[tuple[str, ...], str]:
        rows = pd.read_csv(export / name, dtype=str, keep_default_na=False).query("statistic == @statistic")
        return {(row.exhibit, row.panel, row.column, row.term): row.withheld for row in rows.itertuples()}

    coefs = {key: fate for key, fate in fates("estimates.csv", "coef").items() if key[0] in ("12", "13")}
    for statistic in ("imputed_coef", "imputed_se", "missing"):
        assert fates("imputed.csv", statistic) == coefs
    assert DOMINANT in coefs.values()


def test_draws_of_the_match_of_other_estimates_are_refused(planted: Path, tmp_path: Path) -> None:
    output = shutil.copytree(planted / "output", tmp_path / "output")
    imputed = pd.read_parquet(output / "imputed.parquet")
    imputed.assign(coef=imputed["coef"] + 0.01).to_parquet(output / "imputed.parquet", index=False)

    with pytest.raises(DealerLimitsError, match="the results are not of this warehouse"):
        export_disclosure(planted / "dealer_limits.duckdb", output, tmp_path / "export", Rules(), quiet())


def test_manifest_has_digests_rules_and_counts(export: Path) -> None:
    manifest = json.loads((export / "manifest.json").read_text())

    assert {path.name for path in export.iterdir()} == {"manifest.json", *(file["name"] for file in manifest["files"])}
    for file in manifest["files"]:
        assert hashlib.sha256((export / file["name"]).read_bytes()).hexdigest() == file["sha256"]
    reasons = [row["withheld"] for row in exported(export)]
    assert manifest["kept"] == reasons.count("")
    assert manifest["withheld"] == {reason: reasons.count(reason) for reason in sorted(set(reasons) - {""})}
    assert manifest["rules"] == {"least_firms": 5, "largest_share": 0.6, "two_largest_share": 0.85}


def test_same_input_gives_the_same_bytes_which_their_owner_alone_can_read(planted: Path, export: Path) -> None:
    again = planted / "again"
    places = ("--warehouse", planted / "dealer_limits.duckdb", "--output", planted / "output")
    shown = CliRunner().invoke(app, ["export", "--disclosure", str(again), *map(str, places)])
    assert shown.exit_code == 0, shown.output
    assert {stat.S_IMODE(path.stat().st_mode) for path in [again, *again.iterdir()]} == {0o600, 0o700}
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in export.iterdir()
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "delete from observations.obs_desk_horizon where firm_rssd not in "
            "(select distinct firm_rssd from observations.obs_desk_horizon order by all limit 4)",
            TOO_FEW,
        ),
        (
            "update observations.obs_desk_horizon set log_limit_usage = 30 * log_limit_usage "
            "where firm_rssd = (select min(firm_rssd) from observations.obs_desk_horizon)",
            DOMINANT,
        ),
    ],
    ids=[TOO_FEW, DOMINANT],
)
def test_planted_case_is_withheld(warehouse: Workspace, tmp_path: Path, change: str, reason: str) -> None:
    path = tmp_path / "dealer_limits.duckdb"
    shutil.copy(warehouse.published, path)
    path.chmod(0o600)
    with duckdb.connect(path) as connection:
        connection.execute(change)
    estimated(path, tmp_path / "output", ["2"])

    export_disclosure(path, tmp_path / "output", tmp_path / "export", Rules(), quiet())

    cells = [row for row in exported(tmp_path / "export") if row["exhibit"] == "2" and row["term"]]
    assert cells and {row["withheld"] for row in cells} == {reason}


def test_firms_of_each_exhibit_are_those_behind_the_mart(warehouse: Workspace) -> None:
    """Cells recompute groups and samples of marts: the observations have to be as many as the mart has."""
    counts = {
        "figure_1": "select '', cast(business_date as varchar), desks from marts.fct_inventory_day",
        "figure_3": "select constraint_group, cast(business_date as varchar), desks "
        "from marts.fct_inventory_change_by_constraint",
        "figure_4": "select position_measure, cast(usage_rank_decile as varchar), desk_days "
        "from marts.fct_position_change_by_usage_rank",
    }
    with warehouse.connect() as connection:
        variables = built_with(connection)
        cells = list(figure_cells(connection, variables))
        for figure, query in counts.items():
            observations = {
                (panel, place): cell.contributions["observations"].sum()
                for cell in cells
                for exhibit, panel, place, _, _ in [cell.key]
                if exhibit == figure
            }
            assert observations == {
                (panel, place): count for panel, place, count in connection.execute(query).fetchall()
            }
        for cell in match_cells(connection, variables):
            if cell.key[4] == "awards" and cell.key[3] != "none":
                # an award of two dealers counts for both
                assert cell.contributions["observations"].sum() >= cell.value > 0
        for cell in summary_cells(connection):
            if cell.key[4] == "count":
                assert cell.contributions["observations"].sum() == cell.value


@pytest.mark.parametrize("table", ["2", "4", "8", "12"])
def test_variation_is_what_the_coefficients_are_made_from(warehouse: Workspace, table: str) -> None:
    with warehouse.connect() as connection:
        spec = load_registry(connection).of_tables([table])[0]
        rows = read_rows(connection, [spec])
    variables = variables_of(rows, [spec], complete_rows(rows, spec))

    x = identifying_variation(variables, spec)

    coef = fit_column(variables, spec, Bootstrap(draws=2)).coef[: len(spec.terms)]
    # sums in another order
    assert x.T @ variables.within[spec.dependent] / (x**2).sum(axis=0) == pytest.approx(coef, rel=1e-7)


def test_results_of_another_warehouse_are_refused(planted: Path, tmp_path: Path) -> None:
    path = tmp_path / "dealer_limits.duckdb"
    shutil.copy(planted / "dealer_limits.duckdb", path)
    with duckdb.connect(path) as connection:
        connection.execute("delete from observations.obs_desk_horizon where business_date = date '2020-03-16'")

    with pytest.raises(DealerLimitsError, match="the results are not of this warehouse"):
        export_disclosure(path, planted / "output", tmp_path / "export", Rules(), quiet())

    assert not (tmp_path / "export").exists()


def write_export(folder: Path, cells: list[tuple[str, ...]]) -> Path:
    folder.mkdir()
    with (folder / "estimates.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *cells])
    digest = hashlib.sha256((folder / "estimates.csv").read_bytes()).hexdigest()
    manifest = {"files": [{"name": "estimates.csv", "sha256": digest}], "rules": {"least_firms": 5}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def column(term: str, coef: str, se: str, nobs: str, withheld: str = "") -> list[tuple[str, ...]]:
    place = ("2", "a", "1")
    of_term = [
        (*place, term, name, "" if withheld else value, "7", withheld) for name, value in (("coef", coef), ("se", se))
    ]
    return [*of_term, (*place, "", "nobs", nobs, "7", "")]


@pytest.fixture
def exports(tmp_path: Path) -> tuple[Path, Path]:
    in_neither = ("figure_1", "", "2020-03-16", "", "net_securities_position_usd_bn", "", "", TOO_FEW)
    first = column("usage", "-0.5", "0.3", "100") + column("slr", "1", "1", "100", DOMINANT)[:2] + [in_neither]
    second = (
        column("usage", "0.5", "0.3", "90")
        + column("slr", "1", "1", "90")[:2]
        + [("match", "", "1", "equal", "awards_pct", "60", "9", ""), in_neither]
    )
    return write_export(tmp_path / "a", first), write_export(tmp_path / "b", second)


def test_exports_are_set_side_by_side(exports: tuple[Path, Path], tmp_path: Path) -> None:
    console = Console(width=200, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    third = write_export(tmp_path / "c", column("usage", "-1.5", "0.4", "80"))

    rows = compare_exports([*exports, third], tmp_path / "output", ["2"], console).set_index("term")

    usage = rows.loc["usage"]
    assert [usage[f"difference_in_se_{name}"] for name in "bc"] == pytest.approx(
        [1 / np.hypot(0.3, 0.3), -1 / np.hypot(0.3, 0.4)]
    )
    assert [usage[f"nobs_{name}"] for name in "abc"] == [100, 90, 80]
    assert [usage[f"same_sign_{name}"] for name in "bc"] == ["no", "yes"]
    states = {term: [rows.loc[term, f"withheld_{name}"] for name in "abc"] for term in rows.index}
    assert states == {
        "usage": ["", "", ""],
        "slr": [DOMINANT, "", NOT_THERE],
        "equal": [NOT_THERE, "", NOT_THERE],
        "": [TOO_FEW, TOO_FEW, NOT_THERE],
    }
    assert np.isnan(rows.loc["slr", "difference_in_se_b"]) and rows.loc["slr", "same_sign_b"] == ""
    with (tmp_path / "output" / COMPARISON).open() as file:
        assert [row["withheld_a"] for row in csv.DictReader(file)] == ["", DOMINANT, TOO_FEW, NOT_THERE]
    printed = console.export_text()
    assert "A: dominant_firm, C: not there" in printed
    assert "-0.500 (0.300)" in printed


def test_summary_has_shares_of_what_is_known(exports: tuple[Path, Path], tmp_path: Path) -> None:
    """Of A's two terms one is withheld; neither of B's is 1.96 errors from zero, and one is that far from A's."""
    compare_exports(exports, tmp_path / "output", None, quiet())

    lines = (tmp_path / "output" / PAGE).read_text().splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
    assert dict(zip(cells[0], cells[2], strict=True)) == {
        "exhibit": "2",
        "terms": "2",
        "significant, % A / B": "0",
        "other sign, % B from A": "100",
        "beyond 1.96 se, % B from A": "100",
        "withheld A / B": "1 / 0",
        "largest N A / B": "100 / 90",
    }
    assert ["1 equal", "– / 60.0", "–"] in cells
    assert [line for line in lines if line.startswith("- ")] == [
        f"- A: {exports[0]}: 1 cells kept, 2 withheld, 1 not there.",
        f"- B: {exports[1]}: 3 cells kept, 1 withheld, 0 not there.",
        "- 1 cells are withheld in some of them alone",
    ]


def test_comparison_has_the_effect_that_worlds_differ_by(planted: Path, export: Path, tmp_path: Path) -> None:
    """An outcome with half of usage less has coefficients that are a half less, with the same errors."""
    path = tmp_path / "dealer_limits.duckdb"
    shutil.copy(planted / "dealer_limits.duckdb", path)
    with duckdb.connect(path) as connection:
        connection.execute(
            "update observations.obs_desk_horizon set d_log_net_securities_position = "
            "d_log_net_securities_position - 0.5 * log_limit_usage"
        )
        specs = load_registry(connection).of_tables(["2"])
    estimated(path, tmp_path / "output", ["2"])
    export_disclosure(path, tmp_path / "output", tmp_path / "export", Rules(), quiet())

    rows = compare_exports([export, tmp_path / "export"], tmp_path / "output", None, quiet())

    rows = rows[rows["statistic"] == "coef"].set_index(["exhibit", "panel", "column"])
    is_changed = {spec.key: spec.dependent == "d_log_net_securities_position" for spec in specs}
    found = rows.loc[[*is_changed]]
    expected = np.where([*is_changed.values()], -0.5, 0)
    # of six digits in the exports
    np.testing.assert_allclose(found["difference_b"], expected, atol=1e-6)
    np.testing.assert_allclose(found["se_b"], found["se_a"], rtol=1e-5)
    assert ((found["difference_in_se_b"] < -1.96) == (expected < 0)).all()
    assert (found[["withheld_a", "withheld_b"]] == "").all(axis=None)
    assert set(rows.drop(found.index)["withheld_b"]) == {NOT_THERE}


def test_export_that_was_changed_is_refused(exports: tuple[Path, Path], tmp_path: Path) -> None:
    file = exports[0] / "estimates.csv"
    file.write_text(file.read_text().replace("-0.5", "-0.6"))

    with pytest.raises(DealerLimitsError, match="expected a folder that `dealer-limits export` wrote, whole"):
        compare_exports(exports, tmp_path / "output", None, quiet())


def test_export_is_alike_with_itself(export: Path, tmp_path: Path) -> None:
    rows = compare_exports([export, export], tmp_path, None, quiet())

    kept = rows[rows["withheld_b"] == ""]
    assert len(kept) and (kept["difference_b"] == 0).all()
    assert not rows[list(KEYS)].duplicated().any()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("export --disclosure new --least-firms 2", "--least-firms: expected 3 or more"),
        ("export --disclosure new --largest-share 60", "--largest-share: expected a share above 0, at most 1"),
        ("export --disclosure full", "--disclosure full: expected a folder that is new or empty"),
        ("export --disclosure new", "run `dealer-limits estimate` first"),
        ("compare full", "expected 2 to 26 exports"),
        ("compare full new", "expected a folder that `dealer-limits export` wrote"),
    ],
)
def test_mistake_costs_one_line_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()

    shown = CliRunner().invoke(app, arguments.split())

    assert (shown.exit_code, shown.stderr.count("\n")) == (2, 1)
    assert line in shown.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
