"""The binding function of the reaction's indirect inference: what regressions give in simulated worlds, over the
strength of reactions and of mechanics.

A world of the design is `paper` with its reactions to limits multiplied by `reaction_net` and `reaction_gross` and the
loadings of VaR on positions by `mechanics_net` and `mechanics_gross`. Each is simulated once, its statistics are a row
of `binding_worlds.csv` beside this module, and every estimate reads that file (`estimation/indirect_inference.py`).
"""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from scipy.stats import qmc

from dealer_limits.estimation.indirect_inference import BINDING_FILE, PARAMETERS, statistics_of
from dealer_limits.montecarlo.desk_panel import simulate_desk_panel
from dealer_limits.montecarlo.panel_regressions import estimate_on, panel_specifications
from dealer_limits.montecarlo.processes import code_of, digest, finish, keep
from dealer_limits.pseudo.parameters import Parameters, parameter_rows, world_parameters

# ends of the design: reactions from the wrong sign to beyond those of `strong`, mechanics from none to twice and more
LEAST, MOST = (-1.0, -1.0, 0.0, 0.0), (5.0, 5.0, 2.5, 2.5)
WORLDS = 256
FIRST_SEED = 5_000_001
BLOCK = 8
DESIGN_SEED = 2025_034
DIGITS = 6


def design_parameters(strengths: Sequence[float]) -> Parameters:
    """The parameters of a world of the design; strengths (4,) in the order of PARAMETERS, (1, 1, 1, 1) is `paper`.

    What of a reaction cannot exceed that of `paper` follows the mean of both reactions, between none and all.
    """
    strength = dict(zip(PARAMETERS, strengths, strict=True))
    reaction = (strength["reaction_net"] + strength["reaction_gross"]) / 2
    values = dict(world_parameters())
    for row in parameter_rows():
        kind = "gross" if "gross" in row.parameter else "net"
        if row.parameter.startswith("var_on_log_"):
            values[row.parameter] *= strength[f"mechanics_{kind}"]
        elif row.role == "reaction_bounded":
            values[row.parameter] *= min(max(reaction, 0.0), 1.0)
        elif row.role == "reaction":
            own = row.parameter.startswith(("net_", "gross_", "exit_"))
            values[row.parameter] *= strength[f"reaction_{kind}"] if own else reaction
    return values


def design(worlds: int = WORLDS) -> np.ndarray:
    """(worlds, 4) strengths: a scrambled Sobol sequence over the box from LEAST to MOST."""
    return qmc.scale(qmc.Sobol(len(PARAMETERS), seed=DESIGN_SEED).random(worlds), LEAST, MOST)


def simulate_block(task: tuple[tuple[int, ...], np.ndarray, Path]) -> None:
    """Statistics of the worlds of some seeds, one (worlds, q) array with the processor seconds that it took."""
    seeds, strengths, path = task
    started = time.process_time()
    rows = statistics_of(panel_specifications("specifications", "diagnostics"))
    # errors are not read: the quick ones do
    wanted = [(replace(row, covariance="robust"), row.terms.index(term)) for row, term in rows.values()]
    found = []
    for seed, own in zip(seeds, strengths, strict=True):
        panel = simulate_desk_panel(seed, design_parameters(own))
        found.append([float(estimate_on(panel, row).coef[place]) for row, place in wanted])
    keep((np.array(found), time.process_time() - started), path)


def simulate_binding(output: Path, console: Console, worlds: int = WORLDS, file: Path = BINDING_FILE) -> float:
    """Simulate the design and write its file; resumable. Returns the processor seconds that the worlds took."""
    strengths = design(worlds)
    code = digest(code_of("montecarlo", "pseudo", "estimation"), str(dict(world_parameters())))
    folder = output / "montecarlo" / f"binding-{code}"
    folder.mkdir(parents=True, exist_ok=True)
    tasks = {}
    for first in range(0, worlds, BLOCK):
        seeds = tuple(range(FIRST_SEED + first, FIRST_SEED + first + BLOCK))
        tasks[folder / f"{seeds[0]}.block"] = (seeds, strengths[first : first + BLOCK])
    blocks = finish(simulate_block, tasks, "worlds of the binding function", console)
    names = statistics_of(panel_specifications("specifications", "diagnostics"))
    write_binding(strengths, np.concatenate([found for found, _ in blocks]), names, file)
    seconds = sum(own for _, own in blocks)
    console.print(f"{worlds} worlds, {seconds:.0f} processor seconds: {file}", highlight=False, soft_wrap=True)
    return seconds


def write_binding(strengths: np.ndarray, statistics: np.ndarray, names: Mapping[str, object], file: Path) -> None:
    """A row per world: strengths, then statistics, to six digits."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow([*PARAMETERS, *names])
        for row in np.column_stack([strengths, statistics]):
            writer.writerow([f"{value:.{DIGITS}g}" for value in row])
