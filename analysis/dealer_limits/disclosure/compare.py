"""`dealer-limits compare`: two exports side by side."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from dealer_limits.disclosure.export import COLUMNS, KEYS, MANIFEST
from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.display import new_table
from dealer_limits.provenance import marked

COMPARISON = "export_comparison.csv"
# of a coefficient, told beside it
_BESIDE = ("se", "t", "p", "ci_low", "ci_high", "stars", "nobs")


def compare_exports(
    first: Path, second: Path, output: Path, tables: list[str] | None, console: Console
) -> pd.DataFrame:
    """Set the cells of two exports side by side, write `export_comparison.csv` to `output` and show them.

    One row per coefficient, with both standard errors and N, the difference A - B over the root of the sum of the
    squared errors (as of two independent samples), and whether signs are the same; and one per other cell,
    with both values and their difference. `state` says where a cell is withheld or not there. Shown are how many
    coefficients of each exhibit are alike, and all of the exhibits in `tables`.

    Raises DealerLimitsError where a folder is no export or a file of it is not what its manifest says.
    """
    cells = [_read(folder) for folder in (first, second)]
    rows = compare_cells(*(frame for frame, _ in cells))
    unknown = set(tables or []) - set(rows["exhibit"])
    if unknown:
        raise DealerLimitsError(f"bad input: --table {min(unknown)}: expected one of {', '.join(_exhibits(rows))}")
    output.mkdir(parents=True, exist_ok=True)
    made_up = sorted({str(manifest["pseudo_data"]) for _, manifest in cells if "pseudo_data" in manifest})
    compared = marked(rows, " ".join(made_up))
    compared.to_csv(output / COMPARISON, index=False, float_format="%.6g", lineterminator="\n")
    _show(console, rows, tables or [])
    for what in ("rules", "versions", "variables_sha256"):
        if cells[0][1].get(what) != cells[1][1].get(what):
            console.print(f"{what.removesuffix('_sha256')} of A and B differ", highlight=False)
    return rows


def compare_cells(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """The rows of the comparison of two exports' cells (see `compare_exports`)."""
    both = first.merge(second, on=list(KEYS), how="outer", suffixes=("_a", "_b"), indicator=True)
    # in the order of the exports, which an outer merge sorts away
    both = pd.concat([first, second])[list(KEYS)].drop_duplicates().merge(both, on=list(KEYS))
    both["state"] = [_state(row) for row in both[["withheld_a", "withheld_b", "_merge"]].itertuples(index=False)]
    place = ["exhibit", "panel", "column"]
    told = both[~both["statistic"].isin(_BESIDE)]
    values = ["value_a", "value_b"]
    errors = both.loc[both["statistic"] == "se", [*place, "term", *values]]
    told = told.merge(errors.rename(columns={"value_a": "se_a", "value_b": "se_b"}), on=[*place, "term"], how="left")
    counts = both.loc[both["statistic"] == "nobs", [*place, *values]]
    told = told.merge(counts.rename(columns={"value_a": "nobs_a", "value_b": "nobs_b"}), on=place, how="left")
    is_coefficient = told["statistic"] == "coef"
    told.loc[~is_coefficient, ["se_a", "se_b"]] = np.nan
    told["difference"] = told["value_a"] - told["value_b"]
    combined = np.sqrt(told["se_a"] ** 2 + told["se_b"] ** 2)
    told["difference_in_se"] = told["difference"] / combined.where(combined > 0)
    signs = np.sign(told["value_a"]) == np.sign(told["value_b"])
    told["same_sign"] = np.where(is_coefficient & told["difference"].notna(), np.where(signs, "yes", "no"), "")
    names = ["se_a", "se_b", "difference", "difference_in_se", "same_sign", "nobs_a", "nobs_b", "state"]
    return told[[*KEYS, *values, *names]].reset_index(drop=True)


def _state(row: tuple[object, object, str]) -> str:
    withheld_a, withheld_b, merged = row
    if merged != "both":
        return "only in A" if merged == "left_only" else "only in B"
    said = [f"withheld in {name} ({reason})" for name, reason in (("A", withheld_a), ("B", withheld_b)) if reason]
    return ", ".join(said) or "both"


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


def _exhibits(rows: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(rows["exhibit"]))


def _show(console: Console, rows: pd.DataFrame, tables: list[str]) -> None:
    coefficients = rows[rows["statistic"] == "coef"]
    table = new_table("A and B", "exhibit", ("coefficients", "same sign", "beyond 1.96 se", "withheld", "in one only"))
    for exhibit, of_exhibit in coefficients.groupby("exhibit", sort=False):
        numbers = (
            len(of_exhibit),
            (of_exhibit["same_sign"] == "yes").sum(),
            (of_exhibit["difference_in_se"].abs() > 1.96).sum(),
            of_exhibit["state"].str.startswith("withheld").sum(),
            of_exhibit["state"].str.startswith("only").sum(),
        )
        table.add_row(exhibit, *map(str, numbers))
    console.print(table)
    for name in tables:
        shown = rows[rows["exhibit"] == name]
        table = new_table(name, "cell", ("A", "B", "A − B", "in se", "N of A", "N of B"))
        table.add_column("")
        for row in shown.to_dict("records"):
            label = " ".join(filter(None, (row["panel"], row["column"], row["term"], row["statistic"])))
            cells = [
                *(_number(row[f"value_{side}"], row[f"se_{side}"]) for side in "ab"),
                *(_number(row[name]) for name in ("difference", "difference_in_se")),
                *(_number(row[name], form=",.0f") for name in ("nobs_a", "nobs_b")),
            ]
            table.add_row(label, *cells, "" if row["state"] == "both" else row["state"])
        console.print(table)


def _number(value: float, error: float = np.nan, form: str = ".3f") -> str:
    if np.isnan(value):
        return ""
    return f"{value:{form}}" + ("" if np.isnan(error) else f" ({error:.3f})")
