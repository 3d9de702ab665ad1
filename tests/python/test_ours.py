"""Tables of ours alone: what is estimated stands in Word, LaTeX and the plot, and nothing that is printed."""

from __future__ import annotations

import io
from pathlib import Path

import docx
import pandas as pd
import pytest
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import run_estimates
from dealer_limits.exhibits.ours import write_tables
from estimate_warehouse import make_world, write_warehouse

OWN = """table,panel,column,observations,sample,horizon,dependent,regressors,absorb
16,a,1,obs_desk_horizon,is_prime_treasury_desk,5,d_log_net_position,log_limit_usage,desk_id;business_date
16,a,2,obs_desk_horizon,is_prime_treasury_desk,10,d_log_net_position,log_limit_usage;limit_usage_std,desk_id
16,b,1,obs_dealer_day,,,log_customer_buys_total,log_limit_usage_lag,
"""
QUANTILES = """table,column,observations,dependent,regressors,estimator
17,1,obs_dealer_day,log_customer_buys_total,log_limit_usage_lag,ols
17,2,obs_dealer_day,log_customer_buys_total,log_limit_usage_lag,quantile:0.5
"""
LABELS = """tables:
  16: {title: Usage & control, notes: ["Costs $5 of 100%."], panels: {a: Desks, b: Dealers}}
labels: {limit_usage_std: Usage (z)}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ours")
    write_warehouse(folder / "w.duckdb", make_world(days=40))
    (folder / "my.csv").write_text(OWN, encoding="utf-8")
    (folder / "my.yml").write_text(LABELS, encoding="utf-8")
    quiet = Console(file=io.StringIO())
    for output in ("one", "two"):
        run_estimates(
            folder / "w.duckdb", folder / output, ["2", "16"], quiet, Bootstrap(draws=2), own=folder / "my.csv"
        )
        write_tables(folder / "w.duckdb", folder / output, None, quiet)
    return folder


def cells(folder: Path) -> list[list[str]]:
    document = docx.Document(str(folder / "one/tables/table_16.docx"))
    return [[cell.text for cell in row.cells] for table in document.tables for row in table.rows]


def test_own_tables_are_written_where_none_is_asked_for(folder: Path):
    kinds = (".docx", ".tex", "_coefficients.png", "_coefficients.svg")
    assert {path.name for path in (folder / "one/tables").iterdir()} == {f"table_16{kind}" for kind in kinds}


def test_word_and_latex_have_every_coefficient_of_all_panels(folder: Path):
    estimates = pd.read_parquet(folder / "one/estimates.parquet")
    ours = estimates[(estimates["table"] == "16") & (estimates["statistic"] == "coef")]
    word = [text.rstrip("*") for row in cells(folder) for text in row]
    latex = (folder / "one/tables/table_16.tex").read_text(encoding="utf-8")
    assert len(ours) == 4
    for value in ours["value"]:
        assert f"{value:.3f}".replace("-", "−") in word
        assert f"{value:.3f}".replace("-", "$-$") in latex
    assert any("Usage (z)" in row for row in cells(folder))


def test_latex_escapes_what_labels_and_notes_hold(folder: Path):
    latex = (folder / "one/tables/table_16.tex").read_text(encoding="utf-8")
    assert "Usage \\& control (a) Desks" in latex
    assert "Costs \\$5 of 100\\%." in latex
    assert latex.count("\\begin{table}") == latex.count("\\end{table}") == 2


def test_plot_has_a_row_per_column_and_names_its_term(folder: Path):
    drawn = (folder / "one/tables/table_16_coefficients.svg").read_text(encoding="utf-8")
    for text in ("(a) 1 Net positions, h = 5", "(a) 2 Net positions, h = 10", "(b) 1 Total", "Usage (z)"):
        assert text in drawn


def test_same_estimates_give_the_same_bytes(folder: Path):
    for path in (folder / "one/tables").iterdir():
        assert path.read_bytes() == (folder / "two/tables" / path.name).read_bytes(), path.name


def test_table_of_the_paper_is_written_where_it_is_asked_for(folder: Path):
    files = write_tables(folder / "w.duckdb", folder / "two", ["2"], Console(file=io.StringIO()))
    assert [path.name for path in files][:2] == ["table_2.docx", "table_2.tex"]
    # no printed number
    assert "12,045" not in files[1].read_text(encoding="utf-8")


def test_table_that_is_not_estimated_is_said(folder: Path):
    with pytest.raises(DealerLimitsError, match="Table 3 is not among the estimates"):
        write_tables(folder / "w.duckdb", folder / "one", ["3"], Console(file=io.StringIO()))
    with pytest.raises(DealerLimitsError, match="run `dealer-limits estimate` first"):
        write_tables(folder / "w.duckdb", folder / "nowhere", None, Console(file=io.StringIO()))


def test_columns_that_differ_in_nothing_but_their_quantile_are_headed_by_it(folder: Path, tmp_path: Path):
    (tmp_path / "my.csv").write_text(QUANTILES, encoding="utf-8")
    (tmp_path / "my.yml").write_text("tables: {17: {label: estimator}}\n", encoding="utf-8")
    quiet = Console(file=io.StringIO())
    run_estimates(folder / "w.duckdb", tmp_path, ["17"], quiet, Bootstrap(draws=2), own=tmp_path / "my.csv")
    write_tables(folder / "w.duckdb", tmp_path, None, quiet)
    assert "(1) OLS & (2) 50th" in (tmp_path / "tables/table_17.tex").read_text(encoding="utf-8")
