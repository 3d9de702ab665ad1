"""What `dealer-limits check` prints and writes: rules and counts, and nothing of a row."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from rich.console import Console

from browser import BROWSER, NO_BROWSER, Look, look_at
from dealer_limits.errors import DealerLimitsError
from dealer_limits.exhibits.data_quality import gates_table, read_gates
from dealer_limits.quality import run
from dealer_limits.quality.run import refuse_violated, remember, run_checks
from dealer_limits.quality.suites import WARNING, Suite, load_suites
from dealer_limits.quality.validate import SuiteResult, validate_all
from quality_warehouse import DEFAULTS, write_warehouse
from workspace import Workspace

# One row of each of these tables breaks rules, with these values.
SECRET_NUMBER = "987654321.123"
SECRET_TEXT = "SECRETDESK"
SECRETS = f"""
update marts.fct_desk_day set limit_usage = {SECRET_NUMBER}, gross_position_usd_mn = -{SECRET_NUMBER}
where desk_id = 'desk 3' and business_date = date '2018-01-02';
update marts.fct_desk_day set desk_id = '{SECRET_TEXT}' where desk_id in ('desk 4', 'desk 5');
update observations.obs_desk_horizon set desk_id = '{SECRET_TEXT}', d_log_gross_position = {SECRET_NUMBER};
update marts.dim_security set cusip = '{SECRET_TEXT}';
update staging.stg_reference__dealers set dealer_mpid = '{SECRET_TEXT}';
update staging.stg_trace__reports set report_side = '{SECRET_TEXT}';
update staging.stg_market__volatility set move = {SECRET_NUMBER};
update staging.stg_soma__operations set accepted_par_usd = -{SECRET_NUMBER}, operation_id = '{SECRET_TEXT}';
update quality.qc_row_counts set source_table = '{SECRET_TEXT}', raw_file = '{SECRET_TEXT}';
"""


def console() -> Console:
    return Console(file=io.StringIO(), width=140)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quality")


@pytest.fixture(scope="module")
def good(folder: Path) -> tuple[bool, Path, str]:
    """Outcome, folder of results and what is printed, of the good world."""
    printout = console()
    passed = run_checks(write_warehouse(folder / "good.duckdb"), folder / "good", printout)
    return passed, folder / "good" / "quality", printout.file.getvalue()


@pytest.fixture(scope="module")
def bad(folder: Path) -> tuple[bool, Path, str]:
    """The same, of a world with secrets in rows that break rules."""
    printout = console()
    passed = run_checks(write_warehouse(folder / "bad.duckdb", SECRETS), folder / "bad", printout)
    return passed, folder / "bad" / "quality", printout.file.getvalue()


def test_good_warehouse_passes_and_every_rule_is_reported(good: tuple[bool, Path, str]):
    passed, results, text = good
    record = json.loads((results / "results.json").read_text(encoding="utf-8"))
    page = (results / "index.html").read_text(encoding="utf-8")
    assert passed
    assert record["passed"]
    assert [suite["suite"] for suite in record["suites"]] == [suite.name for suite in load_suites(DEFAULTS)]
    for suite, reported in zip(load_suites(DEFAULTS), record["suites"], strict=True):
        assert [rule["meaning"] for rule in reported["rules"]] == [rule.meaning for rule in suite.rules]
        assert suite.name in text
        assert f"<h3>{suite.name}</h3>" in page
    assert "failed</h1>" not in page


def test_violated_rules_fail_the_run_and_are_counted(bad: tuple[bool, Path, str]):
    passed, results, text = bad
    record = json.loads((results / "results.json").read_text(encoding="utf-8"))
    assert not passed
    assert not record["passed"]
    by_name = {suite["suite"]: suite for suite in record["suites"]}
    (usage,) = [rule for rule in by_name["desk-days"]["rules"] if "is of another limit" in rule["meaning"]]
    assert (usage["checked"], usage["violating"], usage["passed"]) == (280, 1, False)
    assert (by_name["TRACE reports"]["rows"], by_name["TRACE reports"]["units"]) == (10, 3)
    line = "failed desk-days: Limit usage is between 0 and 5 times the limit; beyond, it is of another limit."
    assert f"{line} (1 of 280 desk-days)" in text
    assert "warning volatility: The index is between 20 and 300 points. (7 of 7 days)" in text


def test_no_value_of_a_row_is_shown_anywhere(bad: tuple[bool, Path, str], capfd: pytest.CaptureFixture[str]):
    _, results, text = bad
    captured = capfd.readouterr()
    shown = [path.read_text(encoding="utf-8") for path in sorted(results.iterdir())]
    assert len(shown) == 2
    for place in [*shown, text, captured.out, captured.err]:
        assert SECRET_TEXT not in place
        assert SECRET_NUMBER not in place
        assert SECRET_NUMBER.split(".")[0] not in place.replace(",", "")


def test_warning_alone_does_not_fail_the_run(folder: Path, monkeypatch: pytest.MonkeyPatch):
    # the suites of two tables: what is checked of others does not matter here
    of_two = ("staging.stg_market__volatility", "marts.dim_desk")
    monkeypatch.setattr(run, "load_suites", lambda values: [s for s in load_suites(values) if s.table in of_two])
    path = write_warehouse(folder / "warned.duckdb", "update staging.stg_market__volatility set move = 10")
    printout = console()
    assert run_checks(path, folder / "warned", printout)
    assert "warning volatility" in printout.file.getvalue()
    assert ">! warning<" in (folder / "warned" / "quality" / "index.html").read_text(encoding="utf-8")


def test_violated_critical_rules_refuse_a_warehouse_in_one_line_without_a_value(folder: Path):
    path = write_warehouse(folder / "refused.duckdb", SECRETS)

    with duckdb.connect(path, read_only=True) as build, pytest.raises(DealerLimitsError) as refusal:
        refuse_violated(build)

    line = str(refusal.value)
    assert re.fullmatch(
        r"implausible: critical_rules: .*\. violated by [\d,]+ of [\d,]+ [\w -]+, "
        r"the first of \d+ rules; "
        r"expected at most 0 \(to publish all the same, "
        r"--vars '\{gate_bounds: \{critical_rules: (\d+)\}\}'\)",
        line,
    )
    assert SECRET_TEXT not in line
    with duckdb.connect(path, read_only=True) as build:
        refuse_violated(build, int(re.search(r"(\d+)\}", line).group(1)))


def test_tables_that_a_load_left_as_they_were_are_judged_again_only_where_violations_are_counted(folder: Path):
    """Of tolerated ones all count, whichever table they are in."""
    path = write_warehouse(folder / "left.duckdb", SECRETS)
    left = {suite.table for suite in load_suites(DEFAULTS)} - {"marts.dim_business_day"}

    with duckdb.connect(path, read_only=True) as build:
        (judged,) = refuse_violated(build, unchanged=left)
        with pytest.raises(DealerLimitsError, match="expected at most 1 "):
            refuse_violated(build, tolerated=1, unchanged=left)

    assert judged.suite.table == "marts.dim_business_day"


def test_suite_judged_before_publishing_is_not_checked_again(
    good: tuple[bool, Path, str], folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """Those with warnings are: only critical rules are judged. A file that changed since is checked in full."""
    incoming, published = folder / "incoming.duckdb", folder / "published.duckdb"
    # nothing in the good world is to be refused
    with duckdb.connect(write_warehouse(incoming), read_only=True) as build:
        results = refuse_violated(build)
    remember(incoming, results)
    incoming.rename(published)
    checked: list[str] = []

    def note(read: Sequence[tuple[Suite, pd.DataFrame]]) -> list[SuiteResult]:
        checked.extend(suite.name for suite, _ in read)
        return validate_all(read)

    monkeypatch.setattr(run, "validate_beside", note)
    run_checks(published, folder / "judged", console())
    for name in ("index.html", "results.json"):
        assert (folder / "judged" / "quality" / name).read_bytes() == (good[1] / name).read_bytes()
    suites = load_suites(DEFAULTS)
    with_warnings = [suite.name for suite in suites if any(rule.severity == WARNING for rule in suite.rules)]
    assert checked == with_warnings
    with duckdb.connect(published) as connection:
        connection.execute("create table main.another as select 1")
    run_checks(published, folder / "judged", console())
    assert len(checked) == len(with_warnings) + len(suites)


def test_same_warehouse_same_bytes(good: tuple[bool, Path, str], folder: Path):
    run_checks(folder / "good.duckdb", folder / "again", console())
    for name in ("index.html", "results.json"):
        assert (folder / "again" / "quality" / name).read_bytes() == (good[1] / name).read_bytes()


def test_page_needs_nothing_but_itself(bad: tuple[bool, Path, str]):
    page = (bad[1] / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//\w|<script|<link|<img|@import|url\(", page)
    assert set(re.findall(r'href="(.)', page)) == {"#"}


def test_text_of_rules_is_escaped(good: tuple[bool, Path, str]):
    page = (good[1] / "index.html").read_text(encoding="utf-8")
    assert "&gt;360" in page
    assert "date &#39;2020-12-30&#39;" in page


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("drop table observations.obs_desk_horizon", "no table observations.obs_desk_horizon"),
        ("alter table marts.dim_desk drop var_limit_count", "marts.dim_desk: .*var_limit_count"),
    ],
)
def test_missing_table_or_column_is_said_in_one_line(folder: Path, changes: str, message: str):
    path = write_warehouse(folder / "partial.duckdb", changes)
    with pytest.raises(DealerLimitsError, match=message) as caught:
        run_checks(path, folder / "partial", console())
    assert "\n" not in str(caught.value)
    assert not (folder / "partial").exists()


def test_missing_warehouse_and_other_file_are_said_in_one_line(folder: Path):
    with pytest.raises(DealerLimitsError, match=r"there is no warehouse .*nowhere\.duckdb"):
        run_checks(folder / "nowhere.duckdb", folder / "x", console())
    path = folder / "text.duckdb"
    path.write_text("not a database", encoding="utf-8")
    with pytest.raises(DealerLimitsError, match="cannot open") as caught:
        run_checks(path, folder / "x", console())
    assert "\n" not in str(caught.value)


MEASURE = """(() => {
  const root = document.documentElement;
  document.querySelectorAll("details").forEach(element => element.open = true);
  const beyond = element => element.getBoundingClientRect().right > root.clientWidth + 1;
  const wide = [...document.querySelectorAll("*")].filter(beyond);
  const overflow = root.scrollWidth - root.clientWidth;
  return `width ${innerWidth}, overflow ${overflow}, beyond ${wide.length}`;
})()"""
WIDTHS = (390, 1440)


@pytest.fixture(scope="module")
def look(bad: tuple[bool, Path, str], folder: Path) -> Look:
    page = (bad[1] / "index.html").read_text(encoding="utf-8")
    return look_at(page, [(width, MEASURE) for width in WIDTHS], folder)


@pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
@pytest.mark.parametrize("width", WIDTHS)
def test_page_fits_a_window_of(width: int, look: Look):
    assert look.posted[WIDTHS.index(width)] == f"width {width}, overflow 0, beyond 0"
    assert look.picture.stat().st_size > 10_000


def test_suites_over_what_is_not_published_are_checked_in_the_file_of_its_build_alone(
    warehouse: Workspace, folder: Path
) -> None:
    printed = {}
    for name in ("with", "other", "without"):
        place = folder / name
        (place / "build").mkdir(parents=True)
        shutil.copy(warehouse.published, place)
        if name != "without":
            shutil.copy(warehouse.build_file, place / "build")
        if name == "other":
            with duckdb.connect(place / "build" / warehouse.build_file.name) as connection:
                # as a build begins
                connection.execute("drop table about.build")
        printed[name] = console()
        assert run_checks(place / warehouse.published.name, place, printed[name])

    suites = load_suites(DEFAULTS)
    left = sum(suite.table.startswith("staging.") for suite in suites)
    line = f"Not checked: {left} suites over what is not published"
    for name, expected in {"with": len(suites), "other": len(suites) - left, "without": len(suites) - left}.items():
        record = json.loads((folder / name / "quality/results.json").read_text(encoding="utf-8"))
        page = (folder / name / "quality/index.html").read_text(encoding="utf-8")
        assert len(record["suites"]) == expected
        said = (line in record.get("unchecked", ""), line in page, line in printed[name].file.getvalue())
        assert said == (name != "with",) * 3


def test_report_reads_the_gates_of_a_build(warehouse: Workspace) -> None:
    with warehouse.connect() as connection:
        gates = read_gates(connection)
        odd = connection.execute("select count(distinct gate) from quality.qc_gates where verdict <> 'ok'")
        assert len(gates) == odd.fetchone()[0]
    assert all(gate.replace("_", " ") in gates_table(gates) for gate in gates["gate"])
