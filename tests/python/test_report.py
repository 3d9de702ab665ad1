"""The report: every printed number and exhibit is there, differences are marked, nothing else is needed."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml

from browser import BROWSER, NO_BROWSER, Look, look_at
from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation import limit_events, shadow_cost_over_time
from dealer_limits.estimation.specifications import (
    Registry,
    build_registry,
    read_specifications,
    seed_file,
)
from dealer_limits.exhibits.data_quality import count_warnings
from dealer_limits.exhibits.definitions import Definitions, load_definitions
from dealer_limits.exhibits.figures import FIGURES
from dealer_limits.exhibits.report import inline_svg
from dealer_limits.provenance import sentence_on
from inference_inputs import files_of, reports_of_another_process, written_reports
from report_inputs import (
    DISTANCES,
    FACTS,
    KEYS,
    NOT_ESTIMATED,
    make_estimates,
    read_printed,
    write_inputs,
)
from report_writing import copy_inputs, write
from workspace import ROOT, contract_columns

PRINTED_NUMBERS = 1034
# whether passed, and severity
RULES = ((True, "warning"), (False, "warning"), (False, "critical"), (False, "warning"))
SUMMARY = ["mean", "sd", "p25", "p50", "p75", "count"]
ROW_NAMES = {"r2": "R²", "pseudo_r2": "Pseudo R²", "nobs": "N"}
SYMBOLS = {0: "", 1: "△▽", 2: "▲▼", 3: ("▲▲", "▼▼")}


class Tables(HTMLParser):
    """Body rows of each table by its section and panel: name, then (classes, symbol, text) of each cell."""

    def __init__(self, page: str):
        super().__init__()
        self.sections: list[str] = []
        self.rows: dict[str, list[tuple[str, list[tuple[str, str, str]]]]] = {}
        self.headers: dict[str, str] = {}
        self.panel, self.place = "", ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "section":
            self.sections.append(given["id"])
            self.count = 0
        elif tag == "table":
            self.panel = f"{self.sections[-1]}/{self.count}"
            self.count += 1
            self.rows[self.panel], self.headers[self.panel] = [], ""
        elif tag in ("thead", "tbody"):
            self.part = tag
        elif tag == "tr" and self.panel and self.part == "tbody":
            self.rows[self.panel].append(("", []))
        elif tag == "td":
            self.rows[self.panel][-1][1].append(("", "", ""))
        elif tag == "span" and self.place == "td":
            self._change(0, given.get("class", ""))
        self.place = tag if tag in ("th", "td", "i", "small") or self.place != "td" or tag != "span" else self.place
        if tag in ("b",):
            self.place = "td"

    def handle_endtag(self, tag):
        if tag in ("i", "small"):
            self.place = "td"
        elif tag in ("td", "th"):
            self.place = ""
        elif tag == "table":
            self.panel = ""

    def handle_data(self, data):
        if not self.panel or not data.strip():
            return
        if self.part == "thead":
            self.headers[self.panel] += f" {data.strip()}"
        elif self.place == "th":
            self.rows[self.panel][-1] = (data.strip(), self.rows[self.panel][-1][1])
        elif self.place == "i":
            self._change(1, data.strip())
        elif self.place == "td":
            self._change(2, data.strip())

    def _change(self, position: int, text: str) -> None:
        cells = self.rows[self.panel][-1][1]
        changed = list(cells[-1])
        changed[position] += text
        cells[-1] = tuple(changed)


@cache
def paper_registry() -> Registry:
    return build_registry(read_specifications(seed_file("specifications")), contract_columns())


@cache
def paper_definitions() -> Definitions:
    return load_definitions(paper_registry())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_reports(tmp_path_factory) / "base"


@pytest.fixture(scope="module")
def report(folder: Path) -> Path:
    """The folder of the report."""
    return folder / "output/report"


@pytest.fixture(scope="module")
def page(report: Path) -> str:
    return (report / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tables(page: str) -> Tables:
    return Tables(page)


def as_printed(text: str) -> str:
    """A displayed number with the characters of the seed."""
    return text.replace("−", "-").replace(",", "").strip("()*")


def find(tables: Tables, table: str, panel: str, column: str, term: str, statistic: str) -> list:
    """The pair of cells, ours and printed, of a printed number."""
    definitions = paper_definitions()
    (definition,) = [each for each in definitions.tables if each.number == table]
    rows = tables.rows[f"table_{table}/{list(definition.panels).index(panel)}"]
    names = [name for name, _ in rows]
    if table == "1":
        row, pair = names.index(definition.variables[term]), SUMMARY.index(statistic)
    else:
        label = definitions.term(table, term) if term else ROW_NAMES[statistic]
        # a standard error is in the row below its coefficient
        row, pair = names.index(label) + (statistic == "se"), int(column) - 1
    return rows[row][1][2 * pair : 2 * pair + 2]


@pytest.fixture(scope="module")
def printed() -> pd.DataFrame:
    everything = read_printed()
    return everything[~everything["statistic"].isin(FACTS)]


def test_every_printed_number_stands_where_the_paper_has_it_with_its_digits(tables: Tables, printed: pd.DataFrame):
    numbers = printed[printed["statistic"] != "stars"]
    assert len(numbers) == PRINTED_NUMBERS
    for row in numbers.itertuples():
        _, (_, _, shown) = find(tables, row.table, row.panel, row.column, row.term, row.statistic)
        assert as_printed(shown) == row.value, row
        assert shown.startswith("(") == (row.statistic == "se"), row


def test_tables_show_no_number_that_is_not_printed(tables: Tables, page: str):
    shown = [
        cell
        for panel, rows in tables.rows.items()
        if panel.startswith("table_")
        for _, cells in rows
        for cell in cells[1::2]
        if re.search(r"\d", cell[2])
    ]
    assert len(shown) == PRINTED_NUMBERS
    assert "<dd>1,034</dd><dt>printed numbers shown</dt>" in page


def test_stars_are_the_printed_ones(tables: Tables, printed: pd.DataFrame):
    for row in printed[printed["statistic"] == "stars"].itertuples():
        _, (_, _, shown) = find(tables, row.table, row.panel, row.column, row.term, "coef")
        assert shown.count("*") == int(row.value), row


def test_differences_are_marked_by_symbol_and_colour_alike(tables: Tables):
    estimates = make_estimates()
    turn = 0
    for row in estimates[estimates["statistic"] == "coef"].itertuples():
        distance = DISTANCES[turn % len(DISTANCES)]
        turn += 1
        (colour, symbol, _), (printed_colour, printed_symbol, _) = find(
            tables, row.table, row.panel, row.column, row.term, "coef"
        )
        band = int(abs(distance))
        expected = SYMBOLS[band] and SYMBOLS[band][0 if distance > 0 else 1]
        assert (colour, symbol) == (f"d{band}" if band else "", expected), row
        assert (printed_colour, printed_symbol) == ("", "")
    assert turn == 262


def test_ours_has_the_decimals_of_the_printed_number(tables: Tables):
    estimates = make_estimates()
    for row in estimates[estimates["statistic"].isin(["coef", "r2", "mean", "nobs"])].itertuples():
        ours, printed = find(tables, row.table, row.panel, row.column, row.term, row.statistic)
        decimals = len(as_printed(printed[2]).partition(".")[2])
        assert as_printed(ours[2]) == f"{row.value:.{decimals}f}"


def test_overview_counts_bands_and_signs(tables: Tables, page: str):
    estimates = make_estimates()
    counts = Counter(
        int(abs(DISTANCES[turn % len(DISTANCES)])) for turn in range(sum(estimates["statistic"] == "coef"))
    )
    rows = [[cell[2] for cell in cells] for _, cells in tables.rows["overview/0"]]
    assert len(rows) == 14
    shown = [sum(int(row[2 + band].replace("·", "0")) for row in rows) for band in range(4)]
    assert shown == [counts[band] for band in range(4)]
    assert "<dd>159 of 173</dd><dt>columns estimated</dt>" in page


def test_columns_without_estimates_say_so_beside_the_printed_numbers(tables: Tables):
    for panel, header in tables.headers.items():
        number = panel.partition("/")[0].removeprefix("table_")
        if panel.startswith("table_"):
            assert ("not estimated" in header) == (number in NOT_ESTIMATED), panel
            assert (" ours" in header) == (number not in NOT_ESTIMATED), panel
    for table in NOT_ESTIMATED:
        for _, cells in tables.rows[f"table_{table}/0"]:
            assert all(cell[2] == "" for cell in cells[::2])


def test_registry_exposures_and_page_have_the_same_exhibits(tables: Tables):
    registry = paper_registry()
    definitions = paper_definitions()
    exposures = yaml.safe_load((ROOT / "models/exposures.yml").read_text(encoding="utf-8"))["exposures"]
    assert [exposure["name"] for exposure in exposures] == list(definitions.exhibits)
    assert ["1", *dict.fromkeys(spec.table for spec in registry.specifications)] == [
        table.number for table in definitions.tables
    ]
    assert {figure.name for figure in FIGURES} <= set(definitions.exhibits)
    assert [name for name in tables.sections if name in definitions.exhibits] == [
        # what has not been estimated here
        name
        for name in definitions.exhibits
        if name not in ("shadow_cost", "limit_events", "reaction", "shadow_cost_over_time")
    ]
    panels = {(spec.table, spec.panel) for spec in registry.specifications}
    assert panels | {("1", "a"), ("1", "b")} == {
        (table.number, letter) for table in definitions.tables for letter in table.panels
    }


def test_exposures_depend_on_what_exhibits_read():
    registry = paper_registry()
    exposures = yaml.safe_load((ROOT / "models/exposures.yml").read_text(encoding="utf-8"))["exposures"]
    depends = {
        exposure["name"]: {re.fullmatch(r"ref\('(\w+)'\)", ref)[1] for ref in exposure["depends_on"]}
        for exposure in exposures
    }
    for table in registry.tables:
        assert depends[f"table_{table}"] == {spec.observations for spec in registry.of_tables([table])}
    for figure in FIGURES:
        assert depends[figure.name] == {figure.mart}


def test_page_needs_nothing_but_itself(page: str, report: Path):
    assert not re.search(r"https?:|\bsrc=|@import|url\((?!#)|xmlns|srcset|<iframe", page)
    links = re.findall(r'href="([^"]*)"', page)
    beside = {link for link in links if not link.startswith(("#", "data:,"))}
    assert len(beside) == 2 * 15 + 2 * (15 - len(NOT_ESTIMATED)) + 3 * len(FIGURES)
    assert all((report / link).is_file() for link in beside)
    identities = re.findall(r'\bid="([^"]*)"', page)
    assert len(identities) == len(set(identities))
    assert {link[1:] for link in links if link.startswith("#") and len(link) > 1} <= set(identities)
    assert len(page.encode()) < 5_000_000


def test_results_of_other_commands_are_shown_where_they_are_there(page: str, tmp_path: Path):
    assert sentence_on("paper") in page
    assert "<dd>777</dd>" in page
    assert 'id="shadow_cost"' not in page
    assert "as with real data" in page
    assert "1,234" in page
    assert "! warning" in page
    write_inputs(tmp_path, tables=("14",))
    (tmp_path / "output/quality/results.json").unlink()
    (tmp_path / "output/shadow_cost.csv").write_text(
        "panel,column,outcome,horizon,reading,usage,shadow_cost,se,unit\n"
        "a,1,pnl_total_to_var,1,over_var,0.4,0.10912,0.018,per dollar of VaR\n"
        "a,1,pnl_total_to_var,1,over_limit,,0.2,0.02,per dollar of VaR limit\n"
        "b,1,pnl_total_to_var,5,over_var,0.4,0.3,0.03,per dollar of VaR\n"
        "b,1,pnl_total_to_var,5,over_limit,,0.4,0.04,per dollar of VaR limit\n",
        encoding="utf-8",
    )
    write_extensions(tmp_path / "output")
    (tmp_path / "output/match_quality.csv").write_text(
        "matching_rule,match_kind,statistic,value\n"
        "paper,none,awards,3\npaper,all,awards,9\npaper,all,precision,0.875\n"
        "paper,all,dealer_days_both,5\npaper,all,dealer_days_true_only,1\n"
        "paper,all,dealer_days_matched_only,0\n",
        encoding="utf-8",
    )
    (tmp_path / "no_run_results.json").write_text(
        '{"args": {"which": "build"}, "elapsed_time": 61.4, "results": [1, 2]}', encoding="utf-8"
    )
    # a world that an earlier version wrote
    world = tmp_path / "truth/world.json"
    record = world.read_bytes()
    world.unlink()
    other = write(tmp_path).read_text(encoding="utf-8")
    assert "as with real data" not in other
    assert sentence_on("paper") in other
    assert "<dd>not recorded</dd>" in other
    shown = Tables(other)
    assert [(name, *(cell[2] for cell in cells)) for name, cells in shown.rows["shadow_cost/0"]] == [
        ("β / U at usage 0.40", "0.109", "0.300"),
        ("", "(0.018)", "(0.030)"),
        ("ȳ + β", "0.200", "0.400"),
        ("", "(0.020)", "(0.040)"),
    ]
    assert "Not estimated, (a): 3 events of 2 firms on day -20, at least 10 of 5 are needed." in other
    assert "limit_events/0" not in shown.rows
    assert not (tmp_path / "output/report/figures/limit_events.svg").exists()
    assert [name for name, _ in shown.rows["shadow_cost_over_time/0"]] == ["March", "2020-Q1"]
    assert (tmp_path / "output/report/figures/shadow_cost_over_time.svg").exists()
    assert [name for name, _ in shown.rows["match_quality/1"]] == ["none", "all"]
    assert shown.rows["match_quality/1"][1][1][1][2] == "0.875"
    assert "Not checked yet" in other
    assert "<dd>61 s</dd>" in other
    # what an earlier pseudo world left says nothing about own data
    world.write_bytes(record)
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        connection.execute("update about.build set world = 'real'")
    own = write(tmp_path).read_text(encoding="utf-8")
    assert "Own data." in own
    assert "<dd>777</dd>" not in own
    assert "as with real data" in own


def write_extensions(output: Path) -> None:
    """Limit events that are too few, and a shadow cost of one quarter and of March."""
    few = {"panel": "a", "column": "1", "outcome": "net_securities_position", "kind": "not_estimated"}
    few["text"] = "3 events of 2 firms on day -20, at least 10 of 5 are needed"
    pd.DataFrame([few]).reindex(columns=list(limit_events.COLUMNS)).to_csv(output / "limit_events.csv", index=False)
    period = {"first_day": "2020-03-02", "last_day": "2020-03-31", "average_move": 127.0, "shadow_cost": 0.2, "se": 0.1}
    period |= {"ci_low": 0.0, "ci_high": 0.4, "relief_pct": -9.1, "text": ""}
    periods = [
        period | {"period_kind": kind, "period": name} for kind, name in (("quarter", "2020-Q1"), ("state", "march"))
    ]
    columns = list(shadow_cost_over_time.COLUMNS)
    pd.DataFrame(periods).reindex(columns=columns).to_csv(output / "shadow_cost_over_time.csv", index=False)


def test_same_inputs_same_bytes_in_another_process(report: Path, tmp_path_factory: pytest.TempPathFactory):
    again = reports_of_another_process(tmp_path_factory) / "base/output/report"
    assert files_of(report)
    assert files_of(again) == files_of(report)


def test_csv_of_a_table_is_the_table_as_shown(report: Path):
    with (report / "tables/table_2.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    cells = {(row["panel"], row["row"], row["statistic"]): row["(1) printed"] for row in rows}
    assert cells["a", "log(Limit Usage)", "value"] == "-0.046***"
    assert cells["a", "log(Limit Usage)", "standard error"] == "(0.017)"
    assert cells["b", "N", "value"] == "12,045"
    assert cells["b", "Desk FE", "value"] == "Yes"


def test_tables_of_ours_alone_have_our_numbers_and_no_printed_ones(report: Path, page: str):
    assert not (report / "tables/table_8_ours.csv").exists()
    values = make_estimates().set_index(KEYS)["value"]
    with (report / "tables/table_2_ours.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [name for name in rows[0] if name.startswith("(")] == [f"({column}) ours" for column in range(1, 7)]
    shown = {(row["panel"], row["row"], row["statistic"]): row["(2) ours"] for row in rows}
    assert (
        shown["a", "log(Limit Usage)", "value"].strip("*") == f"{values['2', 'a', '2', 'log_limit_usage', 'coef']:.3f}"
    )
    latex = (report / "tables/table_2_ours.tex").read_text(encoding="utf-8")
    assert "printed" not in latex
    assert 'href="tables/table_2_ours.tex"' in page


def test_data_of_figures_lie_beside_them_and_are_linked(report: Path, page: str):
    for figure in FIGURES:
        data = pd.read_csv(report / f"figures/{figure.name}.csv")
        assert list(data["pseudo_data"].unique()) == [sentence_on("paper")]
        assert f'href="figures/{figure.name}.csv"' in page


def test_distance_is_text_of_a_cell_that_can_be_focused(page: str):
    cells = re.findall(r'<span( class="d\d")? tabindex="0">(.*?)</span>', page)
    distances = [re.fullmatch(r".*<small> ([+−]\d+\.\d) se</small>", content)[1] for _, content in cells]
    assert len(distances) == 262
    assert Counter(distances) == Counter(
        f"{DISTANCES[turn % len(DISTANCES)]:+.1f}".replace("-", "−") for turn in range(262)
    )
    assert not re.search(r'title="[^"]* se"', page)


def test_warnings_are_counted_beside_the_verdict(page: str, tmp_path: Path):
    tile = '<dd class="warn">! 1</dd><dt><a href="#data_quality">data quality</a>, warning: 1 of rules, 0 of gates</dt>'
    assert tile in page
    assert "1 of those that only warn is</strong>" in page
    checks = {"suites": [{"rules": [{"passed": passed, "severity": kind}]} for passed, kind in RULES]}
    gates = pd.DataFrame({"warnings": [2, 1_200]})
    counted = count_warnings(checks, gates)
    assert (counted.rules, counted.gates, counted.total) == (2, 1_202, 1_204)
    assert counted.sentence == "2 of rules, 1,202 of gates"
    assert count_warnings(None, None).total == 0
    write_inputs(tmp_path, tables=("2",))
    (tmp_path / "output/quality/results.json").unlink()
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        connection.execute(
            """
            create table quality.qc_gates as
            from (values ('late', 'warning', 0.3), ('late', 'warning', 0.2), ('early', 'ok', 0.1))
                as gates (gate, verdict, measured);
            create table seeds.gates as
            from (values ('late', 'share of late rows', 'at most', 0.1), ('early', 'share', 'at most', 0.2))
                as gates (gate, measures, expected, warns_beyond)
            """
        )
    (tmp_path / "output/docs").mkdir()
    (tmp_path / "output/docs/index.html").write_text("docs")
    other = write(tmp_path).read_text(encoding="utf-8")
    assert '<dd class="warn">! 2</dd>' in other
    assert "warnings: 0 of rules, 2 of gates" in other
    # documentation is linked where it is
    assert 'href="../docs/index.html"' in other
    assert "../docs" not in page


def test_latex_has_booktabs_rules_and_every_printed_coefficient(report: Path, printed: pd.DataFrame):
    for table, rows in printed[printed["statistic"] == "coef"].groupby("table"):
        text = (report / f"tables/table_{table}.tex").read_text(encoding="utf-8")
        assert all(rule in text for rule in ("\\toprule", "\\midrule", "\\bottomrule"))
        assert "|" not in text.partition("\\footnotesize")[0]
        shown = Counter(re.findall(r"-?\d\.\d{3}", text.replace("$-$", "-")))
        assert not Counter(rows["value"]) - shown


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
def test_latex_of_every_table_typesets(report: Path, tmp_path: Path):
    inputs = "\n".join(f"\\input{{{file}}}\\clearpage" for file in sorted(report.glob("tables/*.tex")))
    (tmp_path / "all.tex").write_text(
        "\\documentclass{article}\\usepackage[landscape,margin=1cm]{geometry}"
        "\\usepackage{booktabs,caption,amsmath}\\begin{document}\n" + inputs + "\n\\end{document}\n",
        encoding="utf-8",
    )
    finished = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
    )
    assert finished.returncode == 0, finished.stdout[-2000:]
    assert "Missing character" not in finished.stdout
    assert "Overfull \\hbox" not in finished.stdout


def test_inline_svg_keeps_names_apart_and_drops_what_a_page_does_not_need():
    svg = (
        '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "x" "http://www.w3.org/x">\n'
        '<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="5pt" height="4pt" viewBox="0 0 5 4" '
        'xmlns="http://www.w3.org/2000/svg" version="1.1"><metadata>http://purl.org</metadata>'
        '<g id="a" clip-path="url(#c)"><use xlink:href="#b"/></g></svg>'
    )
    assert inline_svg(svg, "figure_9", "A & B") == (
        '<svg role="img" aria-label="A &amp; B" viewBox="0 0 5 4" version="1.1">'
        '<g id="figure_9-a" clip-path="url(#figure_9-c)"><use href="#figure_9-b"/></g></svg>'
    )


def test_missing_estimates_and_broken_records_are_said_in_one_line(folder: Path, tmp_path: Path):
    copy_inputs(folder, tmp_path)
    (tmp_path / "truth/world.json").write_text("{", encoding="utf-8")
    with pytest.raises(DealerLimitsError, match=r"world\.json is not JSON") as caught:
        write(tmp_path)
    assert "\n" not in str(caught.value)
    (tmp_path / "output/estimates.parquet").unlink()
    with pytest.raises(DealerLimitsError, match=r"no .*estimates\.parquet: run `dealer-limits estimate`"):
        write(tmp_path)


MEASURE = """(() => {
  document.querySelectorAll("details").forEach(element => element.open = true);
  const root = document.documentElement;
  const overflow = root.scrollWidth - root.clientWidth;
  const boxes = [...document.querySelectorAll(".scroll")];
  const scrolling = boxes.filter(box => box.scrollWidth > box.clientWidth);
  return `width ${innerWidth}, overflow ${overflow}, some scroll ${scrolling.length > 0}`;
})()"""
WIDTHS = (390, 1440)
# what the keyboard, a finger and paper show, as an expression
REACH = """(() => {
  const said = [];
  const shown = element => {
    const box = element.getBoundingClientRect();
    return getComputedStyle(element).clipPath === "none" && box.width > 20 && box.height > 8;
  };
  const first = document.querySelector("a, input, [tabindex]");
  first.focus();
  said.push(`${first.textContent} ${first.getBoundingClientRect().top >= 0}`);
  said.push(document.querySelector(first.hash).tabIndex);
  const stops = table => table.querySelectorAll('td > span[tabindex="0"]').length;
  const tables = [...document.querySelectorAll(".estimates table:has(td > span[tabindex])")];
  said.push(tables.every(table => stops(table) === 1));
  const press = key => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const stop = document.querySelector('#table_2 td > span[tabindex="0"]');
  said.push(shown(stop.querySelector("small")));
  stop.focus();
  const tip = cell => `${cell.querySelector("small").innerText.trim()} ${shown(cell.querySelector("small"))}`;
  said.push(tip(stop));
  press("ArrowRight");
  const next = document.activeElement;
  said.push(`${tip(next)} ${next.tabIndex} ${stop.tabIndex}`);
  press("ArrowLeft");
  said.push(document.activeElement === stop);
  const details = [...document.querySelectorAll("main details")];
  const open = () => details.filter(each => each.open).length;
  const before = open();
  dispatchEvent(new Event("beforeprint"));
  said.push(`${before} ${open() === details.length}`);
  dispatchEvent(new Event("afterprint"));
  said.push(open());
  const all = selector => [...document.querySelectorAll(selector)];
  const cells = () => all("#table_2 tbody td").filter(cell => cell.innerText.trim()).length;
  const marks = () => all("#table_2 td i").filter(mark => mark.getClientRects().length).length;
  const width = () => document.querySelector("#table_2 table").scrollWidth;
  const both = [cells(), marks(), width()];
  document.getElementById("alone").checked = true;
  said.push(`${cells() * 2 === both[0]} ${both[1] > 0} ${marks()} ${width() < 0.75 * both[2]}`);
  return said.join("\\n");
})()"""
REACHED = (
    "Skip to the exhibits true",
    "-1",
    "true",
    # hidden until it is focused
    "false",
    "+0.4 se true",
    "−1.5 se true 0 -1",
    "true",
    "0 true",
    "0",
    "true true 0 true",
)
# words, whether only rows with a coefficient far from the printed one, what is left of the page
SEARCHES = (
    # Tables 4 and 5 have the interaction; of its rows, coefficient and error stay
    ("× lagged slr", False, "table_4 table_5: 12 rows"),
    ("figure 3", False, "figure_3: 0 rows"),
    ("nowhere to be found", False, ": 0 rows"),
    # of Table 6 the coefficient and its error, which is far in some columns, not R² and N
    ("table 6", True, "table_6: 2 rows"),
    ("Table 1 VaR limit", False, "table_1: 1 rows"),
)


def search(words: str, far: bool) -> str:
    """What is left of the page, as an expression."""
    return f"""(() => {{
      const field = document.getElementById("search"), far = document.getElementById("far");
      field.value = {words!r};
      far.checked = {str(far).lower()};
      field.dispatchEvent(new Event("input"));
      const shown = [...document.querySelectorAll("section.exhibit:not([hidden])")];
      const visible = ".panel:not([hidden]) tbody tr:not([hidden])";
      const rows = shown.flatMap(section => [...section.querySelectorAll(visible)]);
      return `${{shown.map(section => section.id).join(" ")}}: ${{rows.length}} rows`;
    }})()"""


def count_pages(page: str, folder: Path) -> int:
    """How many sheets a page takes."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
            *(f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={folder / 'page.pdf'}"),
            (folder / "page.html").as_uri(),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    return len(re.findall(rb"/Type /Page\b", (folder / "page.pdf").read_bytes()))


@pytest.fixture(scope="module")
def look(page: str, tmp_path_factory: pytest.TempPathFactory) -> Look:
    """The page in windows of WIDTHS, then in one in which the SEARCHES follow each other."""
    searches = f"[{', '.join(search(words, far) for words, far, _ in SEARCHES)}].join('\\n')"
    scripts = [*((width, MEASURE) for width in WIDTHS), (390, REACH), (1440, searches)]
    return look_at(page, scripts, tmp_path_factory.mktemp("browser"))


@pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
@pytest.mark.parametrize("width", WIDTHS)
def test_page_fits_a_window_of(width: int, look: Look):
    """Wide tables scroll in their own containers, also with every detail open."""
    assert look.posted[WIDTHS.index(width)] == f"width {width}, overflow 0, some scroll true"
    assert look.console == ()
    assert look.picture.stat().st_size > 10_000


@pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
def test_keyboard_finger_and_paper_reach_what_is_hidden(look: Look):
    assert tuple(look.posted[len(WIDTHS)].split("\n")) == REACHED


@pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
def test_paper_has_what_is_folded_on_the_screen(page: str, tmp_path: Path):
    """By the rule for print as by the script, which browsers need that do not know the rule."""
    rule = "details::details-content { content-visibility: visible; block-size: auto; }"
    script = 'addEventListener("beforeprint"'
    assert page.count(rule) == page.count(script) == 1
    without_rule, without_script = page.replace(rule, ""), page.replace(script, 'addEventListener("never"')
    folded = without_rule.replace(script, 'addEventListener("never"')
    pages = [count_pages(each, tmp_path) for each in (without_rule, without_script, folded)]
    assert pages[0] == pages[1] > pages[2]


@pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
@pytest.mark.parametrize("turn", range(len(SEARCHES)), ids=[words for words, _, _ in SEARCHES])
def test_search_leaves_matching_exhibits_and_rows(turn: int, look: Look):
    assert look.posted[-1].split("\n")[turn] == SEARCHES[turn][-1]
    assert look.console == ()
