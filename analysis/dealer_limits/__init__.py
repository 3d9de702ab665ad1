"""Dealer Limits: dealers' trading-desk risk limits, from raw files to estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def estimate(*args: Any, **options: Any) -> pd.DataFrame:
    """Estimate tables, or one regression, on a warehouse: see `estimation.frame.estimate`."""
    # statistical packages are imported by whoever estimates
    from dealer_limits.estimation.frame import estimate as run

    return run(*args, **options)
