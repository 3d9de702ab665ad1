"""The roster of dealers that sell to the Fed and report trades: invented names and identifiers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from dealer_limits.pseudo.firms import SAMPLE_FIRMS

_OTHER_PRIMARY = (
    ("ASHB", "ASHBOURNE SECURITIES LLC"),
    ("BELV", "BELVOIR CAPITAL MARKETS INC."),
    ("CRNW", "CORNWALLIS SECURITIES (USA) INC."),
    ("DELA", "DELAUNAY BANK, NEW YORK BRANCH"),
    ("ERMN", "ERMINE STREET MARKETS LLC"),
    ("FJRD", "FJORDBANK, NEW YORK AGENCY"),
    ("GRNV", "GRANVELLE BANK, NEW YORK BRANCH"),
    ("HMST", "HALMSTAD SECURITIES INC."),
    ("INVK", "INVERKEITHING & SONS LLC"),
    ("KYOB", "KYOBASHI SECURITIES INTERNATIONAL INC."),
    ("LORR", "LORRAINE BANK, NEW YORK BRANCH"),
    ("MNTV", "MONTEVERDE CAPITAL LLC"),
    ("NRDK", "NORDKAP BANK, NEW YORK BRANCH"),
    ("OSLR", "OSLER MACKENZIE SECURITIES INC."),
)
# branches and agencies of banks are no FINRA members: they sell to the Fed and report nothing
NON_REPORTING_PRIMARY = ("DELA", "FJRD", "GRNV", "LORR", "NRDK")
CLEARING_FIRMS = ("CLRA", "CLRB", "CLRC", "CLRD")
TRADING_PLATFORMS = ("ATSA", "ATSB", "ATSC")
NON_PRIMARY_DEALERS = 35
_SUFFIX = {"CLR": "CLEARING CORP.", "ATS": "MARKETS LLC"}
# two dealers outside the event window's list were, or became, primary: dates matter
_LAPSED = {"NP01": ("1996-05-01", "2011-10-31"), "NP02": ("2021-07-01", "")}


def build_roster() -> pd.DataFrame:
    """One row per dealer: mpid, rssd_id (None outside the sample), name, primary_from and primary_to (ISO
    text, blank if never or still), is_primary (in the event window), reports_to_trace, is_clearing,
    is_platform, customer_weight (share of customer business). Sample firms come first, in their order.
    """
    rows = [
        (firm.mpid, firm.rssd_id, f"{firm.name.split()[0]} SECURITIES LLC", "1992-02-03", "") for firm in SAMPLE_FIRMS
    ]
    rows += [(mpid, None, name, "2003-09-15", "") for mpid, name in _OTHER_PRIMARY]
    outsiders = [*CLEARING_FIRMS, *TRADING_PLATFORMS]
    outsiders += [f"NP{number:02d}" for number in range(1, NON_PRIMARY_DEALERS - len(outsiders) + 1)]
    for mpid in outsiders:
        rows.append((mpid, None, f"{mpid} {_SUFFIX.get(mpid[:3], '& CO.')}", *_LAPSED.get(mpid, ("", ""))))
    roster = pd.DataFrame(rows, columns=["mpid", "rssd_id", "name", "primary_from", "primary_to"])
    position = np.arange(len(roster))
    roster["is_primary"] = position < len(SAMPLE_FIRMS) + len(_OTHER_PRIMARY)
    roster["reports_to_trace"] = ~roster["mpid"].isin(NON_REPORTING_PRIMARY)
    roster["is_clearing"] = roster["mpid"].isin(CLEARING_FIRMS)
    roster["is_platform"] = roster["mpid"].isin(TRADING_PLATFORMS)
    is_sample = position < len(SAMPLE_FIRMS)
    weight = np.where(is_sample, 0.055, np.where(roster["is_primary"], 0.025, 0.007))
    unlisted = ~roster["reports_to_trace"] | roster["is_platform"]
    roster["customer_weight"] = np.where(unlisted, 0.0, weight)
    return roster


def write_dealers(roster: pd.DataFrame, path: Path) -> None:
    """`reference/dealers.csv`: MPID, RSSD, NAME, PRIMARY_FROM, PRIMARY_TO."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = roster[["mpid", "rssd_id", "name", "primary_from", "primary_to"]].copy()
    table["rssd_id"] = ["" if pd.isna(rssd_id) else str(int(rssd_id)) for rssd_id in table["rssd_id"]]
    table.columns = ["MPID", "RSSD", "NAME", "PRIMARY_FROM", "PRIMARY_TO"]
    table.sort_values("MPID").to_csv(path, index=False, lineterminator="\n")
