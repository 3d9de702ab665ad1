"""How far the reaction by indirect inference can be trusted: its estimates in worlds whose truth is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from dealer_limits.estimation.indirect_inference import PARAMETERS, Reaction, estimate_reaction, statistics_of
from dealer_limits.montecarlo.binding import FIRST_SEED, WORLDS, simulate_binding
from dealer_limits.montecarlo.panel_regressions import panel_specifications
from dealer_limits.montecarlo.repeat_desk_panel import Block, panel_rows, repeat_world
from dealer_limits.project import DOCS
from dealer_limits.pseudo.parameters import WORLDS as SCALES

REPS = 200
LEVELS = (0.90, 0.95)
SIGNIFICANCE = 0.05
PAGE = "reaction.md"


def write_reaction(output: Path, console: Console, reps: int = REPS, docs: Path = DOCS) -> pd.DataFrame:
    """Simulate the binding function, estimate the reaction in `reps` worlds of each kind, and put the table of coverage
    into the page; resumable. Returns the table."""
    seconds = simulate_binding(output, console)
    table = pd.concat(
        [summarise(world, estimates(repeat_world(world, reps, output, console))) for world in SCALES], ignore_index=True
    )
    page = docs / PAGE
    text = page.read_text(encoding="utf-8")
    begin, end = "<!-- coverage: made by `dealer-limits montecarlo --reaction` -->\n", "<!-- end of coverage -->"
    head, _, rest = text.partition(begin)
    tail = rest[rest.index(end) :]
    page.write_text(f"{head}{begin}{coverage_table(table, reps, seconds)}{tail}", encoding="utf-8")
    return table


def estimates(blocks: Sequence[Block]) -> Iterator[Reaction]:
    """The reaction in each world of some blocks."""
    matched = statistics_of(panel_specifications("specifications", "diagnostics"))
    keys = [row.key for row in panel_rows()]
    places = {name: (keys.index(row.key), row.terms.index(term)) for name, (row, term) in matched.items()}
    for block in blocks:
        for world in range(len(block.coef[0])):
            yield estimate_reaction({name: block.coef[row][world, term] for name, (row, term) in places.items()})


def summarise(world: str, found: Iterator[Reaction]) -> pd.DataFrame:
    """A line per parameter: truth, mean, spread, mean error, coverage of the truth by intervals, and how often tests
    at 5% reject that the parameter is zero and that any parameters give the statistics."""
    reactions = list(found)
    truth = np.array([SCALES[world], SCALES[world], 1.0, 1.0])
    theta = np.array([reaction.theta for reaction in reactions])
    se = np.array([reaction.se for reaction in reactions])
    lines = pd.DataFrame({"world": world, "worlds": len(reactions), "parameter": PARAMETERS, "truth": truth})
    lines["mean"], lines["sd"], lines["mean_se"] = theta.mean(axis=0), theta.std(axis=0, ddof=1), se.mean(axis=0)
    for level in LEVELS:
        ends = np.array([reaction.interval(level) for reaction in reactions])
        lines[f"coverage_{level:.0%}"] = ((ends[:, :, 0] <= truth) & (truth <= ends[:, :, 1])).mean(axis=0)
    ends = np.array([reaction.interval(1 - SIGNIFICANCE) for reaction in reactions])
    lines["rejects_zero"] = ((ends[:, :, 0] > 0) | (ends[:, :, 1] < 0)).mean(axis=0)
    lines["rejects_fit"] = np.mean([reaction.p < SIGNIFICANCE for reaction in reactions])
    return lines


def coverage_table(table: pd.DataFrame, reps: int, seconds: float) -> str:
    """The table as Markdown, with what it took."""
    lines = [
        f"{reps} worlds of each kind; the binding function of {WORLDS} others from seed {FIRST_SEED} on,",
        f"{seconds:.0f} seconds of processors.",
        "",
        "| world | parameter | truth | mean | sd | mean error | 90% | 95% | rejects zero | rejects the fit |",
        "| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for row in table.to_dict("records"):
        numbers = " | ".join(f"{row[name]:.2f}" for name in ("truth", "mean", "sd", "mean_se"))
        shares = " | ".join(
            f"{row[name]:.0%}" for name in ("coverage_90%", "coverage_95%", "rejects_zero", "rejects_fit")
        )
        lines.append(f"| `{row['world']}` | {row['parameter']} | {numbers} | {shares} |")
    return "\n".join(lines) + "\n"
