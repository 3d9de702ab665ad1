"""The report on belief: verdicts, diagnostics beside known worlds, coverage, instruments, choices."""

from __future__ import annotations

import re
from dataclasses import fields
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from browser import BROWSER, NO_BROWSER, Look, look_at
from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.inference import Inference, summarise
from dealer_limits.estimation.specification_curve import Point
from dealer_limits.estimation.specifications import load_registry
from dealer_limits.exhibits.definitions import load_definitions
from dealer_limits.exhibits.other_errors import make_other_errors
from dealer_limits.exhibits.result_files import CURVE, DIAGNOSTICS, INFERENCE
from dealer_limits.warehouse import open_warehouse
from inference_inputs import (
    files_of,
    inference_rows,
    instrument_rows,
    null_rows,
    reports_of_another_process,
    write_all,
    written_reports,
)
from report_inputs import KEYS, make_estimates, write_inputs
from report_writing import copy_inputs, write


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_reports(tmp_path_factory)


@pytest.fixture(scope="module")
def folder(folders: Path) -> Path:
    return folders / "everything"


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "output/report/index.html").read_text(encoding="utf-8")


def plain(markup: str) -> str:
    return unescape(re.sub("<.*?>", "", markup)).replace("−", "-").strip()


def read_table(page: str, identity: str) -> tuple[list[str], list[list[str]]]:
    """Headings and body rows, as text, of the table whose cells have names that begin with `identity`."""
    (table,) = [
        table for table in re.findall("<table.*?</table>", page, flags=re.DOTALL) if f'id="{identity}-' in table
    ]
    head, _, body = table.partition("<tbody")
    cell = r"<t[hd][ >].*?</t[hd]>"
    rows = re.findall("<tr.*?</tr>", body, flags=re.DOTALL)
    return (
        [plain(found) for found in re.findall(cell, head, flags=re.DOTALL)],
        [[plain(found) for found in re.findall(cell, row, flags=re.DOTALL)] for row in rows],
    )


def section(page: str, identity: str) -> str:
    return re.search(rf'<section[^>]* id="{identity}".*?</section>', page, flags=re.DOTALL)[0]


def facts(part: str) -> list[str]:
    """Each fact as its figure and what it counts."""
    found = re.findall(r"<div><dd>(.*?)</dd><dt>(.*?)</dt></div>", part)
    return [f"{figure} {plain(caption)}" for figure, caption in found]


def coefficient(panel: str, column: str, plus: float = 0.0) -> str:
    values = make_estimates().set_index(KEYS)["value"]
    return f"{values['2', panel, column, 'log_limit_usage', 'coef'] + plus:.3f}"


def test_each_coefficient_has_the_verdict_of_its_p_values(page: str):
    _, rows = read_table(page, "errors_2_table")
    assert [row[0] for row in rows] == [
        f"({panel}) {column} log(Limit Usage)" for panel, column in ("a1", "a2", "a3", "b1", "b2")
    ]
    verdicts = ["✓ yes", "! alone, not after Holm", "✗ no", "only with these", "·"]
    assert [row[8] for row in rows] == verdicts
    assert facts(section(page, "other_errors")) == [
        "3 of 5 coefficients significant at 5%, paper’s errors",
        "2 of 3 significant with the recommended errors too",
        "1 of 3 also after Holm, over their table",
    ]
    assert facts(section(page, "overview"))[4:6] == [
        "2 of 3 results significant with other errors too",
        "47% of worlds without an effect say the same, where measured",
    ]
    _, (overview,) = read_table(page, "errors_overview")
    assert overview[1:] == ["5", "3", "2", "1", "1", "1", "5–36%", "47%", "wild bootstrap by desk"]


def test_beside_what_is_significant_stands_how_often_it_is_where_there_is_no_effect(page: str):
    part = plain(section(page, "other_errors"))
    assert (
        "In the world null, where limits change nothing, the same test with the same errors rejects in 47% of 500 "
        "worlds for 1 of these 2, 47% on average. For the other 1 that has not been measured." in part
    )
    _, rows = read_table(page, "errors_2_table")
    assert [row[9] for row in rows] == ["47%", *["not measured"] * 4]
    _, alone = read_table(page, "alone_table")
    assert alone[0][-1] == "not measured"


def test_papers_errors_stand_first_and_safe_ones_beside_with_stars_of_each(page: str):
    headings, rows = read_table(page, "errors_2_table")
    assert headings == [
        *("Coefficient", "coefficient", "robust (the paper's)", "wild bootstrap by desk (recommended)"),
        *("other errors", "ours", "printed stars", "se", "se", "95% interval", "Holm p", "Romano–Wolf p"),
        *("significant too", "rejects in null", "Driscoll-Kraay"),
    ]
    assert rows[2][1:] == [
        *(coefficient("a", "3"), "**", "(0.011)**", "(0.033)"),
        *(f"-∞ to {coefficient('a', '3', 1.0)}", "0.900", "0.450", "✗ no", "not measured", "(0.022)**"),
    ]


def test_errors_without_draws_have_the_romano_wolf_p_of_the_bootstrap(folder: Path):
    rows = inference_rows()
    with open_warehouse(folder / "w.duckdb") as connection:
        registry = load_registry(connection)
    specs = registry.of_tables(["2"])
    printed = pd.DataFrame(columns=[*KEYS[:4], "printed_stars"])
    unmeasured = null_rows().head(0)
    summary = summarise(rows, dict.fromkeys(specs, "driscoll_kraay"), printed, unmeasured)
    other_errors = make_other_errors(load_definitions(registry), summary, rows)
    (table,) = [html for identity, _, _, html in other_errors.tables if identity == "errors_2"]
    _, found = read_table(table, "errors_2_table")
    assert [row[7] for row in found] == ["0.001", "0.100", "0.450", "0.100", "0.500"]


def test_results_that_other_errors_take_are_listed_apart_from_those_that_holm_takes(page: str):
    _, lost = read_table(page, "lost_table")
    _, alone = read_table(page, "alone_table")
    assert [row[0] for row in lost] == ["2(a), column 3: log(Limit Usage)"]
    assert [row[0] for row in alone] == ["2(a), column 2: log(Limit Usage)"]
    assert lost[0][3:] == ["(0.011)**", "(0.033)", "0.300", "0.900", "not measured"]


def test_diagnostics_stand_beside_what_they_give_in_the_worlds(page: str):
    part = section(page, "credibility")
    assert facts(part) == [
        "1 of 2 corrected regressions reject here, at 5%",
        # the sum of the rejection rates: 7% and 5%, 95% and 90%, 100% twice
        "0.1 of them reject on average in null",
        "1.9 of them reject on average in paper",
        "2.0 of them reject on average in strong",
    ]
    _, overview = read_table(page, "diagnostics_overview")
    # what can answer comes first
    assert overview == [
        ["Is it corrected?", "yes", "1 of 2", "5–7%", "90–95%", "100%"],
        ["Is Q&A <plain>?", "no", "1 of 1", "48%", "99%", "100%"],
    ]
    headings, rows = read_table(page, "diagnostic_1")
    assert headings[-8:] == ["mean", "rejects", *["mean", "value / effect", "rejects"] * 2]
    # values in endless data are half of the means, over effects of -0.2 and -0.1
    assert rows == [
        ["Net positions", "1", "-0.100", "(0.020)", "yes", "", "0.000", "7%", "-0.100", "0.25", "95%",
         "-0.300", "1.50", "100%"],
        ["", "5", "0.010", "(0.100)", "no", "", "0.000", "5%", "-0.200", "0.50", "90%", "-0.400", "2.00", "100%"],
    ]  # fmt: skip
    assert "77.7" not in part
    assert "Is Q&amp;A &lt;plain&gt;?" in part


def test_drawing_puts_ours_and_the_worlds_where_their_numbers_are(page: str):
    (drawing,) = [svg for svg in re.findall(r'<svg class="strip".*?</svg>', page) if 'class="strong" cx="7.0"' in svg][
        :1
    ]
    circles = dict(re.findall(r'class="(null|paper|strong)" cx="([\d.]+)"', drawing))
    ours = [float(place) for place in re.findall(r"[MH]([\d.]+) ?", drawing.partition('"ours"')[2])]
    # of the first corrected row: -0.3 at the left end 7, 0 at the right end 125; ours -0.1004 ± 2.5 × 0.02
    places = {"null": 125.0, "paper": 85.7, "strong": 7.0}
    assert {world: float(place) for world, place in circles.items()} == places
    assert ours[:3] == pytest.approx([65.8, 105.2, 85.5], abs=0.1)


def test_coverage_is_marked_outside_93_to_97_percent(page: str):
    headings, rows = read_table(page, "coverage_2_table")
    of_paper = ["robust (the paper's)", "jackknife by firm, recommended", "Driscoll-Kraay"]
    # of another world by what is recommended alone
    assert headings == ["Outcome", "h", "paper", "strong", *of_paper, "jackknife by firm"]
    assert rows == [
        ["Net positions", "1", "△ 99%", "96%", "97%", "94%"],
        ["", "10", "▽ 92%", "93%", "△ 98%", "▽ 91%"],
    ]
    _, instrumented = read_table(page, "coverage_8_table")
    assert instrumented == [["Net positions", "1", "95%", "94%", "▽ 92%"], ["", "10", "▽ 75%", "▽ 90%", "▽ 88%"]]
    # 100 × √(0.95 × 0.05 / worlds)
    assert "400 worlds paper, in which the Monte Carlo error of 95% is 1.1 points; 100 worlds strong" in page
    assert "is 2.2 points." in page


def test_printed_regressions_stand_beside_the_truth_of_the_worlds(page: str):
    _, rows = read_table(page, "worlds_table")
    assert rows == [
        ["Table 2(a)", "1", "Net positions", "1", coefficient("a", "1"), "0.000", "▽ 90%", "5%",
         "-0.010", "0.40", "95%", "35%", "-0.020", "0.40", "△ 100%", "65%"]
    ]  # fmt: skip


def test_weak_instruments_are_warned_of_on_the_table_and_their_sets_may_have_no_bound(page: str, folder: Path):
    part = section(page, "table_8")
    assert part.index("Weak and marginal instruments in all columns:") < part.index("<table")
    assert "effective F by firm of 4.2 to 24.6 where 19.9 to 21.0 is needed" in part
    assert "by the jackknife of 2.5 to 16.8 where 21.2 to 21.4 is needed" in part
    assert "The set has no bound in column 1:" in part
    headings, rows = read_table(page, "instruments_table")
    found = {row[0]: row[1:] for row in rows if row[0]}
    assert headings == ["Column", "(1)", "(2)"]
    assert found["instruments"] == ["✗ weak", "! marginal"]
    assert found["Effective F, by firm"] == ["4.2", "24.6"]
    assert found["Effective F, jackknife by firm"] == ["2.5", "16.8"]
    assert found["Effective F, by firm-day"] == ["61.0", "92.5"]
    sets = [found[f"Anderson–Rubin, {how}: 95% set"] for how in ("by firm-day", "jackknife by firm")]
    assert sets == [
        ["-0.900 to 0.200", "-0.339 to -0.187"],
        ["-∞ to -0.500or 0.250 to ∞unbounded", "-0.402 to -0.101"],
    ]
    p_values = [found[f"Anderson–Rubin, {how}: p of no effect"] for how in ("by firm-day", "jackknife by firm")]
    assert p_values == [["0.226", "<0.001"], ["0.313", "0.002"]]
    assert found["p of J"] == ["0.103", "0.907"]
    assert found["first stage: firm limit increase"] == ["-0.150", "-0.150"]
    assert ["", "(0.146)", "(0.146)"] in rows
    latex = (folder / "output/report/tables/table_8.tex").read_text(encoding="utf-8")
    assert "Weak and marginal instruments" in latex
    assert "under 10\\%" in latex


def test_strong_instruments_get_no_warning(tmp_path: Path):
    write_inputs(tmp_path, tables=("8",))
    instrument_rows(weak=False).to_parquet(tmp_path / "output/instruments.parquet")
    page = write(tmp_path).read_text(encoding="utf-8")
    assert " instruments in " not in section(page, "table_8").partition("<table")[0]
    assert "unbounded" not in page
    assert page.count("✓ strong") == 2


def test_specification_curve_is_drawn_and_counted(page: str, folder: Path):
    part = section(page, "other_errors")
    assert 'aria-label="Specification curve' in part
    # 2 samples, 5 periods, 2 outcomes, 4 measures of usage
    assert "robust (the paper&#39;s): of 80 estimates 80 are negative, 1 significantly at 5%; 0 are" in part
    copied = folder / "output/report/figures/specification_curve.png"
    assert copied.read_bytes() == (folder / "output/figures/specification_curve.png").read_bytes()


def test_rules_that_are_read_otherwise_stand_below_the_curve(page: str, folder: Path):
    part = section(page, "other_errors")
    assert part.index('aria-label="Specification curve') < part.index('aria-label="Every rule that can be disputed')
    assert (
        "1000 instead of 0 changes 1 of 2 coefficients, 1 by more than a standard error and 0 in sign; most "
        "Table 2(a), column 1: log limit usage, by 2.0 standard errors." in part
    )
    assert "smaller instead of no_larger changes 0 of 1 coefficients." in part
    assert part.count("Table 2(a), column 1: log limit usage</th>") == 1
    assert all(cell in part for cell in ("awards matched as lone, %", "6.2, N 406", "0.0, N 0"))
    assert (folder / "output/report/tables/rules.csv").read_text(encoding="utf-8").count("\n") == 5


def test_rules_of_other_estimates_are_not_shown(tmp_path: Path):
    write_all(tmp_path)
    path = tmp_path / "output/rules.parquet"
    rows = pd.read_parquet(path)
    rows["coef"] *= 1.0001
    rows.to_parquet(path)
    part = section(write(tmp_path).read_text(encoding="utf-8"), "other_errors")
    assert "<code>rules.parquet</code> belongs to other estimates" in part
    assert "rule_position_floor_usd" not in part


def test_errors_of_other_estimates_are_not_shown(tmp_path: Path):
    write_all(tmp_path, tables=("2", "8"))
    path = tmp_path / "output/inference_summary.parquet"
    summary = pd.read_parquet(path)
    summary["coef"] *= 1.0001
    summary.to_parquet(path)
    page = write(tmp_path).read_text(encoding="utf-8")
    assert "belong to other estimates" in section(page, "other_errors")
    assert "errors_overview" not in page
    assert "instruments_table" not in page


def test_without_the_files_the_page_names_the_command_that_makes_each(folders: Path):
    page = (folders / "base/output/report/index.html").read_text(encoding="utf-8")
    assert "<code>dealer-limits inference</code> makes" in section(page, "other_errors")
    assert "<code>dealer-limits rules</code> builds" in section(page, "other_errors")
    part = section(page, "credibility")
    assert "<code>dealer-limits diagnostics</code> makes" in part
    assert not re.search("<table", part + section(page, "other_errors"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("diagnostics.csv", "table\n1\n", r"diagnostics\.csv has no column outcome, .*`dealer-limits"),
        ("diagnostics.csv", "", r"diagnostics\.csv cannot be read \(.*\): run `dealer-limits diag"),
        ("inference.parquet", "nonsense", r"inference\.parquet cannot be read .*: run `dealer-limits inf"),
        ("diagnostics.csv", ",".join(DIAGNOSTICS.columns) + "\n", r"has no rows: run"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_used_are_named_in_one_line(
    name: str, content: str, message: str, folders: Path, tmp_path: Path
):
    copy_inputs(folders / "base", tmp_path)
    (tmp_path / "output" / name).write_text(content, encoding="utf-8")
    with pytest.raises(DealerLimitsError, match=message) as caught:
        write(tmp_path)
    assert "\n" not in str(caught.value)


def test_what_the_page_reads_is_what_the_commands_write():
    adjusted = {"p_holm", "p_romano_wolf"}
    assert set(INFERENCE.columns) <= {field.name for field in fields(Inference)} | adjusted
    assert set(CURVE.columns) <= {field.name for field in fields(Point)}


def test_page_with_everything_needs_nothing_but_itself(page: str, folder: Path):
    assert not re.search(r"https?:|\bsrc=|@import|url\((?!#)|xmlns|srcset|<iframe", page)
    links = re.findall(r'href="([^"]*)"', page)
    beside = [link for link in links if not link.startswith(("#", "data:,"))]
    assert "figures/specification_curve.svg" in beside
    assert all((folder / "output/report" / link).is_file() for link in beside)
    identities = re.findall(r'\bid="([^"]*)"', page)
    assert len(identities) == len(set(identities))
    assert {link[1:] for link in links if link.startswith("#") and len(link) > 1} <= set(identities)
    assert len(page.encode()) < 5_000_000


def test_same_files_same_bytes_in_another_process(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    again = reports_of_another_process(tmp_path_factory) / "everything/output/report"
    assert files_of(folder / "output/report")
    assert files_of(again) == files_of(folder / "output/report")


MEASURE = """(() => {
  document.querySelectorAll("details").forEach(element => element.open = true);
  const root = document.documentElement;
  // what sticks out of a section, and is in no box that scrolls
  const all = [...document.querySelectorAll("#credibility *, #other_errors *, #table_8 *")];
  const right = element => element.getBoundingClientRect().right;
  const loose = all.filter(each => !each.closest(".scroll") && right(each) > innerWidth);
  return `width ${innerWidth}, overflow ${root.scrollWidth - root.clientWidth}, loose ${loose.length}`;
})()"""
CLICK = """(() => {
  const fold = document.getElementById("errors_2"), before = fold.open;
  document.querySelector('a[href="#errors_2"]').click();
  return `${before} ${fold.open}`;
})()"""
WIDTHS = (390, 1440)


@pytest.fixture(scope="module")
def look(page: str, tmp_path_factory: pytest.TempPathFactory) -> Look:
    """The page in windows of WIDTHS, then in one in which a link is followed."""
    scripts = [*((width, MEASURE) for width in WIDTHS), (1440, CLICK)]
    return look_at(page, scripts, tmp_path_factory.mktemp("browser"))


@pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
@pytest.mark.parametrize("width", WIDTHS)
def test_everything_unfolded_fits_a_window_of(width: int, look: Look):
    assert look.posted[WIDTHS.index(width)] == f"width {width}, overflow 0, loose 0"
    assert look.console == ()


@pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
def test_link_to_a_folded_table_opens_it(look: Look):
    assert look.posted[-1] == "false true"
