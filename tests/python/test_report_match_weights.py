"""What the report shows of the weights of the match, and when it does not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from dealer_limits.matching.drawing import draw_figure_5, draw_weights
from report_inputs import make_estimates, write_inputs
from report_writing import copy_inputs, write

SENTENCE = "Pseudo data, world paper"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inputs of a report on Table 12, with what `dealer-limits match-weights` leaves beside its estimates."""
    folder = tmp_path_factory.mktemp("report")
    write_inputs(folder, ("12",))
    output = folder / "output"
    shares = {f"from_{percent}_pct": [90.0, 95.0, 92.5] for percent in (50, 80, 95, 99)}
    distribution = pd.DataFrame(
        {"match_kind": ["by_price", "equal", "all"], "awards": [40, 60, 100], "most_likely_weight": [0.9, 0.99, 0.95],
         "none_weight": [0.05, 0.0, 0.02], "same_kind_pct": [50.0, 99.0, 80.0], **shares}
    )  # fmt: skip
    reliability = pd.DataFrame(
        [
            (of, low, low + 0.5, 50, low + 0.25, right, 0.06)
            for of in ("sets", "trades")
            for low, right in ((0, 0.2), (0.5, 0.8))
        ],
        columns=["of", "low", "high", "count", "mean_weight", "share_right", "se"],
    )
    measures = {f"{which}_{measure}": [0.4567, 0.9, 0.8] for which in ("rule", "most_likely", "weighted")
                for measure in ("precision", "recall")}  # fmt: skip
    precision = pd.DataFrame({"match_kind": ["by_price", "equal", "all"], "awards": [40, 60, 100], **measures})
    for name, rows in (("weights", distribution), ("reliability", reliability), ("precision", precision)):
        rows.to_csv(output / f"match_{name}.csv", index=False)
    wide = make_estimates().query("table == '12'").pivot(
        index=["table", "panel", "column", "term"], columns="statistic", values="value"
    )  # fmt: skip
    imputed = wide.dropna(subset=["coef", "se"])[["coef", "se"]].reset_index()
    imputed = imputed.assign(imputed_coef=0.1234, imputed_se=0.0456, imputed_p=0.007, df=30.0, missing=0.215, draws=20)
    imputed.to_parquet(output / "imputed.parquet", index=False)
    days = pd.date_range("2020-03-16", periods=3).append(pd.date_range("2020-03-16", periods=3))
    bands = pd.DataFrame({"usage_group": ["high"] * 3 + ["low"] * 3, "business_date": days})
    for measure in ("cumulative_soma_sales_usd_bn", "mean_soma_fraction"):
        for place, end in enumerate(("low", "matched", "mean", "high")):
            bands[f"{measure}_{end}"] = 0.1 + 0.1 * place
    draw_weights(distribution, reliability, output / "figures", SENTENCE)
    draw_figure_5(bands, output / "figures", SENTENCE)
    return folder


def test_page_has_weights_with_and_without_truth_and_estimates_on_draws(inputs: Path) -> None:
    page = write(inputs).read_text()

    assert "The match is drawn 20 times from its weights" in page
    # the rule's precision by price, a difference of the reliability in points, and a coefficient on draws
    for text in ("0.457", "+5.0", "0.123 (0.046)", "21.5"):
        assert text in page, text
    assert page.count("Against the truth of this pseudo world") == 1
    for name in ("match_weights", "figure_5_imputed"):
        for kind in ("svg", "png"):
            assert (inputs / f"output/report/figures/{name}.{kind}").is_file()
        assert SENTENCE in (inputs / f"output/report/figures/{name}.svg").read_text()


def test_weights_of_other_estimates_are_not_shown(inputs: Path, tmp_path: Path) -> None:
    copy_inputs(inputs, tmp_path)
    imputed = pd.read_parquet(tmp_path / "output/imputed.parquet")
    imputed.assign(coef=imputed["coef"] + 1).to_parquet(tmp_path / "output/imputed.parquet", index=False)

    page = write(tmp_path).read_text()

    assert "<code>imputed.parquet</code> belongs to other estimates" in page
    assert "The match is drawn" not in page
