"""`dealer-limits match-weights`: weights for the match, drawn from and carried into Tables 11 to 13 and Figure 5."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from rich.console import Console

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.display import new_table
from dealer_limits.estimation.mart import change_marts, set_beside
from dealer_limits.estimation.rules import KEY
from dealer_limits.estimation.threads import one_blas_thread
from dealer_limits.exhibits.result_files import (
    IMPUTED,
    IMPUTED_FIGURE_5,
    MATCH_PRECISION,
    MATCH_RELIABILITY,
    MATCH_WEIGHTS,
)
from dealer_limits.matching.comparisons import Comparisons, read_comparisons
from dealer_limits.matching.drawing import FIGURE_5, WEIGHTS, draw_figure_5, draw_weights
from dealer_limits.matching.imputation import draws
from dealer_limits.matching.imputed_estimates import estimate_draws
from dealer_limits.matching.judgement import precision_and_recall, reliability, true_legs, true_sets
from dealer_limits.matching.marts import CANDIDATES, most_likely, names_of_kinds, write_marts
from dealer_limits.matching.weights import Weights, learn
from dealer_limits.provenance import marked, sentence_of
from dealer_limits.variables import built_with
from dealer_limits.warehouse import identity, open_build_of, open_warehouse

# the files that it writes
DISTRIBUTION, RELIABILITY, PRECISION = MATCH_WEIGHTS.name, MATCH_RELIABILITY.name, MATCH_PRECISION.name
DRAWINGS = tuple(f"figures/{name}.{kind}" for name in (WEIGHTS, FIGURE_5) for kind in ("svg", "png"))
FILES = (IMPUTED.name, IMPUTED_FIGURE_5.name, DISTRIBUTION, RELIABILITY, PRECISION, *DRAWINGS)
SHARES = (0.5, 0.8, 0.95, 0.99)
_SHOWN = (("11", "a", "6"), ("11", "b", "6"), ("12", "", "3"), ("13", "", "6"))


@one_blas_thread()
def run_match_weights(warehouse: Path, output: Path, count: int, seed: int, console: Console) -> None:
    """Weigh the sets of trades that may have filled each award, and estimate on draws of the match from these weights.

    Puts `marts.fct_soma_award_candidate`, its legs and `marts.fct_match_comparison` into the warehouse and, where
    columns have been estimated, what `count` draws give beside them. Writes to the folder `output`: `imputed.parquet`
    and `figure_5_imputed.parquet` (see `estimate_draws`), `match_weights.csv`, how sure the match is by its kind, and
    with the truth of a pseudo world `match_reliability.csv` and `match_precision.csv`, drawn in
    `figures`. The same warehouse and seed give
    the same bytes.

    Raises DealerLimitsError where the warehouse or the file of its build is missing, or that is of an earlier version.
    """
    seen = identity(warehouse)
    output.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (output / name).unlink(missing_ok=True)
    with open_warehouse(warehouse) as connection:
        sentence, variables = sentence_of(connection), built_with(connection)
    with open_build_of(warehouse) as build:
        if build is None:
            raise DealerLimitsError(
                f"the build that {warehouse} is of is not beside it: run `dealer-limits build --full` first"
            )
        try:
            comparisons = read_comparisons(build)
        except duckdb.CatalogException as error:
            raise DealerLimitsError(f"{warehouse}: {str(error).splitlines()[0]}") from error
        if comparisons.sets.empty:
            console.print("no award has a trade that may have filled it: there is nothing to weigh", highlight=False)
            return
        learned = learn(comparisons)
        weights = learned.weights
        found = {DISTRIBUTION: distribution(comparisons, weights)}
        rule, legs = str(variables["matching_rule"]), None
        if (truth := true_sets(build, comparisons)) is not None:
            right, filled = truth
            found[RELIABILITY] = reliability(comparisons, weights, right, filled)
            found[PRECISION] = precision_and_recall(build, comparisons, weights, filled, rule)
            legs = true_legs(build, rule)
    build_file = warehouse.resolve().parent / "build" / warehouse.resolve().name
    drawn = draws(comparisons, learned, count, seed)
    imputed, bands = estimate_draws(build_file, variables, comparisons, drawn, count, console, legs)
    imputed.to_parquet(output / IMPUTED.name, index=False)
    bands.to_parquet(output / IMPUTED_FIGURE_5.name, index=False)
    draw_weights(found[DISTRIBUTION], found.get(RELIABILITY), output / "figures", sentence)
    draw_figure_5(bands, output / "figures", sentence)
    for name, rows in found.items():
        marked(rows, sentence).to_csv(output / name, index=False, float_format="%.10g", lineterminator="\n")

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        write_marts(connection, comparisons, learned)
        set_beside(connection, output)

    change_marts(warehouse, seen, write, console, CANDIDATES)
    for name, rows in found.items():
        _show(console, name, rows)
    _show_imputed(console, imputed, count, seed)


def distribution(comparisons: Comparisons, weights: Weights) -> pd.DataFrame:
    """How sure the match is, by the kind of match of the rule, and of all: awards, mean weights of the likeliest and of
    none, how often the likeliest is of the rule's kind, how many awards have one at least so likely, in percent.

    Needs no truth. Columns match_kind, awards, most_likely_weight, none_weight, same_kind_pct, from_50_pct and on.
    """
    awards, sets = comparisons.awards, comparisons.sets
    best, is_none = most_likely(comparisons, weights)
    largest = np.where(is_none, weights.none, weights.sets[best] if len(sets) else 0)
    kinds = np.where(is_none, "none", names_of_kinds(comparisons)[1][best] if len(sets) else "none")
    rows = []
    for kind in (*sorted(awards["match_kind"].unique()), "all"):
        here = np.ones(len(awards), bool) if kind == "all" else (awards["match_kind"] == kind).to_numpy()
        rows.append(
            {
                "match_kind": kind,
                "awards": int(here.sum()),
                "most_likely_weight": largest[here].mean(),
                "none_weight": weights.none[here].mean(),
                "same_kind_pct": 100 * (kinds == awards["match_kind"])[here].mean(),
                **{f"from_{100 * share:.0f}_pct": 100 * (largest[here] >= share).mean() for share in SHARES},
            }
        )
    return pd.DataFrame(rows)


_TITLES = {
    DISTRIBUTION: "How sure the match is, by the rule's kind",
    RELIABILITY: "How often what has a weight is right",
    PRECISION: "Precision and recall by par: the rule, the likeliest set, all sets by their weights",
}


def _show(console: Console, name: str, rows: pd.DataFrame) -> None:
    first, *others = rows.columns
    table = new_table(_TITLES[name], first.replace("_", " "), [other.replace("_", " ") for other in others])
    for row in rows.itertuples(index=False):
        cells = (f"{cell:,}" if isinstance(cell, int) else f"{cell:.3f}" for cell in row[1:])
        table.add_row(str(row[0]).replace("_", " "), *cells)
    console.print(table, "")


def _show_imputed(console: Console, imputed: pd.DataFrame, count: int, seed: int) -> None:
    headings = ["matched", "(se)", "imputed", "(se)", "missing information, %"]
    has_truth = "true_coef" in imputed
    headings += ["true match", "(se)"] if has_truth else []
    table = new_table(f"On {count} draws of the match, seed {seed}", "Table, column: term", headings)
    for row in imputed.itertuples():
        if (row.table, row.panel, row.column) in _SHOWN:
            label = f"{row.table}{f'({row.panel})' if row.panel else ''}, {row.column}: {row.term.replace('_', ' ')}"
            values = [f"{value:.3f}" for value in (row.coef, row.se, row.imputed_coef, row.imputed_se)]
            true = [f"{row.true_coef:.3f}", f"{row.true_se:.3f}"] if has_truth else []
            table.add_row(label, *values, f"{100 * row.missing:.1f}", *true)
    console.print(table)
    console.print(f"all of Tables 11 to 13: {IMPUTED.name}, {', '.join(KEY)}", highlight=False)
