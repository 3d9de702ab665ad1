"""The invented firms whose desks are in the sample. RSSD ids are outside the range in use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Firm:
    """A top-tier holding company; `is_eslr` firms must hold 5% of leverage exposure, others 3%."""

    rssd_id: int
    name: str
    mpid: str
    is_eslr: bool


SAMPLE_FIRMS: tuple[Firm, ...] = (
    Firm(9900017, "ALDERWICK BANCORP, INC.", "ALDR", True),
    Firm(9900026, "BRACKENRIDGE FINANCIAL CORPORATION", "BRCK", True),
    Firm(9900035, "CALLOWAY & CO.", "CALW", True),
    Firm(9900044, "DUNMORE GROUP, INC., THE", "DNMR", True),
    Firm(9900053, "EASTHAVEN CORPORATION", "EAST", True),
    Firm(9900062, "FAIRLEIGH STANLEY", "FRLH", True),
    Firm(9900071, "GLENCAIRN & COMPANY", "GLCN", True),
    Firm(9900080, "HELVETIA AMERICAS HOLDING LLC", "HLVA", False),
    Firm(9900099, "IBERIA US HOLDINGS CORPORATION", "IBUS", False),
    Firm(9900107, "JUTLAND AMERICA HOLDINGS LLC", "JTLD", False),
)
