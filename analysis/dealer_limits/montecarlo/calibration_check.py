"""The check of the calibration: every printed number beside its mean over whole worlds of fresh seeds."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

import numpy as np
from rich.console import Console

from dealer_limits.estimation.specifications import read_csv
from dealer_limits.montecarlo.desk_panel_moments import Key, printed_numbers
from dealer_limits.montecarlo.whole_worlds import BOOTSTRAP, FIRST_SEED, WholeWorld, run_worlds
from dealer_limits.pseudo.parameters import DEFAULT_WORLD

MISSES_FILE = Path(__file__).with_name("misses.csv")
_read_once = cache(read_csv)
NO_REASON = "no reason recorded"
CHECK_SEEDS = tuple(range(FIRST_SEED, FIRST_SEED + 20))

COEF_TARGET, SE_TARGET, R2_TARGET, NOBS_TARGET = 2.0, 0.30, 0.03, 0.02
# of Table 1: relative, and for the level of a log in log points, which is as much of what it is the log of
MOMENT_TARGET = 0.10
# kind of number: heading, and what is asked of it
TARGETS = {
    "coef": ("coefficients", "within two combined standard errors"),
    "se": ("standard errors", "within 30%"),
    "r2": ("R²", "R² and pseudo R² within 0.03"),
    "nobs": ("N", "within 2%"),
    "count": ("counts", "of Table 1 within 2%"),
    "mean": ("means", "of Table 1 within 10%, of logs within 0.1"),
    "sd": ("standard deviations", "of Table 1 within 10%"),
    "quartile": ("quartiles", "of Table 1 within 10%, of logs within 0.1"),
}
KINDS = {"pseudo_r2": "r2", "p25": "quartile", "p50": "quartile", "p75": "quartile"}


@dataclass(frozen=True)
class Checked:
    """One printed number beside the mean over fresh seeds and its standard deviation between them;
    `distance` in units of its target."""

    key: Key
    printed: str
    mean: float
    sd: float
    distance: float

    @property
    def is_hit(self) -> bool:
        return self.distance <= 1

    @property
    def kind(self) -> str:
        return kind(self.key[-1])

    @property
    def label(self) -> str:
        """Statistic and place, as `coef, Table 2(a) column 1 log_limit_usage`."""
        table, panel, column, term, statistic = self.key
        places = (f"Table {table}{f'({panel})' if panel else ''}", f"column {column}" if column else "", term)
        return f"{statistic}, {' '.join(place for place in places if place)}"


def check_calibration(console: Console, output: Path, seeds: Sequence[int] = CHECK_SEEDS) -> list[Checked]:
    """Run whole worlds of fresh seeds, print how many numbers are within target, and every miss.

    Writes all numbers to `calibration.csv` in the folder `output`, the account of them to `calibration.md`.
    """
    worlds = run_worlds(DEFAULT_WORLD, seeds, output, console)
    checked = check_numbers(worlds, printed_numbers())
    _write_numbers(output / "calibration.csv", checked)
    (output / "calibration.md").write_text(page(checked, seeds), encoding="utf-8")
    for line in [*kind_lines(checked), *miss_lines(checked)]:
        console.print(line, highlight=False, markup=False)
    return checked


def check_numbers(worlds: Sequence[WholeWorld], printed: Mapping[Key, str]) -> list[Checked]:
    """Every printed number beside its mean over the worlds.

    A coefficient may be two combined standard errors away, printed and ours; other numbers as TARGETS say.
    What the printed digits leave open, half of the last one, is allowed on top, but for counts.
    """
    values = {key: np.array([world.numbers[key] for world in worlds]) for key in printed}
    mean = {key: float(own.mean()) for key, own in values.items()}
    return [
        Checked(key, text, mean[key], float(values[key].std()), _distance(key, printed, mean))
        for key, text in printed.items()
    ]


def _distance(key: Key, printed: Mapping[Key, str], mean: Mapping[Key, float]) -> float:
    number, what = float(printed[key]), kind(key[-1])
    gap = abs(mean[key] - number)
    open_digits = half_digit(printed[key])
    if what in ("nobs", "count"):
        return gap / (NOBS_TARGET * number)
    beyond = max(gap - open_digits, 0.0)
    if what == "coef":
        error = (*key[:4], "se")
        return float(beyond / (COEF_TARGET * np.hypot(float(printed[error]), mean[error])))
    if what == "r2":
        return beyond / R2_TARGET
    if what == "se":
        return beyond / (SE_TARGET * max(number, open_digits))
    if what != "sd" and key[3].startswith("log_"):
        return beyond / MOMENT_TARGET
    return beyond / (MOMENT_TARGET * max(abs(number), open_digits))


def kind(statistic: str) -> str:
    """The kind of a statistic, as TARGETS names it."""
    return KINDS.get(statistic, statistic)


def half_digit(text: str) -> float:
    """Half of the last printed digit."""
    return 0.5 * 10.0 ** -len(text.partition(".")[2])


def reason(key: Key) -> str:
    """The first recorded reason that fits a miss.

    In the file what is left empty stands for all, and a term for those that begin so; there may be several
    statistics.
    """
    for row in _read_once(MISSES_FILE):
        places = zip(key[:3], (row["table"], row["panel"], row["column"]), strict=True)
        if (
            all(wanted in ("", own) for own, wanted in places)
            and key[4] in (row["statistic"].split(";") if row["statistic"] else [key[4]])
            and key[3].startswith(row["term"])
        ):
            return row["reason"]
    return NO_REASON


def kind_lines(checked: Sequence[Checked]) -> list[str]:
    """Hits by kind of number, one line each."""
    lines = []
    for name, (_, target) in TARGETS.items():
        of_kind = [number for number in checked if number.kind == name]
        hits = sum(number.is_hit for number in of_kind)
        lines.append(f"{name}: {hits} of {len(of_kind)} ({hits / len(of_kind):.0%}) {target}")
    hits = sum(number.is_hit for number in checked)
    return [*lines, f"all: {hits} of {len(checked)} ({hits / len(checked):.0%})"]


def table_lines(checked: Sequence[Checked]) -> list[str]:
    """Hits by printed table and kind of number, a Markdown table."""
    headings = [heading for heading, _ in TARGETS.values()]
    lines = [f"| Table | {' | '.join(headings)} | all |", f"| --- |{' --: |' * (len(headings) + 1)}"]
    for place, own in groupby(_in_printed_order(checked), key=lambda number: number.key[:2]):
        of_table = list(own)
        groups = [[number for number in of_table if number.kind == name] for name in TARGETS]
        cells = [
            f"{sum(number.is_hit for number in group)} of {len(group)}" if group else ""
            for group in [*groups, of_table]
        ]
        lines.append(f"| {place[0]}{f'({place[1]})' if place[1] else ''} | {' | '.join(cells)} |")
    return lines


def miss_lines(checked: Sequence[Checked]) -> list[str]:
    """Every miss under the reason for it, one line each, in printed order."""
    misses = [number for number in _in_printed_order(checked) if not number.is_hit]
    by_reason: dict[tuple[str, str], list[Checked]] = {}
    for number in misses:
        by_reason.setdefault((number.key[0], reason(number.key)), []).append(number)
    lines = []
    for (table, why), numbers in by_reason.items():
        lines.append(f"- Table {table}: {why}")
        lines += [f"  - {own.label}: printed {own.printed}, ours {own.mean:.4g}" for own in numbers]
    return lines


def page(checked: Sequence[Checked], seeds: Sequence[int]) -> str:
    """The account of a check, Markdown."""
    lines = [
        "# Calibration",
        "",
        f"Written by `make calibrate-check`: the {len(checked):,} printed numbers of Tables 1 to 15 beside",
        f"their means over whole worlds `paper` of seeds {seeds[0]} to {seeds[-1]}, apart from those of the",
        "fit. A world is written as raw files, built by dbt and estimated as real data are; bootstrapped",
        f"errors are of {BOOTSTRAP.draws} draws. Half of the last printed digit is allowed on top, but for",
        "counts.",
        "",
        "Table 1 has no standard errors: counts are held to what N is held to, moments to 10% of the printed",
        "number, and levels of logs to 0.1, which is 10% of what they are logs of.",
        "",
        *(f"- {line}" for line in kind_lines(checked)),
        "",
        "## By printed table",
        "",
        *table_lines(checked),
        "",
        "## Misses",
        "",
        *miss_lines(checked),
    ]
    return "\n".join(lines) + "\n"


def _in_printed_order(checked: Sequence[Checked]) -> list[Checked]:
    return sorted(
        checked, key=lambda number: (int(number.key[0]), number.key[1], int(number.key[2] or 0), number.key[3:])
    )


def _write_numbers(path: Path, checked: Sequence[Checked]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["table", "panel", "column", "term", "statistic", "printed", "mean", "sd", "is_hit"])
        for number in checked:
            writer.writerow([*number.key, number.printed, f"{number.mean:.6g}", f"{number.sd:.6g}", number.is_hit])
