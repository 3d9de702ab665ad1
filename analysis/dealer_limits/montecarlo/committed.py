"""The committed Monte Carlo: `seeds/montecarlo.csv` and `seeds/montecarlo_figures.csv` to query, `docs/montecarlo.md`
to read."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.known_worlds import value_over_effect
from dealer_limits.montecarlo.panel_regressions import HEADLINE_TABLES, panel_specifications
from dealer_limits.montecarlo.repeat_trades import pooled_reliability
from dealer_limits.montecarlo.whole_worlds import POOLED_TABLES
from dealer_limits.project import DOCS, SEEDS
from dealer_limits.pseudo.parameters import WORLDS

# the share of null worlds in which a corrected specification may reject at 5%
SIZE_RANGE = (0.02, 0.09)
KEYS = ["table", "panel", "column"]


def publish_montecarlo(output: Path, seeds: Path = SEEDS, docs: Path = DOCS) -> None:
    """Put the three worlds of `output`, desk panel and trade tables, into one seed and one page, and what figures are
    told by into another seed.

    Raises DealerLimitsError where a world was not run.
    """
    frames, facts, figures, judged = [], [], [], []
    for world in WORLDS:
        for part, option in (("", ""), ("trades_", "--trades ")):
            table = output / f"montecarlo_{part}{world}.csv"
            if not table.exists():
                raise DealerLimitsError(f"{table} is missing: run `dealer-limits montecarlo {option}--world {world}`")
            frames.append(read_montecarlo(table))
            facts.append(json.loads(table.with_suffix(".json").read_text(encoding="utf-8")))
        # written with the trade tables, as what follows
        figures.append((output / f"montecarlo_figures_{world}.csv").read_text(encoding="utf-8").splitlines())
        judged.append(
            [read_montecarlo(output / f"montecarlo_{part}_{world}.csv") for part in ("reliability", "precision")]
        )
    every = pd.concat(frames, ignore_index=True)
    every.to_csv(seeds / "montecarlo.csv", index=False, float_format="%.6g", lineterminator="\n")
    rows = [figures[0][0], *(row for own in figures for row in own[1:])]
    (seeds / "montecarlo_figures.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    reliability, precision = (pd.concat(part, ignore_index=True) for part in zip(*judged, strict=True))
    text = page(every, facts, seeds) + "\n".join(["", *_weight_lines(reliability, precision)]) + "\n"
    (docs / "montecarlo.md").write_text(text, encoding="utf-8")


def read_montecarlo(table: Path) -> pd.DataFrame:
    """A table as it was written: keys, world and horizon are text, what is empty among numbers is nan."""
    texts = ("world", *KEYS, "dependent", "horizon", "term", "recommended", "of", "match_kind")
    frame = pd.read_csv(table, dtype=dict.fromkeys(texts, str), keep_default_na=False)
    numbers = frame.columns.difference(texts, sort=False)
    return frame.assign(**{name: pd.to_numeric(frame[name]) for name in numbers})


def page(every: pd.DataFrame, facts: list[dict], seeds: Path) -> str:
    """The page, Markdown."""
    tested = {spec.key: spec for spec in panel_specifications("diagnostics")}
    printed = every[every["table"].isin(HEADLINE_TABLES)]
    rows = every[[(*key,) in tested for key in every[KEYS].itertuples(index=False)]].copy()
    keys = [tuple(key) for key in rows[KEYS].to_numpy()]
    rows["tested"] = [tested[key].tested_term for key in keys]
    rows["is_corrected"] = [tested[key].is_corrected for key in keys]
    rows = rows[rows["term"] == rows["tested"]]
    lines = [
        "# Monte Carlo",
        "",
        "Written by `make montecarlo`. Every number is in `seeds/montecarlo.csv` (`seeds.montecarlo` in the",
        "warehouse); what they mean is in [pseudo_world.md](pseudo_world.md).",
        "",
        "| world | worlds | seeds | histories of the population values | version | parameters | processor seconds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for fact in facts:
        # whole worlds are pooled themselves
        histories = _seeds(fact["first_history"], fact["histories"]) if "histories" in fact else "the same"
        lines.append(
            f"| `{fact['world']}` | {fact['reps']}{'' if 'histories' in fact else ', whole'} "
            f"| {_seeds(fact['first_seed'], fact['reps'])} | {histories} | {fact['version']} "
            f"| `{fact['parameters']}` | {fact['processor_seconds']} |"
        )
    lines += ["", "## The paper's regressions, with their robust errors", ""]
    lines += _printed_lines(printed)
    lines += ["", "## Trade tables and illiquidity, in whole worlds", ""]
    lines += _trade_lines(every[every["table"].isin(POOLED_TABLES)])
    lines += ["", "## Diagnostics", ""]
    lines += _size_lines(rows)
    lines += [
        "Value / effect is the population value over the effect of usage that stays up: corrected says whether limits",
        "matter, and not how much. A limit that rises is usage that falls, so its ratio has the other sign.",
        "",
    ]
    lines += _diagnostic_lines(rows)
    return "\n".join(lines) + "\n"


def _header(texts: list[str], numbers: list[str]) -> list[str]:
    columns = " | ".join([*texts, *numbers])
    rule = " | ".join(["---"] * len(texts) + ["--:"] * len(numbers))
    return [f"| {columns} |", f"| {rule} |"]


def _printed_lines(printed: pd.DataFrame) -> list[str]:
    lines = [
        "Population values with their Monte Carlo error, effect of usage that stays up, the one over the other,",
        "bias, root mean square error, coverage of the population value, not of the effect, by 90% and 95%",
        "intervals, and rejections of zero at 5%, in the world `paper`; then the mean estimate and the rejections in",
        "the other worlds, in `strong` also value over effect. In `null` there is no effect. 'safe' is with the",
        "errors that the report recommends (`recommended` in the seed).",
        "",
        *_header(
            ["Table", "outcome"],
            ["h", "population", "effect", "value / effect", "bias", "RMSE", "90%", "95%", "safe", "rejects", "safe",
             "null", "rejects", "safe", "strong", "value / effect", "rejects", "safe"],
        ),
    ]  # fmt: skip
    by_world = {world: rows.set_index([*KEYS, "term"]) for world, rows in printed.groupby("world")}
    for key, row in by_world["paper"].iterrows():
        null, strong = by_world["null"].loc[key], by_world["strong"].loc[key]
        panel = f"({key[1]})" if key[1] else ""
        lines.append(
            f"| {key[0]}{panel} {key[2]} | {row['dependent'].removeprefix('d_')} | {row['horizon']} "
            f"| {row['population']:.4f} ({row['population_error']:.4f}) | {row['effect_lasting']:.4f} "
            f"| {_ratio(row)} | {row['bias']:.4f} | {row['rmse']:.4f} "
            f"| {row['coverage_90']:.0%} | {row['coverage_95']:.0%} | {_percent(row['coverage_95_recommended'])} "
            f"| {_rejections(row)} | {null['mean']:.4f} | {_rejections(null)} | {strong['mean']:.4f} "
            f"| {_ratio(strong)} | {_rejections(strong)} |"
        )
    return lines


def _rejections(row: pd.Series) -> str:
    return f"{row['rejection']:.0%} | {_percent(row['rejection_recommended'])}"


def _percent(share: float) -> str:
    return "" if pd.isna(share) else f"{share:.0%}"


def _ratio(row: pd.Series) -> str:
    return value_over_effect(row["population"], row["effect_lasting"])


def _seeds(first: int, count: int) -> str:
    return f"{first} to {first + count - 1}"


def _trade_lines(trades: pd.DataFrame) -> list[str]:
    headings = []
    for world in WORLDS:
        headings += [f"`{world}`", "planted", "value / planted", "95%", "safe"]
        headings += ["rejects", "safe"] if world == "null" else []
    lines = [
        "Population values with their Monte Carlo error, pooled over the worlds themselves, and the planted",
        "parameter where one belongs to the term, in each world, and the one over the other; the share of worlds whose",
        "95% interval holds the value that the others have, with the paper's errors and, 'safe', with those that the",
        "report recommends; in `null` rejections of zero at 5%. A share of 20 worlds has an error of up to 11 points.",
        "",
        *_header(["Table", "term"], headings),
    ]
    by_world = {world: rows.set_index([*KEYS, "term"]) for world, rows in trades.groupby("world")}
    for key, _ in by_world["paper"].iterrows():
        cells = []
        for world in WORLDS:
            row = by_world[world].loc[key]
            planted = "" if pd.isna(row["effect_lasting"]) else f"{row['effect_lasting']:.4f}"
            cells += [f"{row['population']:.4f} ({row['population_error']:.4f})", planted, _ratio(row)]
            cells += [_percent(row["coverage_95"]), _percent(row["coverage_95_recommended"])]
            cells += [_rejections(row)] if world == "null" else []
        panel = f"({key[1]})" if key[1] else ""
        lines.append(f"| {key[0]}{panel} {key[2]} | {key[3]} | {' | '.join(cells)} |")
    return lines


def _weight_lines(reliability: pd.DataFrame, precision: pd.DataFrame) -> list[str]:
    """Reliability by world and of all (rows of `pooled_reliability` with `world`), precision and recall by world."""
    lines = [
        "## Weights of the match, in whole worlds",
        "",
        "What has a weight (docs/match_weights.md) and how often it is right, mean weight: share (number), by world",
        "and of all, where the difference stands beside its error by chance, in points. First sets, or none of them,",
        "then trades.",
    ]
    for of, rows in reliability.groupby("of"):
        numbers = [f"`{world}`" for world in WORLDS] + ["number", "mean weight", "right", "difference", "error"]
        lines += ["", *_header([str(of)], numbers)]
        pooled = pooled_reliability([rows.drop(columns="world")])
        for row in pooled.rename(columns={"count": "number"}).itertuples():
            of_bin = rows[rows["low"] == row.low].set_index("world")
            cells = [
                f"{of_bin.loc[world, 'mean_weight']:.3f}: {of_bin.loc[world, 'share_right']:.3f}"
                f" ({of_bin.loc[world, 'count']:,})"
                for world in WORLDS
            ]
            lines.append(
                f"| {row.low:g} to {row.high:g} | {' | '.join(cells)} | {row.number:,} | {row.mean_weight:.3f} "
                f"| {row.share_right:.3f} | {100 * (row.share_right - row.mean_weight):+.1f} | {100 * row.se:.1f} |"
            )
    lines += [
        "",
        "Precision and recall by par of the rule, of the likeliest set and of all sets by their weights, on average",
        "over worlds:",
        "",
        *_header(["world", "match", "awards", "precision", "recall"], []),
    ]
    for row in precision.to_dict("records"):
        cells = [
            ", ".join(f"{row[f'{of}_{what}']:.3f}" for of in ("rule", "most_likely", "weighted"))
            for what in ("precision", "recall")
        ]
        lines.append(f"| `{row['world']}` | {row['match_kind']} | {row['awards']:,.0f} | {' | '.join(cells)} |")
    return lines


def _size_lines(rows: pd.DataFrame) -> list[str]:
    null = rows[rows["world"] == "null"]
    corrected, other = null[null["is_corrected"]], null[~null["is_corrected"]]
    low, high = SIZE_RANGE
    inside = corrected["rejection"].between(low, high)
    found = corrected["rejection"]
    return [
        f"In `null`, {inside.sum()} of {len(corrected)} corrected specifications reject at 5% in {low:.0%}",
        f"to {high:.0%} of worlds ({found.min():.1%} to {found.max():.1%}, {found.mean():.1%} on average);",
        f"the uncorrected ones in {other['rejection'].min():.0%} to {other['rejection'].max():.0%}, "
        f"{other['rejection'].mean():.0%} on average.",
        "",
    ]


def _diagnostic_lines(rows: pd.DataFrame) -> list[str]:
    lines = _header(
        ["diagnostic", "outcome"],
        ["h", "corrected", "null", "rejects", "paper", "rejects", "value / effect", "strong", "rejects",
         "value / effect", "effect in strong"],
    )  # fmt: skip
    by_world = {world: own.set_index(KEYS) for world, own in rows.groupby("world")}
    for key, null in by_world["null"].iterrows():
        paper, strong = by_world["paper"].loc[key], by_world["strong"].loc[key]
        found = " | ".join(
            f"{row['mean']:.4f} | {row['rejection']:.0%}{ratio}"
            for row, ratio in ((null, ""), (paper, f" | {_ratio(paper)}"), (strong, f" | {_ratio(strong)}"))
        )
        lines.append(
            f"| {key[0]} {key[1]} | {null['dependent'].removeprefix('d_')} | {null['horizon']} "
            f"| {'yes' if null['is_corrected'] else 'no'} | {found} | {strong['effect_lasting']:.4f} |"
        )
    return lines
