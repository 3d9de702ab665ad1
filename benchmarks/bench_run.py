"""How seconds and memory of each step of `make run` grow with the world: 1, 4 and 16 times the desks and trades.

Every step is a process of its own, as its command alone is, so that its peak of memory is its own. TRACE reports,
purchased CUSIP-days and the desks that trade no Treasuries are as many times as many; Treasury desks and the calendar
stay, and with them the desk regressions. Times are only to be compared within a run, so no test does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
STEPS = ("pseudo", "build", "check", "match-quality", "estimate", "inference", "match-weights", "diagnostics", "report")

# Beyond so many times the growth of the world, the page has to say why.
LINEAR = 1.1


@dataclass(frozen=True)
class Measurement:
    """Seconds of the clock and of processors, and peak memory (GiB), of one step."""

    seconds: float
    processor: float
    memory: float


def measure(step: str, scale: float, folder: Path) -> Measurement:
    """Run a step on the world of a scale in `folder`. Raises SystemExit, with its last lines, where it fails."""
    environment = os.environ | {
        "RAW_DATA": str(folder / "raw"),
        "WAREHOUSE_DIR": str(folder / "warehouse"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    options = {"pseudo": ["--out", str(folder), "--scale", f"{scale:g}"], "build": []}
    command = [Path(sys.executable).with_name("dealer-limits"), step]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        started = time.perf_counter()
        process = subprocess.Popen(
            [*command, *options.get(step, ["--output", str(folder / "output")])],
            cwd=PROJECT,
            env=environment,
            stdout=said,
            stderr=said,
        )
        # the peak of this child, not the highest of all; Linux counts in KiB
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            said.seek(0)
            raise SystemExit("".join([f"{step} of {scale:g} worlds: ", *said.readlines()[-3:]]))
    return Measurement(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20)


def table_lines(measured: dict[float, dict[str, Measurement]]) -> list[str]:
    """A row per step with seconds and memory at each scale, and how the processor time of the last grew."""
    scales = list(measured)
    growth = [f"× {after / before:g}" for before, after in pairwise(scales)]
    heads = [*(f"{scale:g} ×" for scale in scales), *(f"processor, {times}" for times in growth)]
    lines = [f"| step | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    for step in (*STEPS, "all"):
        of_step = [_total(measured[scale]) if step == "all" else measured[scale][step] for scale in scales]
        cells = [f"{each.seconds:.1f} s, {each.memory:.1f} GiB" for each in of_step]
        grew = [f"× {after.processor / before.processor:.1f}" for before, after in pairwise(of_step)]
        lines.append(f"| {step} | {' | '.join([*cells, *grew])} |")
    return lines


def faster_than_linear(measured: dict[float, dict[str, Measurement]]) -> list[str]:
    """Steps whose processor time or memory grows by more than the world does."""
    found = []
    for (before, small), (after, large) in pairwise(measured.items()):
        for step in STEPS:
            for name in ("processor", "memory"):
                growth = getattr(large[step], name) / getattr(small[step], name)
                if growth > LINEAR * after / before:
                    found.append(f"{step}: {name} × {growth:.1f} from {before:g} to {after:g} worlds")
    return found


def _total(measured: dict[str, Measurement]) -> Measurement:
    values = measured.values()
    return Measurement(
        sum(each.seconds for each in values),
        sum(each.processor for each in values),
        max(each.memory for each in values),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scales", type=float, nargs="+", default=[1, 4, 16], help="sizes of the worlds, ascending")
    parser.add_argument("--folder", type=Path, help="where worlds and warehouses are put, one at a time")
    parser.add_argument("--out", type=Path, help="also write the numbers to this JSON file")
    options = parser.parse_args()
    measured: dict[float, dict[str, Measurement]] = {}
    for scale in options.scales:
        # one at a time on the disk
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            measured[scale] = {step: measure(step, scale, Path(folder)) for step in STEPS}
        print("\n".join(table_lines(measured)), flush=True)
        if options.out:
            record = {f"{scale:g}": {step: asdict(each) for step, each in of.items()} for scale, of in measured.items()}
            options.out.write_text(json.dumps(record, indent=1), encoding="utf-8")
    for line in faster_than_linear(measured) or ["nothing grows faster than the world"]:
        print(line)


if __name__ == "__main__":
    main()
