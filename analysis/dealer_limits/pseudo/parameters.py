"""The named parameters of the pseudo world and the three worlds that they make.

`parameters.csv` beside this module has one row per parameter: value in the world `paper`, role, unit, whether
the calibration fits it, the printed number that it serves and what it means. A world multiplies the
parameters of role `reaction` by its scale; nothing else differs between worlds.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

from dealer_limits.errors import DealerLimitsError

# what reactions to limits are multiplied by
WORLDS: Mapping[str, float] = MappingProxyType({"paper": 1.0, "null": 0.0, "strong": 3.0})
DEFAULT_WORLD = "paper"
ROLES = ("reaction", "reaction_bounded", "mechanical", "other")
# Of what Table 2 prints, how much is reaction; the rest is VaR that moves with a position that reverts. The
# printed numbers do not tell, so that this is a choice: the fit aims at it.
DEFAULT_REACTION_SHARE = 0.5
# What the fit came to, by the start of the position's name: one less the ratio of Table 2 in the null world
# to that in the paper's (five days, seeds/montecarlo.csv).
FITTED_REACTION_SHARE: Mapping[str, float] = MappingProxyType({"net_": 0.57, "gross_": 0.80})

Parameters = Mapping[str, float]


@dataclass(frozen=True)
class ParameterRow:
    """One row of the parameter file."""

    parameter: str
    value: float
    role: str
    unit: str
    is_fitted: bool
    serves: str
    meaning: str


def parameter_rows() -> tuple[ParameterRow, ...]:
    """The parameter file, in its order. Raises DealerLimitsError for a role that does not exist."""
    text = files(__package__).joinpath("parameters.csv").read_text(encoding="utf-8")
    rows = tuple(
        ParameterRow(
            row["parameter"], float(row["value"]), row["role"], row["unit"], row["fitted"] == "yes",
            row["serves"], row["meaning"],
        )
        for row in csv.DictReader(text.splitlines())
    )  # fmt: skip
    for row in rows:
        if row.role not in ROLES:
            raise DealerLimitsError(f"parameters.csv: {row.parameter} has role {row.role}")
    return rows


def parameter_values() -> dict[str, float]:
    """The values of the parameter file by name, which are those of the world `paper`."""
    return {row.parameter: row.value for row in parameter_rows()}


def world_parameters(world: str = DEFAULT_WORLD, reaction_share: float | None = None) -> Parameters:
    """The parameters of a world, by name.

    `reaction_share` moves what Table 2 prints between its two sources, by default as fitted: with f the
    fitted share of a position, its reactions to usage are multiplied by share / f and the loading of VaR on
    it by (1 - share) / (1 - f). New inventory, P&L, trades and illiquidity have no such split.

    Raises DealerLimitsError for an unknown world or a share outside [0, 1].
    """
    if reaction_share is not None and not 0 <= reaction_share <= 1:
        raise DealerLimitsError(f"reaction share {reaction_share}: expected a number from 0 to 1")
    return with_world(parameter_values(), world, reaction_share)


def with_world(values: Mapping[str, float], world: str, reaction_share: float | None = None) -> Parameters:
    """`values` of the world `paper` turned into those of `world`; see `world_parameters`."""
    if world not in WORLDS:
        raise DealerLimitsError(f"unknown world {world}: choose from {', '.join(WORLDS)}")
    scale = WORLDS[world]
    turned = {}
    for row in parameter_rows():
        value = values[row.parameter]
        if row.role == "reaction":
            value *= scale
        elif row.role == "reaction_bounded":
            value *= min(scale, 1.0)
        if reaction_share is not None:
            value *= _share_factor(row, reaction_share)
        turned[row.parameter] = value
    return MappingProxyType(turned)


def _share_factor(row: ParameterRow, reaction_share: float) -> float:
    position = row.parameter.removeprefix("var_on_log_")
    fitted = next((share for start, share in FITTED_REACTION_SHARE.items() if position.startswith(start)), None)
    if fitted is None or row.role not in ("reaction", "mechanical"):
        return 1.0
    return reaction_share / fitted if row.role == "reaction" else (1 - reaction_share) / (1 - fitted)
