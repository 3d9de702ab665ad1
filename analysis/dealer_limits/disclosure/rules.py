"""When a cell may leave: by how many firms are behind it, and how much of it is one firm's (docs/disclosure.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dealer_limits.errors import DealerLimitsError

TOO_FEW, DOMINANT, TWO_DOMINANT = "too_few_firms", "dominant_firm", "two_dominant_firms"
# not by the cell's own firms: it would tell a withheld one by subtraction
COMPLEMENT = "complement"
# observations of one's own that have no column firm_rssd
NO_FIRMS = "firms_not_known"


@dataclass(frozen=True)
class Rules:
    """least_firms: firms that a cell needs. largest_share, two_largest_share: the (1, k) and (2, k) rules, the most
    that the largest firm, or the two largest, may contribute to a cell, as shares.

    These defaults are the rules' one home; docs/disclosure.md has the reasons.
    """

    least_firms: int = 5
    largest_share: float = 0.6
    two_largest_share: float = 0.85

    def __post_init__(self) -> None:
        if self.least_firms < 3:
            # each of two could take its own part out and have the other's
            raise DealerLimitsError("bad input: --least-firms: expected 3 or more")
        for name in ("largest_share", "two_largest_share"):
            if not 0 < getattr(self, name) <= 1:
                raise DealerLimitsError(f"bad input: --{name.replace('_', '-')}: expected a share above 0, at most 1")

    def reason(self, contributions: Mapping[str, np.ndarray] | None) -> str:
        """Why a cell is withheld, "" where it may leave.

        contributions: by measure, an amount per firm, and empty of a cell that is of no firm; None where firms are
        not known. Each measure has to pass, but for one of which all is zero.
        """
        if contributions is None:
            return NO_FIRMS
        if not contributions:
            return ""
        found = []
        for amounts in contributions.values():
            ordered = np.sort(amounts[amounts > 0])[::-1]
            if not len(ordered):
                continue
            total = ordered.sum()
            if len(ordered) < self.least_firms:
                found.append(TOO_FEW)
            elif ordered[0] / total > self.largest_share:
                found.append(DOMINANT)
            elif ordered[:2].sum() / total > self.two_largest_share:
                found.append(TWO_DOMINANT)
            else:
                found.append("")
        if not found:
            return TOO_FEW
        return next((reason for reason in (TOO_FEW, DOMINANT, TWO_DOMINANT) if reason in found), "")


def firms_behind(contributions: Mapping[str, np.ndarray]) -> int:
    """The number of firms of the measure that has the fewest."""
    counts = [int((amounts > 0).sum()) for amounts in contributions.values()]
    return min((count for count in counts if count), default=0)
