"""`dealer-limits compare`: two or more exports side by side."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import ascii_lowercase

import numpy as np
import pandas as pd
from rich.console import Console

from dealer_limits.disclosure.export import COLUMNS, KEYS, MANIFEST
from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.display import new_table
from dealer_limits.provenance import marked

COMPARISON, PAGE = "export_comparison.csv", "export_comparison.md"
NOT_THERE = "not there"
# of standard normal errors, 5% are further away
_NEAR = 1.96
# of a coefficient, told beside it
_BESIDE = ("se", "t", "p", "ci_low", "ci_high", "stars", "nobs")
_PLACE = ["exhibit", "panel", "column"]
_MATCH = {"awards_pct": "awards", "matched_par_pct": "par matched"}

Lines = list[tuple[str, ...]]


def compare_exports(folders: Sequence[Path], output: Path, tables: list[str] | None, console: Console) -> pd.DataFrame:
    """Set the cells of exports side by side, write `export_comparison.csv` and `.md` to `output` and show them.

    Exports are A, B and so on, in the order given; differences are from A. One row per coefficient or other cell,
    with the columns of `compare_cells`. Shown are, of each exhibit, the share of coefficients that are significant and
    how many are unlike A's; the match; how far other cells are from A's; and all cells of the exhibits in `tables`.

    Raises DealerLimitsError where there are fewer than two folders or more than letters, one is no export, or a
    file of it is not what its manifest says.
    """
    if not 2 <= len(folders) <= len(ascii_lowercase):
        raise DealerLimitsError(f"bad input: expected 2 to {len(ascii_lowercase)} exports")
    exports = dict(zip(ascii_lowercase, map(_read, folders), strict=False))
    rows = compare_cells({name: cells for name, (cells, _) in exports.items()})
    unknown = set(tables or []) - set(rows["exhibit"])
    if unknown:
        expected = ", ".join(dict.fromkeys(rows["exhibit"]))
        raise DealerLimitsError(f"bad input: --table {min(unknown)}: expected one of {expected}")
    output.mkdir(parents=True, exist_ok=True)
    manifests = {name: manifest for name, (_, manifest) in exports.items()}
    made_up = sorted({str(manifest["pseudo_data"]) for manifest in manifests.values() if "pseudo_data" in manifest})
    compared = marked(rows, " ".join(made_up))
    compared.to_csv(output / COMPARISON, index=False, float_format="%.6g", lineterminator="\n")
    said = [
        *(_told(name, folder, manifests[name], rows) for name, folder in zip(exports, folders, strict=True)),
        *_unlike(manifests, rows),
    ]
    for line in said:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    shown = summaries(rows, list(exports)) | {
        name: _cells_of(rows[rows["exhibit"] == name], list(exports)) for name in tables or []
    }
    for title, lines in shown.items():
        _show(console, title, lines)
    tables_of_page = [f"## {title}\n\n{in_markdown(lines)}" for title, lines in shown.items()]
    (output / PAGE).write_text("\n".join([*(f"- {line}" for line in said), "", *tables_of_page]), encoding="utf-8")
    return rows


def compare_cells(exports: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The rows of the comparison of exports' cells, by name, of which the first is what others differ from.

    Columns are the key and, of each export x: `value_x`; of a coefficient `se_x`; `nobs_x` of its column;
    `withheld_x`, why it is withheld, or NOT_THERE. Of each but the first: `difference_x` from the first,
    `difference_in_se_x`, over the root of the sum of the squared errors (as of two independent samples), and
    `same_sign_x`.
    """
    everything = pd.concat(list(exports.values()))
    told = everything.loc[~everything["statistic"].isin(_BESIDE), list(KEYS)].drop_duplicates(ignore_index=True)
    is_coefficient = told["statistic"] == "coef"
    for name, cells in exports.items():
        cells = cells.set_index(list(KEYS))
        errors = cells["value"].xs("se", level="statistic").rename(f"se_{name}")
        counts = cells["value"].xs("nobs", level="statistic").droplevel("term").rename(f"nobs_{name}")
        of_export = cells[["value", "withheld"]].add_suffix(f"_{name}")
        told = told.join(of_export, on=list(KEYS)).join(errors, on=[*_PLACE, "term"]).join(counts, on=_PLACE)
        told[f"se_{name}"] = told[f"se_{name}"].where(is_coefficient)
        told[f"withheld_{name}"] = told[f"withheld_{name}"].fillna(NOT_THERE)
    first, *others = exports
    for name in others:
        told[f"difference_{name}"] = told[f"value_{name}"] - told[f"value_{first}"]
        combined = np.sqrt(told[f"se_{name}"] ** 2 + told[f"se_{first}"] ** 2)
        told[f"difference_in_se_{name}"] = told[f"difference_{name}"] / combined.where(combined > 0)
        same = np.where(np.sign(told[f"value_{name}"]) == np.sign(told[f"value_{first}"]), "yes", "no")
        told[f"same_sign_{name}"] = np.where(is_coefficient & told[f"difference_{name}"].notna(), same, "")
    return told


def _read(folder: Path) -> tuple[pd.DataFrame, dict[str, object]]:
    no_export = DealerLimitsError(f"bad input: {folder}: expected a folder that `dealer-limits export` wrote, whole")
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        frames = []
        for file in manifest["files"]:
            path = folder / Path(file["name"]).name
            if hashlib.sha256(path.read_bytes()).hexdigest() != file["sha256"]:
                raise no_export
            frames.append(pd.read_csv(path, dtype=str, keep_default_na=False))
        cells = pd.concat(frames, ignore_index=True)[list(COLUMNS)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise no_export from error
    return cells.assign(value=pd.to_numeric(cells["value"])), manifest


def _told(name: str, folder: Path, manifest: Mapping[str, object], rows: pd.DataFrame) -> str:
    withheld, not_there = _is_withheld(rows, name).sum(), (rows[f"withheld_{name}"] == NOT_THERE).sum()
    kept = len(rows) - withheld - not_there
    cells = f"{kept:,} cells kept, {withheld:,} withheld, {not_there:,} not there"
    return " ".join(filter(None, (f"{name.upper()}: {folder}: {cells}.", str(manifest.get("pseudo_data", "")))))


def _unlike(manifests: Mapping[str, Mapping[str, object]], rows: pd.DataFrame) -> Iterable[str]:
    """What of the making of the exports is not alike, and how many cells do not have the same fate in all."""
    first, *others = manifests
    for what in ("rules", "versions", "variables_sha256"):
        for name in others:
            if manifests[name].get(what) != manifests[first].get(what):
                yield f"{what.removesuffix('_sha256')} of {first.upper()} and {name.upper()} differ"
    withheld = np.array([_is_withheld(rows, name) for name in manifests])
    if unlike := (withheld.any(axis=0) & ~withheld.all(axis=0)).sum():
        yield f"{unlike:,} cells are withheld in some of them alone"


def summaries(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, Lines]:
    """By title, what tells at a glance where exports differ, as lines of which the first are the headings.

    Numbers of several exports stand in one cell, in their order; one that all have stands once.
    """
    return {
        "Coefficients": _coefficients(rows, names),
        "Match": _match(rows, names),
        "Table 1 and figures": _other_exhibits(rows, names),
    }


def _coefficients(rows: pd.DataFrame, names: Sequence[str]) -> Lines:
    """A line per exhibit. Constants are left out: whether they differ from zero hangs on where terms have theirs."""
    headings = (
        *(f"significant, % {_all(names)}", f"other sign, % {_others(names)}"),
        *(f"beyond {_NEAR} se, % {_others(names)}", f"withheld {_all(names)}", f"largest N {_all(names)}"),
    )
    lines: Lines = [("exhibit", "terms", *headings)]
    coefficients = rows[(rows["statistic"] == "coef") & (rows["term"] != "constant")]
    for exhibit, cells in coefficients.groupby("exhibit", sort=False):
        ratios = [cells[f"value_{name}"] / cells[f"se_{name}"] for name in names]
        differences = [cells[f"difference_{name}"] for name in names[1:]]
        signs = [cells[f"same_sign_{name}"] for name in names[1:]]
        distances = [cells[f"difference_in_se_{name}"] for name in names[1:]]
        shares = (
            [_percent(ratio.abs() > _NEAR, ratio.notna()) for ratio in ratios],
            [_percent(same == "no", known.notna()) for same, known in zip(signs, differences, strict=True)],
            [_percent(distance.abs() > _NEAR, distance.notna()) for distance in distances],
        )
        largest = [_number(cells[f"nobs_{name}"].max(), ",.0f") for name in names]
        lines.append((exhibit, str(len(cells)), *map(_several, shares), _withheld(cells, names), _several(largest)))
    return lines


def _match(rows: pd.DataFrame, names: Sequence[str]) -> Lines:
    """A line per kind of match."""
    lines: Lines = [("level, kind", *(f"{words}, % {_all(names)}" for words in _MATCH.values()))]
    for (level, kind), cells in rows[rows["exhibit"] == "match"].groupby(["column", "term"], sort=False):
        values = cells.set_index("statistic")[[f"value_{name}" for name in names]].reindex(list(_MATCH))
        shares = [[_number(value, ".1f") for value in values.loc[statistic]] for statistic in _MATCH]
        lines.append((f"{level} {kind}".strip(), *map(_several, shares)))
    return lines


def _other_exhibits(rows: pd.DataFrame, names: Sequence[str]) -> Lines:
    """A line per statistic: how far most cells are from the first export's, relative to these."""
    headings = (f"median distance, % {_others(names)}", f"withheld {_all(names)}")
    lines: Lines = [("exhibit, statistic", "cells", *headings)]
    of_regressions = rows.loc[rows["statistic"] == "coef", "exhibit"]
    others = rows[~rows["exhibit"].isin([*of_regressions, "match"])]
    for (exhibit, statistic), cells in others.groupby(["exhibit", "statistic"], sort=False):
        size = cells[f"value_{names[0]}"].abs()
        distances = [cells[f"difference_{name}"].abs() / size.where(size > 0) for name in names[1:]]
        medians = _several(_number(100 * distance.median(), ".1f") for distance in distances)
        lines.append((f"{exhibit} {statistic}", str(len(cells)), medians, _withheld(cells, names)))
    return lines


def _cells_of(rows: pd.DataFrame, names: Sequence[str]) -> Lines:
    """Every cell of an exhibit."""
    first, *others = names
    unlike = [heading for name in others for heading in (f"{name} − {first}".upper(), "in se")]
    lines: Lines = [("cell", *map(str.upper, names), *unlike, *(f"N of {name.upper()}" for name in names), "withheld")]
    for row in rows.to_dict("records"):
        states = {name.upper(): row[f"withheld_{name}"] for name in names}
        lines.append(
            (
                " ".join(filter(None, (row["panel"], row["column"], row["term"], row["statistic"]))),
                *(_with_error(row[f"value_{name}"], row[f"se_{name}"]) for name in names),
                *(_number(row[f"{what}_{name}"]) for name in others for what in ("difference", "difference_in_se")),
                *(_number(row[f"nobs_{name}"], ",.0f") for name in names),
                ", ".join(f"{name}: {state}" for name, state in states.items() if state),
            )
        )
    return lines


def _all(names: Sequence[str]) -> str:
    return " / ".join(names).upper()


def _others(names: Sequence[str]) -> str:
    first, *others = names
    return f"{_all(others)} from {first.upper()}"


def _is_withheld(cells: pd.DataFrame, name: str) -> pd.Series:
    return ~cells[f"withheld_{name}"].isin(["", NOT_THERE])


def _withheld(cells: pd.DataFrame, names: Sequence[str]) -> str:
    return _several(str(_is_withheld(cells, name).sum()) for name in names)


def _several(values: Iterable[str]) -> str:
    values = list(values)
    return " / ".join(values if len(set(values)) > 1 else values[:1])


def _percent(found: pd.Series, known: pd.Series) -> str:
    return _number(100 * found[known].mean(), ".0f")


def _number(value: float, form: str = ".3f") -> str:
    return "–" if np.isnan(value) else f"{value:{form}}"


def _with_error(value: float, error: float) -> str:
    return _number(value) + ("" if np.isnan(error) else f" ({_number(error)})")


def _show(console: Console, title: str, lines: Lines) -> None:
    (first, *headings), *others = lines
    table = new_table(title, first, headings)
    for line in others:
        table.add_row(*line)
    console.print(table)


def in_markdown(lines: Lines) -> str:
    """A table of a page."""
    headings, *others = lines
    rule = ("---", *["---:"] * (len(headings) - 1))
    return "".join(f"| {' | '.join(line)} |\n" for line in (headings, rule, *others))
